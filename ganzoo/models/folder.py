"""The model folder: which files it has, and its configuration. Nothing here needs torch."""

from __future__ import annotations

import math
import stat
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from ganzoo.catalogue import PluginReference
from ganzoo.errors import GanzooError
from ganzoo.files import read_json
from ganzoo.layout import (
    CARD,
    CONFIG,
    DISCRIMINATOR,
    INPUTS,
    METRICS,
    PARTNERS,
    TRAINING,
    WEIGHTS,
)
from ganzoo.models.hub_name import is_commit
from ganzoo.options import Options, make
from ganzoo.spec import SampleSpec

FORMAT: Final = 1
NAMES: Final = (CARD, CONFIG, METRICS, WEIGHTS, DISCRIMINATOR, PARTNERS, INPUTS, TRAINING)
_MOST_BYTES: Final = 16 << 20  # of a file other than weights and samples
_MOST_DEPTH: Final = 50  # of objects and lists in one another


class ModelConfig(Options):
    """``config.json``: what is needed to build the generator.

    plugin: the distribution, version and module that the architecture comes from; empty where
    nobody packaged it. options: the architecture's. spec: what one sample is. input_spec: what
    the generator works from; None: from latents.
    """

    format: int = FORMAT
    architecture: str = Field(min_length=1, max_length=200)
    plugin: PluginReference = PluginReference()
    options: dict[str, Any]
    spec: dict[str, Any]
    input_spec: dict[str, Any] | None = None


def inside(path: Path, name: str) -> Path:
    """A file of a model folder. Raises GanzooError where it is no file, or a link out of it.

    A link could make a model of somebody else publish a private file of the user's.
    """
    file = path / name
    try:
        target = file.resolve(strict=True)
        if not stat.S_ISREG(target.stat().st_mode):
            raise GanzooError(f"{file} is no file")
    except FileNotFoundError:
        raise GanzooError(f"{file} is missing") from None
    except (OSError, RuntimeError) as error:  # a link to itself
        raise GanzooError(f"{file}: cannot be read: {error}") from None
    folder = path.resolve()
    # The Hub's cache keeps the files of all revisions beside, and links to them.
    cache = folder.parent.parent / "blobs" if is_commit(folder.name) else folder
    if not (target.is_relative_to(folder) or target.is_relative_to(cache)):
        raise GanzooError(f"{file} is a link to {target}, outside of the model folder; copy it in")
    return file


def read_config(path: Path) -> tuple[ModelConfig, SampleSpec]:
    """The configuration in a model folder, and the sample spec in it.

    Raises GanzooError where it is damaged or of a newer ganzoo.
    """
    where = path / CONFIG
    values = small_json(path, CONFIG)
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise GanzooError(f"{where}: not a model of ganzoo's: it has no format version")
    if values["format"] > FORMAT:
        raise GanzooError(
            f"{where}: written by a newer ganzoo (format {values['format']}, this one reads "
            f"{FORMAT}): pip install --upgrade torch-ganzoo"
        )
    if values["format"] != FORMAT:
        raise GanzooError(f"{where}: there is no format {values['format']}")
    config = make(ModelConfig, values, str(where))
    try:
        if config.input_spec is not None:
            SampleSpec.from_json(config.input_spec)
        return config, SampleSpec.from_json(config.spec)
    except GanzooError as error:
        raise GanzooError(f"{where}: {error}") from None


def small_json(path: Path, name: str) -> Any:
    """The JSON of a small file. Raises GanzooError where it is damaged or absurd."""
    value = read_json(_small(path, name))
    if not _sound(value):
        raise GanzooError(f"{path / name}: nested too deep, or with a number or text that is none")
    return value


def read_object(path: Path, name: str) -> dict[str, Any]:
    """An optional file of a model folder with a JSON object; empty where there is none."""
    if not (path / name).exists():
        return {}
    value = small_json(path, name)
    if not isinstance(value, dict):
        raise GanzooError(f"{path / name}: not a JSON object")
    return value


def read_card(path: Path) -> str:
    """The card of a model folder; empty where there is none."""
    if not (path / CARD).exists():
        return ""
    return _small(path, CARD).read_text(encoding="utf-8", errors="replace")


def _small(path: Path, name: str) -> Path:
    file = inside(path, name)
    size = file.stat().st_size
    if size > _MOST_BYTES:
        raise GanzooError(f"{file}: {size} bytes; it should have at most {_MOST_BYTES}")
    return file


def _sound(value: Any, depth: int = 0) -> bool:
    """Whether JSON can be written again: finite numbers, whole texts, not nested too deep."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return depth < _MOST_DEPTH and all(_sound(inner, depth + 1) for inner in value)
    return not isinstance(value, float) or math.isfinite(value)
