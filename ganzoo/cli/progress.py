"""Progress of a training: a bar on a terminal, plain lines anywhere else. On standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ganzoo.cli.streams import Lenient, say
from ganzoo.engine.observers import Observer
from ganzoo.errors import plain
from ganzoo.figure_name import quality_figures
from ganzoo.runs.folder import RunFolder


class Lines(Observer):
    """One plain line a logged step."""

    #: Whether this process is the one that tells; of several, the others' observers hear nothing.
    telling = False

    def started(self, run: RunFolder, step: int) -> None:
        self.telling = True
        self.last = run.config.training.steps
        self.began, self.first = time.monotonic(), step
        begins = f"from step {step}" if step else "from the beginning"
        self.say(f"{run.path}: {run.config.architecture}, {begins} to {self.last}")

    def noted(self, message: str) -> None:
        self.say(message)

    def logged(self, line: dict[str, Any]) -> None:
        self.say(
            f"step {line['step']}/{self.last}  {numbers(line)}  left {self.left(line['step'])}"
        )

    def say(self, text: str) -> None:
        say(text)

    def left(self, step: int) -> str:
        """The time left at the pace so far."""
        spent = time.monotonic() - self.began
        seconds = int(spent / max(1, step - self.first) * (self.last - step))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Bar(Lines):
    """A bar with step, losses, samples a second and time left."""

    def __init__(self, bar: Progress) -> None:
        self.bar = bar

    def started(self, run: RunFolder, step: int) -> None:
        super().started(run, step)
        self.task = self.bar.add_task("", total=self.last, completed=step)

    def stepped(self, step: int) -> None:
        self.bar.update(self.task, completed=step)

    def logged(self, line: dict[str, Any]) -> None:
        self.bar.update(self.task, description=numbers(line))

    def sampled(self, step: int, path: Path) -> None:
        self.say(f"step {step}: {path}")

    def say(self, text: str) -> None:
        self.bar.console.print(plain(text), highlight=False, markup=False)


def numbers(line: dict[str, Any]) -> str:
    """The figures of a line of metrics that a person follows."""
    measured = [
        f"  {figure} {value:.4g}"
        for figure, value in quality_figures(line).items()
        if figure.name == "fid"
    ]
    return (
        f"D {line['discriminator_loss']:.3f}  G {line['generator_loss']:.3f}  "
        f"{line['samples_per_second']:.0f} samples/s{''.join(measured)}"
    )


@contextlib.contextmanager
def progress() -> Iterator[Lines]:
    """The observer that fits where standard error goes."""
    console = Console(file=cast(IO[str], Lenient(sys.stderr)))
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, redirect_stderr=False, redirect_stdout=False) as bar:
        yield Bar(bar)
