"""A run as one HTML file that can be mailed: it holds all its pictures, and asks nothing of a
network. All text in it is escaped, as a run may come from somebody else."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from ganzoo.charts import Curves, check_matplotlib, svg
from ganzoo.errors import GanzooError, cannot_write
from ganzoo.figure_name import FigureName, quality_figures
from ganzoo.files import free_path, read_json, user_path, write_bytes
from ganzoo.html import table, text
from ganzoo.layout import CONFIG
from ganzoo.models.records import Measured, TrainingRecord, read_metrics
from ganzoo.options import make
from ganzoo.plugins import command_line
from ganzoo.runs.checkpoints import STATE
from ganzoo.runs.folder import RunFolder, model_training
from ganzoo.version import __version__
from ganzoo.view.grids import element, through_time

_FRAMES: Final = 24
_BUDGET: Final = 4_000_000  # letters that samples may take
_WARNINGS: Final = 50
_USUAL: Final = "report.html"


def write_report(run: RunFolder, path: str | os.PathLike[str] | None = None) -> Path:
    """Write the report on a run, whole or not at all, and return its file.

    path: the file; what is there is replaced. Without it, ``report.html`` in the current folder,
    or the next name that is free. Raises GanzooError where matplotlib is not installed and where
    the file cannot be written.
    """
    check_matplotlib()
    file = free_path(Path(_USUAL)) if path is None else user_path(path)
    if file.suffix.lower() not in (".html", ".htm"):
        raise GanzooError(f"{file}: a report is written as .html")
    if file.is_dir():
        raise GanzooError(f"{file} is a folder; a report is written to a file")
    if not file.parent.is_dir():
        raise GanzooError(f"{file}: there is no folder {file.parent}")
    if not os.access(file.parent, os.W_OK):  # before all of it is drawn
        raise GanzooError(f"{file}: cannot be written: no permission for {file.parent}")
    content = report(run).encode("utf-8", "backslashreplace")
    try:
        write_bytes(file, content)
    except OSError as error:
        raise cannot_write(file, error) from None
    return file


def report(run: RunFolder) -> str:
    """The report on a run, as HTML."""
    facts = _Facts(run)
    sections = [
        _head(facts),
        _samples(facts),
        _quality(facts),
        _curves(facts),
        _health(facts),
        _repeat(facts),
        _configuration(facts),
    ]
    assets = resources.files("ganzoo.view")
    style, script = (assets.joinpath(f"report.{end}").read_text("utf-8") for end in ("css", "js"))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Whatever a run's text might try: nothing is fetched.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; media-src data:; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'\">\n"
        f"<title>{text(run.title())}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + f"\n</main>\n<footer>Written by ganzoo {text(__version__)}.</footer>\n"
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


class _Facts:
    """What a run's files tell, each read once. faults: what could not be read."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.faults: list[str] = []
        self.warnings: list[tuple[int, str]] = []
        self.last: Mapping[str, Any] = {}
        self.metrics: dict[str, Measured] = {}
        with self._noting():
            self.metrics = read_metrics(run.model_path)
        floors = {name: m.floor for name, m in self.metrics.items() if m.floor is not None}
        self.curves = Curves((), {})
        with self._noting():
            self.curves = Curves(self._lines(), floors)
        self.training, self.record = TrainingRecord(), self._record()
        with self._noting():
            self.training = make(TrainingRecord, self.record, "the record of the training")

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (GanzooError, OSError) as error:
            self.faults.append(str(error))

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        """The lines of metrics, whose warnings are kept as they pass."""
        for line in self.run.log:
            messages = line.get("warnings")
            for message in messages if isinstance(messages, list) else ():
                if isinstance(message, str) and len(self.warnings) < _WARNINGS:
                    self.warnings.append((line["step"], message[:1000]))
            self.last = line
            yield line

    def _record(self) -> dict[str, Any]:
        """How it was trained, as its model says, or else its newest checkpoint."""
        with self._noting():
            if record := model_training(self.run.model_path):
                return record
            for step in self.run.checkpoints.steps()[:1]:
                state = read_json(self.run.checkpoints.path(step) / STATE)
                found = state.get("training") if isinstance(state, dict) else None
                return found if isinstance(found, dict) else {}
        return {}

    def number(self, name: str) -> float | None:
        """A figure of the newest line."""
        value = self.last.get(name)
        return value if isinstance(value, int | float) and abs(value) < 1e15 else None


def _head(facts: _Facts) -> str:
    run = facts.run
    tiles = [("progress", run.progress())]
    quality = {name: m for name, m in facts.metrics.items() if m.data is not None}
    for name, measured in quality.items():
        figure = FigureName.parse(name)
        if figure is not None and figure.name == "fid":
            tiles.append((f"FID, {figure.features}", _measured(measured)))
    if not quality:
        for figure, value in quality_figures(facts.last).items():
            if figure.name == "fid" and abs(value) < 1e15:
                tiles.append((f"FID, {figure.features}", f"{value:.4g}"))
    if (seconds := facts.number("seconds")) is not None:
        tiles.append(("time of training", _duration(seconds)))
    if (speed := facts.number("samples_per_second")) is not None:
        tiles.append(("samples a second", f"{speed:,.0f}"))
    if facts.training.device:
        tiles.append(("device", f"{facts.training.device}, {facts.training.precision or ''}"))
    shown = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in tiles
    )
    faults = "".join(f'<p class="warning">{text(fault)}</p>' for fault in facts.faults)
    return f"<header><h1>{text(run.title())}</h1><dl>{shown}</dl>{faults}</header>"


def _samples(facts: _Facts) -> str:
    frames: list[tuple[int, str]] = []
    with contextlib.suppress(OSError, GanzooError):
        frames = through_time(facts.run, _FRAMES, _BUDGET)
    if not frames:
        return _section("Samples", "<p>No samples were made yet.</p>")
    shown = "".join(
        f'<figure class="frame"><figcaption>step {step:,}</figcaption>{content}</figure>'
        for step, content in frames
    )
    about = "The same latents at each of these steps." if len(frames) > 1 else ""
    film = f'<div class="made"><div class="film">{shown}</div></div>'
    real = ""
    with contextlib.suppress(OSError, GanzooError):
        if (path := facts.run.reals()) is not None:
            content = element(path, "real samples")
            real = f"<figure><figcaption>real samples</figcaption>{content}</figure>"
    return _section("Samples through time", f'<div class="beside">{film}{real}</div>', about)


def _quality(facts: _Facts) -> str:
    quality = {name: m for name, m in facts.metrics.items() if m.data is not None}
    if not quality:
        about = command_line("evaluate", facts.run.path, "--data", "DATA")
        return _section(
            "Quality", f"<p>Not measured. To measure it: <code>{text(about)}</code></p>"
        )
    ways = list(dict.fromkeys(_how(m) for m in quality.values()))
    head = ["figure", "value", "real against real", "noise"]
    rows = [[n, _measured(m), _bound(m.floor), _bound(m.ceiling)] for n, m in quality.items()]
    if len(ways) > 1:
        head.append("how")
        rows = [[*row, _how(m)] for row, m in zip(rows, quality.values(), strict=True)]
    about = (
        "Real against real is one half of the data against the other: about the best that can be "
        "expected. Noise stands in place of samples: the worst."
    )
    if len(ways) == 1:
        about = f"Measured with {ways[0]}. {about}"
    return _section("Quality", f'<div class="wide">{table(rows, head, sides=True)}</div>', about)


def _curves(facts: _Facts) -> str:
    charts = [
        f"<figure><figcaption><strong>{text(panel.title)}</strong> {text(panel.about)}"
        f"</figcaption>{svg(facts.curves, panel, number)}</figure>"
        for number, panel in enumerate(facts.curves.panels)
    ]
    if not charts:
        return _section("Curves", "<p>No metrics were logged yet.</p>")
    return _section("Curves", f'<div class="charts">{"".join(charts)}</div>')


def _health(facts: _Facts) -> str:
    if not facts.warnings:
        return _section("Health", "<p>No warnings while it trained.</p>")
    shown = "".join(f'<p class="warning">{text(message)}</p>' for _, message in facts.warnings)
    return _section("Health", shown)


def _repeat(facts: _Facts) -> str:
    training, record = facts.training, facts.record
    if training.command:
        how = f"<pre>{text(training.command)}</pre>"
    else:
        command = command_line("train", "--config", facts.run.path / CONFIG)
        how = (
            f"<p>From the run's own configuration, where its class and its data have a name:</p>"
            f"<pre>{text(command)}</pre>"
        )
    data = training.data
    rows: list[tuple[str, object]] = []
    if data is not None:
        count = f", {data.samples:,} samples" if data.samples is not None else ""
        rows.append(("data", f"{data.name}{f':{data.split}' if data.split else ''}{count}"))
        rows.append(("fingerprint", data.sha256 or "not known"))
    rows += [(name, value) for name, value in training.versions.items()]
    hardware = {
        "device": training.device,
        "precision": training.precision,
        "processes": training.processes,
        "threads": training.threads,
        "seed": training.seed,
        "seconds": record.get("seconds") if isinstance(record.get("seconds"), float) else None,
    }
    rows += [(name, value) for name, value in hardware.items() if value is not None]
    return _section("To repeat it", how + (table(rows, sides=True) if rows else ""))


def _configuration(facts: _Facts) -> str:
    values = facts.run.config.model_dump(mode="json")
    plain = {k: v for k, v in values.items() if not isinstance(v, dict)}
    groups = {"run": plain} | {k: v for k, v in values.items() if isinstance(v, dict) and v}
    shown = "".join(
        f"<details><summary>{text(name.replace('_', ' '))}</summary>"
        + table(((key, _value(value)) for key, value in group.items()), sides=True)
        + "</details>"
        for name, group in groups.items()
    )
    return _section("Configuration", shown)


def _section(title: str, content: str, about: str = "") -> str:
    words = f"<p>{text(about)}</p>" if about else ""
    return f"<section><h2>{text(title)}</h2>{words}{content}</section>"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _measured(measured: Measured) -> str:
    spread = "" if measured.spread is None else f" ± {measured.spread:.2g}"
    caution = f" ({measured.caution})" if measured.caution else ""
    return f"{_bound(measured.value)}{spread}{caution}"


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _how(measured: Measured) -> str:
    data = measured.data
    against = f", against {data.name}{f':{data.split}' if data.split else ''}" if data else ""
    return f"{measured.how}{against}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.3g} s"
