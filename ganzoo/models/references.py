"""Where models are: runs, folders, the local registry, bundled ones, the Hub. Imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, Literal

from ganzoo.entries import ArchitectureEntry, ModelEntry
from ganzoo.errors import GanzooError, unknown
from ganzoo.files import read_json
from ganzoo.home import models_home
from ganzoo.layout import CONFIG, TRAINING, WEIGHTS, is_model, is_run
from ganzoo.models.hub_name import PREFIX, HubName, is_repo
from ganzoo.plugins import catalogue

_MOST_BYTES: Final = 16 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Place:
    """Where a model is. name: what the user would type to mean it again.

    path: its folder, or None where it must be downloaded first. hub: its name there.
    """

    kind: Literal["run", "folder", "local", "bundled", "hub"]
    name: str
    path: Path | None = None
    hub: HubName | None = None


def list_architectures() -> list[str]:
    """The names of all installed architectures."""
    return list(catalogue().entries(ArchitectureEntry))


def list_models(pattern: str = "*", remote: bool = False) -> list[str]:
    """The names of models that `ganzoo.load` takes: of the local registry and bundled ones.

    pattern: with the wildcards of a shell. remote: also the models on the Hub that are tagged
    ``ganzoo``, as ``hf://owner/name``. Raises GanzooError where the Hub does not answer.
    """
    names = [place.name for place in known_models()]
    if remote:
        from ganzoo.models.hub import list_remote

        names += [model.name for model in list_remote()]
    return sorted({name for name in names if matches(name, pattern)})


def find_place(model: str | os.PathLike[str]) -> Place:
    """Where the model called `model` is; folders first, then names.

    Raises GanzooError where there is none, with the nearest name or the right form.
    """
    text = os.fspath(model) if isinstance(model, str | os.PathLike) else ""
    if not isinstance(text, str) or not text:
        raise GanzooError(f"model {model!r}: it takes a folder, a name, or {PREFIX}OWNER/NAME")
    if text.startswith(PREFIX):
        return Place("hub", text, hub=HubName.parse(text))
    known = {place.name: place for place in known_models()}
    try:
        path = Path(text).expanduser()
        if is_model(path):
            return Place("folder", text, path)
        if is_run(path):
            return Place("run", text, path)
        folder = path.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nobody, a zero byte
        raise GanzooError(f"model {text[:100]!r}: {error}") from None
    if text in known:
        return known[text]
    if folder:
        raise GanzooError(
            f"{text} is no run and no model folder: it has no {CONFIG} with {WEIGHTS}"
        )
    if is_repo(text):
        raise GanzooError(
            f"{text}: there is no such folder. If a model on the Hugging Face Hub is meant: "
            f"{PREFIX}{text}"
        )
    raise unknown("model", text, known, "There is no such folder either. See: ganzoo list")


def known_models() -> Iterator[Place]:
    """The models that have a name here; one of the local registry hides a bundled one."""
    home = models_home()
    local = sorted(path for path in home.glob("*") if _NAME.fullmatch(path.name) and path.is_dir())
    for path in local:
        yield Place("local", path.name, path)
    names = {path.name for path in local}
    for name, entry in catalogue().entries(ModelEntry).items():
        if name not in names:
            yield Place("bundled", name, Path(entry.target))


def local_path(name: str) -> Path:
    """Where the local registry has, or would have, the model `name`. Raises for no fit name."""
    if not _NAME.fullmatch(name):
        raise GanzooError(
            f"{name!r}: a name in the registry has letters, digits, '-', '_' and '.', and begins "
            "with a letter or a digit"
        )
    return models_home() / name


def summary(path: Path) -> str:
    """One line on a model folder, for a list."""
    try:
        config: Any = _small_json(path / CONFIG)
        shape = "x".join(str(length) for length in config["spec"]["shape"])
        text = f"{config['architecture']}, {config['spec']['kind']} {shape}"
        if (path / TRAINING).is_file():
            data: Any = _small_json(path / TRAINING).get("data")
            text += f", trained on {data['source'] or data['name']}" if data else ""
    except (KeyError, TypeError, AttributeError):
        return f"damaged: {CONFIG} or {TRAINING} is not a model's"
    except GanzooError as error:
        return f"damaged: {error}"
    return text


def _small_json(path: Path) -> Any:
    # A list must not wait for a pipe, nor read a file without end.
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        raise GanzooError(f"{path.name} is no small file")
    return read_json(path)


def check_step(place: Place, step: int | None) -> None:
    """Raise GanzooError where a step is asked for of what has none."""
    if step is not None and place.kind != "run":
        raise GanzooError(f"step {step}: {place.name} is no run; only a run has steps")


def matches(name: str, pattern: str) -> bool:
    """Whether a name is meant by a pattern with the wildcards of a shell; with hf:// or without."""
    return fnmatch(name, pattern) or fnmatch(name.removeprefix(PREFIX), pattern)
