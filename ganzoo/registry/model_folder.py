"""The model folder: a generator with all that is needed to load it, and no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError, one_line
from ganzoo.files import read_json, write_folder, write_json
from ganzoo.generator import Generator
from ganzoo.options import make
from ganzoo.plugins import catalogue
from ganzoo.spec import SampleSpec
from ganzoo.tensors import load_tensors, save_tensors

FORMAT: Final = 1
CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"


def save_model(
    path: Path, generator: Generator, plugin: dict[str, str], training: dict[str, Any]
) -> None:
    """Write a model folder whole. training: where the weights come from, as plain JSON."""
    samples = generator.sample(64, seed=0)
    suffix = generator.kind.suffixes[0]
    config = {
        "format": FORMAT,
        "architecture": generator.name,
        "plugin": plugin,
        "options": generator.config.model_dump(mode="json"),
        "spec": generator.spec.to_json(),
    }

    def fill(folder: Path) -> None:
        write_json(folder / CONFIG, config)
        write_json(folder / "training.json", training)
        save_tensors(generator.network.state_dict(), folder / WEIGHTS)
        (folder / f"samples{suffix}").write_bytes(generator.kind.render(samples, suffix))

    write_folder(path, fill)


def load_model(path: Path, architecture: type[Architecture] | None = None) -> Generator:
    """The generator in a model folder, on the CPU.

    architecture: the class, where no installed plugin offers it. Raises GanzooError where the
    folder is damaged, or made by a newer ganzoo or a plugin that is not installed.
    """
    config = read_json(path / CONFIG)
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise GanzooError(f"{path / CONFIG}: not a model's configuration")
    if config["format"] > FORMAT:
        raise GanzooError(
            f"{path}: written by a newer ganzoo (format {config['format']}); upgrade torch-ganzoo"
        )
    try:
        name, options = str(config["architecture"]), dict(config["options"])
        spec = SampleSpec.from_json(config["spec"])
        plugin = {str(key): str(value) for key, value in config["plugin"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GanzooError(f"{path / CONFIG}: not a model's configuration: {error!r}") from None
    found = architecture or find_architecture(name, plugin)
    try:
        made = found(spec, make(found.Config, options, name))
    except ValueError as error:
        raise GanzooError(f"{path / CONFIG}: {name}: {error}") from None
    return build_generator(made, load_tensors(path / WEIGHTS), name, str(path / WEIGHTS))


def build_generator(
    architecture: Architecture, tensors: dict[str, Tensor], name: str, where: str
) -> Generator:
    """A generator with the weights `tensors`. Raises GanzooError where they do not fit."""
    network = architecture.build_generator()
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise GanzooError(
            f"{where}: does not fit {name} as it is installed: {one_line(error)}"
        ) from None
    return Generator(architecture, network.requires_grad_(False).eval(), name)


def find_architecture(name: str, plugin: dict[str, str] | None = None) -> type[Architecture]:
    """The architecture called `name`; the nearest is suggested where there is none.

    plugin: where a run or a model had it from, for the message where it is no longer installed.
    """
    entries = catalogue().entries(ArchitectureEntry)
    if name not in entries and plugin is not None:
        file, distribution = plugin.get("module", ""), plugin.get("distribution", "")
        if file.endswith(".py"):
            remedy = f"it comes from a file: ganzoo --plugin {file} ..."
        elif distribution:
            remedy = (
                f"it comes from {distribution} {plugin.get('version', '')}, which is not "
                f"installed or is broken (see: ganzoo plugins): pip install {distribution}"
            )
        else:
            remedy = "nobody packaged it: from Python, pass architecture= with its class"
        raise GanzooError(f"architecture {name!r} is not here; {remedy}")
    found = catalogue().find(ArchitectureEntry, "architecture", name, "See: ganzoo list").load()
    if not (isinstance(found, type) and issubclass(found, Architecture)):
        raise GanzooError(f"architecture {name!r}: {found!r} is no subclass of ganzoo.Architecture")
    return found


def plugin_of(name: str) -> dict[str, str]:
    """Where the architecture called `name` comes from, for the record."""
    entry = catalogue().entries(ArchitectureEntry).get(name)
    if entry is None:
        return {}
    plugin = catalogue().plugin_of(entry)
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
    }
