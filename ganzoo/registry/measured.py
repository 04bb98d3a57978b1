"""Figures of quality into a model folder: its metrics.json and its card."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ganzoo.errors import GanzooWarning, cannot_write
from ganzoo.layout import DISCRIMINATOR
from ganzoo.registry.generator import Generator
from ganzoo.registry.model_folder import read_card
from ganzoo.registry.places import find_place
from ganzoo.registry.records import Measured
from ganzoo.registry.save import NAMELESS, write_model
from ganzoo.tensors import load_tensors


def write_figures(
    model: str | os.PathLike[str], generator: Generator, figures: Mapping[str, Measured]
) -> Path | None:
    """Write the figures of a model into the folder that it was loaded from, and return it.

    Figures of the same names are replaced, others stay. None for a bundled model and for one of
    the Hub, which are not the user's to change, and for a run that is not finished.
    """
    folder = _folder(model)
    if folder is None:
        return None
    about = replace(generator.about, metrics={**generator.about.metrics, **figures})
    kept = folder / DISCRIMINATOR
    discriminator = load_tensors(kept) if kept.is_file() else None
    try:
        write_model(folder, generator, about, _name(folder), discriminator=discriminator)
    except OSError as error:
        raise cannot_write(folder, error) from None
    generator.about = about
    return folder


def _folder(model: str | os.PathLike[str]) -> Path | None:
    """The model folder behind what the user named, where it is the user's own."""
    place = find_place(model)
    if place.kind == "run":
        from ganzoo.engine.run import RunFolder

        assert place.path is not None
        run = RunFolder.open(place.path)
        if not run.finished:
            warnings.warn(
                f"{run.path} is not finished: the figures are of its newest checkpoint, and are "
                "not written down",
                GanzooWarning,
                stacklevel=4,
            )
            return None
        return run.model_path
    return place.path if place.kind in ("folder", "local") else None


def _name(folder: Path) -> str:
    """What the card says to load, which stays."""
    found = re.search(r'ganzoo\.load\("([^"\n]+)"', read_card(folder))
    return found[1] if found else NAMELESS
