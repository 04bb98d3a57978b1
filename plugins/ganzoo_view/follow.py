"""What a run's folder holds now, read again while it trains."""

from __future__ import annotations

import time
from html import escape
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ganzoo import FigureName, GanzooError, RunFolder
from ganzoo_view import shown

_AT_ONCE: Final = 200  # lines that are read from the log's end
_POINTS: Final = 400  # of a curve: more are not told apart
_NOW: Final = 60.0  # seconds; a run that wrote later than that is taken to be training

#: For each run in turn two colours, which those who see few colours tell apart, too.
COLOURS: Final = (
    ("#0072b2", "#d55e00"),
    ("#009e73", "#cc79a7"),
    ("#56b4e9", "#e69f00"),
    ("#5b4fa2", "#a23b3b"),
    ("#66c2a5", "#fc8d62"),
    ("#7f7f7f", "#bcbd22"),
)


class Gone(GanzooError):
    """A run's folder is no longer there."""


class Followed:
    """A run, and what was read of it so far. name: how the page calls it. number: its place among
    the runs of the page."""

    def __init__(self, run: RunFolder, name: str, number: int = 0) -> None:
        self.run, self.name = run, name
        self.colours = COLOURS[number % len(COLOURS)]
        self._lines: list[dict[str, Any]] = []

    def lines(self) -> list[dict[str, Any]]:
        """The logged lines, in order. Raises Gone."""
        self._check()
        newest = self.run.log.newest(_AT_ONCE)
        if not newest or not self._lines or newest[0]["step"] > self._lines[-1]["step"] + 1:
            self._lines = self.run.metrics() if len(newest) == _AT_ONCE else newest
        else:  # a run that was resumed from an earlier step has written lines anew
            begin = newest[0]["step"]
            self._lines = [line for line in self._lines if line["step"] < begin] + newest
        return self._lines

    def grids(self) -> list[tuple[int, Path]]:
        """The files of samples with their steps, in order. Raises Gone."""
        self._check()
        return self.run.samples()

    def signature(self) -> tuple[Any, ...]:
        """What changes whenever the run has written something."""
        found: list[Any] = []
        for path in (self.run.place("metrics.jsonl"), self.run.place("samples"), self.run.path):
            try:
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size))
            except OSError:
                found.append(None)
        return tuple(found)

    def _check(self) -> None:
        if not (self.run.path / "config.json").is_file():
            raise Gone(f"{self.run.path} is gone: it was removed or moved.")

    def reals(self) -> Path | None:
        """The file of real samples, where there is one."""
        return self.run.reals()

    def head(self) -> str:
        """A card with what the run is and how far it is."""
        lines = self.lines()
        config = RunFolder.open(self.run.path).config  # which a resume may have changed
        last: dict[str, Any] = lines[-1] if lines else {}
        step, steps = int(last.get("step", 0)), config.training.steps
        parts = [f"step {step:,} of {steps:,}", self._state(step, steps)]
        if "samples_per_second" in last and step < steps:
            parts.append(f"{last['samples_per_second']:,.0f} samples a second")
        figures = _newest_figures(lines)
        parts += [f"{name} {value:.4g}" for name, value in list(figures.items())[:2]]
        warned = [text for line in lines for text in line.get("warnings", ())]
        warning = f'<p class="gz-warning">{escape(str(warned[-1]))}</p>' if warned else ""
        done = 100 * step / max(steps, 1)
        legend = " ".join(
            f'<span style="--colour:{colour}">{player}</span>'
            for player, colour in zip(("generator", "discriminator"), self.colours, strict=True)
        )
        about = f"{config.architecture} on {config.data.source or 'data in memory'}"
        return (
            f'<div class="gz-card" style="--hue:{self.colours[0]}"><h3>{escape(self.name)}</h3>'
            f'<p class="gz-about">{escape(about)}</p>'
            f'<div class="gz-progress"><span style="width:{done:.1f}%"></span></div>'
            f"<p>{escape(' · '.join(part for part in parts if part))}</p>"
            f'<p class="gz-legend">{legend}</p>{warning}</div>'
        )

    def _state(self, step: int, steps: int) -> str:
        if step >= steps:
            return "finished" if self.run.finished else "writing its model"
        try:
            silent = time.time() - self.run.place("metrics.jsonl").stat().st_mtime
        except OSError:
            return "about to begin"
        return "training" if silent < _NOW else f"last heard of {_ago(silent)} ago"


def _ago(seconds: float) -> str:
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count > 1)}"
    return f"{seconds:.0f} seconds"


def _newest_figures(lines: list[dict[str, Any]]) -> dict[FigureName, float]:
    """The newest figures of quality."""
    for line in reversed(lines):
        named = {FigureName.parse(key): value for key, value in line.items()}
        figures = {name: value for name, value in named.items() if name is not None}
        if figures:
            return figures
    return {}


def keys(runs: list[Followed]) -> list[str]:
    """The names of all figures that the runs have logged, those of quality first."""
    found: dict[str, None] = {}
    for run in runs:
        try:
            for line in (*run.lines()[:1], *run.lines()[-20:]):
                found.update(dict.fromkeys(k for k, v in line.items() if _number(v)))
        except GanzooError:
            continue
    names = [name for name in found if name not in ("step", "seconds")]
    return sorted(names, key=lambda name: (FigureName.parse(name) is None, "health" not in name))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def curves(runs: list[Followed], wanted: tuple[str, ...]) -> tuple[pd.DataFrame, dict[str, str]]:
    """The figures `wanted` over steps, for a plot: columns step, value and series; and the colour
    of each series."""
    rows: list[tuple[int, float, str]] = []
    colours: dict[str, str] = {}
    for run in runs:
        try:
            lines = run.lines()
        except GanzooError:
            continue
        for number, key in enumerate(wanted):
            points = [(line["step"], line[key]) for line in lines if _number(line.get(key))]
            label = key.removesuffix("_loss").replace("health_", "").replace("_", " ")
            series = label if len(runs) == 1 else f"{run.name}: {label}"
            colours[series] = run.colours[number % 2]
            rows += [(step, float(value), series) for step, value in _thinned(points)]
    frame = pd.DataFrame(rows, columns=["step", "value", "series"])
    return frame, colours


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Every so many of the points, and the last."""
    every = -(-len(points) // _POINTS) or 1
    return points[::every] + (points[-1:] if (len(points) - 1) % every else [])


def grid_at(run: Followed, place: int) -> str:
    """The samples at a place on the slider (-1: the newest), with their step. Where a run has
    fewer, its last."""
    grids = run.grids()
    if not grids:
        return shown.note("No samples yet.")
    step, path = grids[max(min(place, len(grids) - 1), -len(grids))]
    try:
        inside = shown.file(path)
    except (OSError, ValueError):
        inside = shown.note("This file cannot be read.")
    return f'<figure class="gz-sheet">{inside}<figcaption>step {step:,}</figcaption></figure>'
