"""Writing figures of quality into a model folder: its metrics.json and its card."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ganzoo.errors import GanzooError, GanzooWarning, cannot_write
from ganzoo.files import sha256, write_bytes, write_json
from ganzoo.layout import CARD, LOCK, METRICS, SAMPLES, WEIGHTS
from ganzoo.links import check_replaceable, held
from ganzoo.locks import Busy, locked
from ganzoo.models.card import NAMELESS, render
from ganzoo.models.folder import inside, read_card, read_object
from ganzoo.models.generator import Generator
from ganzoo.models.own_text import name_in, read_own
from ganzoo.models.records import FORMAT, Measured, metrics_json, read_metrics
from ganzoo.models.references import reference_to
from ganzoo.models.save import describe

_WAIT: Final = 60.0  # seconds, for another evaluation to write what it found; that takes a moment


@dataclass(frozen=True)
class Target:
    """A model folder of the user's own, and the SHA-256 of the weights in it."""

    folder: Path
    weights: str


def target_of(model: str | os.PathLike[str]) -> Target | None:
    """Where the figures of a model can be written. None for a bundled model and for one of the
    Hub, which are not the user's to change, and for a run that is not finished."""
    folder = reference_to(model).figures_folder()
    if folder is None:
        return None
    _check_writable(folder)
    return Target(folder, sha256(inside(folder, WEIGHTS)))


def _check_writable(folder: Path) -> None:
    """Raise GanzooError where figures cannot be written, before they are measured."""
    if not os.access(folder, os.W_OK):
        raise GanzooError(
            f"{folder}: cannot be written, and the figures belong there: permission denied. "
            "In Python, ganzoo.evaluate(ganzoo.load(folder), data) measures and writes nothing"
        )
    check_replaceable(folder / LOCK)
    _record(folder)
    read_metrics(folder)
    read_own(read_card(folder), str(folder / CARD))


def _record(folder: Path) -> dict[str, Any]:
    """metrics.json as it is; empty where there is none. Raises GanzooError where it is newer."""
    record = read_object(folder, METRICS) or metrics_json({})
    if record.get("format") != FORMAT:
        raise GanzooError(
            f"{folder / METRICS}: format {record.get('format')!r}; this one knows {FORMAT}, and "
            "leaves it as it is; upgrade torch-ganzoo"
        )
    return record


def write_figures(target: Target, generator: Generator, figures: Mapping[str, Measured]) -> None:
    """Write the figures of a model into its folder, and leave the others in it as they are.

    Only metrics.json and ganzoo's part of the card are written; nothing, with a warning, where the
    weights are no longer those that were measured.
    """
    with _alone(target.folder):
        _write_figures(target, generator, figures)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others from writing into a model folder between what is read there and written."""
    with contextlib.ExitStack() as locks:
        try:
            locks.enter_context(locked(folder / LOCK, _WAIT))
        except Busy:
            raise GanzooError(
                f"{folder}: another process has been writing into it for {_WAIT:.0f} s, so the "
                "figures were not written down; end it, and measure again"
            ) from None
        except OSError as error:
            raise cannot_write(folder / LOCK, error) from None
        yield


def _write_figures(target: Target, generator: Generator, figures: Mapping[str, Measured]) -> None:
    folder = target.folder
    if sha256(inside(folder, WEIGHTS)) != target.weights:
        warnings.warn(
            f"{folder} has other weights now than those that were measured: the figures are not "
            "written down",
            GanzooWarning,
            stacklevel=5,
        )
        return
    record = _record(folder)
    _warn_of_other_data(read_metrics(folder), figures)
    merged = {**record.get("metrics", {}), **metrics_json(dict(figures))["metrics"]}
    card = read_card(folder)
    try:
        write_json(held(folder / METRICS), {**record, "metrics": merged})
        about = replace(generator.about, metrics=read_metrics(folder))
        grid = f"{SAMPLES}{generator.kind.suffixes[0]}"
        shown = grid if (folder / grid).exists() else ""
        where = str(folder / CARD)
        facts = describe(generator, about, name_in(card, where) or NAMELESS, shown)
        write_bytes(held(folder / CARD), render(facts, read_own(card, where)).encode())
    except OSError as error:
        raise cannot_write(folder, error) from None


def _warn_of_other_data(before: Mapping[str, Measured], figures: Mapping[str, Measured]) -> None:
    """Warn where a figure replaces the same one against other data."""
    for name, measured in figures.items():
        old, new = before.get(name), measured.data
        if old is None or old.data is None or old.during_training or new is None:
            continue
        if old.data.sha256 != new.sha256:
            old_name, new_name = (data.source or data.name for data in (old.data, new))
            warnings.warn(
                f"figures against {old_name} are replaced by those against {new_name}",
                GanzooWarning,
                stacklevel=5,
            )
            return
