"""Progress of a training: a bar on a terminal, plain lines anywhere else. On standard error."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ganzoo.cli.bars import BARS, at_terminal, say
from ganzoo.engine.observers import Observer
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
        say(f"{run.path}: {run.config.architecture}, {begins} to {self.last}")

    def noted(self, message: str) -> None:
        say(message)

    def logged(self, line: dict[str, Any]) -> None:
        say(f"step {line['step']}/{self.last}  {numbers(line)}  left {self.left(line['step'])}")

    def left(self, step: int) -> str:
        """The time left at the pace so far."""
        spent = time.monotonic() - self.began
        seconds = int(spent / max(1, step - self.first) * (self.last - step))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Bar(Lines):
    """A bar with step, losses, samples a second and time left."""

    def started(self, run: RunFolder, step: int) -> None:
        super().started(run, step)
        self.task, self.newest = BARS.begin("", self.last, step), ""

    def stepped(self, step: int) -> None:
        BARS.move(self.task, step)

    def logged(self, line: dict[str, Any]) -> None:
        BARS.move(self.task, line["step"], numbers(line))
        self.newest = f"step {line['step']}/{self.last}  {numbers(line)}"

    def sampled(self, step: int, path: Path) -> None:
        say(f"step {step}: {path}")

    def ended(self, run: RunFolder) -> None:
        BARS.end(self.task)
        if self.newest:
            say(self.newest)  # it stays where the bar was


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


def follower() -> Lines:
    """The observer that fits where standard error goes."""
    return Bar() if at_terminal() else Lines()
