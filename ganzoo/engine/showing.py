"""Progress in Python: bars of tqdm's, on standard error, or as widgets of a notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ganzoo.engine.observers import Observer
from ganzoo.errors import plain
from ganzoo.figure_name import quality_figures
from ganzoo.progress import Advance, shown_by
from ganzoo.runs.folder import RunFolder


@contextlib.contextmanager
def showing(progress: bool) -> Iterator[list[Observer]]:
    """Show how far things are, meanwhile: what to follow a run with. Where not `progress`, who
    shows bars already still does."""
    if not progress:
        yield []
        return
    with shown_by(_bar):
        yield [Steps()]


class Steps(Observer):
    """A bar of a run's steps, with the losses."""

    def started(self, run: RunFolder, step: int) -> None:
        self.done = step
        self.bar = _made(run.path.name, run.config.training.steps, "step", step)

    def stepped(self, step: int) -> None:
        _safely(self.bar.update, step - self.done)
        self.done = step

    def logged(self, line: dict[str, Any]) -> None:
        fids = [
            f"FID {value:.4g}"
            for figure, value in quality_figures(line).items()
            if figure.name == "fid"
        ]
        losses = f"D {line['discriminator_loss']:.3f} G {line['generator_loss']:.3f}"
        _safely(self.bar.set_postfix_str, " ".join([losses, *fids]), refresh=False)

    def ended(self, run: RunFolder) -> None:
        _safely(self.bar.close)


@contextlib.contextmanager
def _bar(what: str, total: int | None, unit: str) -> Iterator[Advance]:
    """One wait, as `ganzoo.progress` tells of it. It is shown once it has lasted two seconds, and
    is gone when it is over."""
    bar = _made(what, total, unit or "it", 0, delay=2.0, leave=False)
    try:
        yield lambda done: _safely(bar.update, done)
    finally:
        _safely(bar.close)


def _made(what: str, total: int | None, unit: str, done: int, **how: Any) -> Any:
    from tqdm.auto import tqdm

    return tqdm(
        desc=plain(what),
        total=total,
        initial=done,
        unit=unit,
        unit_scale=unit == "B",
        dynamic_ncols=True,
        **how,
    )


def _safely(tell: Any, *args: Any, **kwargs: Any) -> None:
    """A terminal that was closed stops no training."""
    with contextlib.suppress(OSError, ValueError):
        tell(*args, **kwargs)
