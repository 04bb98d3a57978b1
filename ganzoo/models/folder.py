"""The model folder: which files it has, and its configuration. Nothing here needs torch."""

from __future__ import annotations

import math
import os
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
    MANIFEST,
    METRICS,
    PARTNERS,
    TRAINING,
    WEIGHTS,
)
from ganzoo.links import open_file
from ganzoo.manifest import Entry, read_manifest
from ganzoo.options import Options, make
from ganzoo.spec import SampleSpec

FORMAT: Final = 1
TENSORS: Final = (WEIGHTS, DISCRIMINATOR, PARTNERS, INPUTS)  # of which the manifest tells
NAMES: Final = (CARD, CONFIG, METRICS, *TENSORS, TRAINING, MANIFEST)
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
    """A file of a model folder. Raises GanzooError where it is missing, no file, or a link out of
    it: such a link could make a model of somebody else publish a private file of the user's."""
    file = path / name
    try:
        open_file(file).close()
    except FileNotFoundError:
        raise GanzooError(f"{file} is missing") from None
    except OSError as error:  # among them a link to itself
        raise GanzooError(f"{file}: cannot be read: {error.strerror}") from None
    return file


def check_tensors(path: Path, name: str) -> None:
    """Compare a file of tensors with what the folder's manifest claims of it.

    A folder from before there were manifests claims nothing. Raises GanzooError where they differ.
    """
    if not (path / MANIFEST).exists() or (claim := _claims(path).get(name)) is None:
        return
    try:
        claim.check(inside(path, name))
    except GanzooError as error:
        if _claims(path).get(name) != claim:  # the folder was replaced meanwhile
            check_tensors(path, name)
            return
        raise GanzooError(
            f"{error}. Copy or download it again; of a run, ganzoo resume writes it anew. If you "
            f"have put other weights there yourself, remove {path / MANIFEST}"
        ) from None


def _claims(path: Path) -> dict[str, Entry]:
    small(path, MANIFEST)
    return read_manifest(path)


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
    value = read_json(small(path, name))
    if not _sound(value):
        raise GanzooError(f"{path / name}: nested too deep, or with an invalid number or text")
    return value


def read_object(path: Path, name: str) -> dict[str, Any]:
    """An optional file of a model folder with a JSON object; empty where there is none."""
    if not os.path.lexists(path / name):
        return {}
    value = small_json(path, name)
    if not isinstance(value, dict):
        raise GanzooError(f"{path / name}: not a JSON object")
    return value


def read_card(path: Path) -> str:
    """The card of a model folder; empty where there is none."""
    if not os.path.lexists(path / CARD):
        return ""
    with open_file(small(path, CARD)) as file:
        return file.read().decode("utf-8", "replace")


def small(path: Path, name: str) -> Path:
    """The same of a file that is never large. Raises GanzooError where it is."""
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
