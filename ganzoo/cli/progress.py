"""Progress of a training: a bar on a terminal, plain lines anywhere else. On standard error."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from ganzoo.cli.bars import BARS, at_terminal, say
from ganzoo.engine.observers import Observer
from ganzoo.figure_name import quality_figures
from ganzoo.runs.folder import RunFolder

_LONGEST: Final = 30.0  # seconds between lines
_FIRST_SIGN: Final = 5.0  # seconds


class Pace:
    """When to say a line, so that a fast run floods nothing and a slow one is not silent: the first
    ones at once, then one in `least` seconds, and fewer the longer it lasts."""

    def __init__(self, at_once: int = 20, least: float = 1.0) -> None:
        self.at_once, self.least = at_once, least
        self.began = self.newest = time.monotonic()
        self.said = 0

    def due(self) -> bool:
        """Whether to say a line now; if so, it counts as said."""
        now = time.monotonic()
        gap = min(_LONGEST, max(self.least, (now - self.began) / 20))
        if self.said >= self.at_once and now - self.newest < gap:
            return False
        self.said, self.newest = self.said + 1, now
        return True

    def silent(self) -> bool:
        """Whether nothing was said for so long that one may think that it hangs."""
        longest = _LONGEST if self.said else _FIRST_SIGN
        return time.monotonic() - self.newest >= longest


class Lines(Observer):
    """Plain lines: of steps that are logged, or, where one takes very long, of any step."""

    #: Whether this process is the one that tells; of several, the others' observers hear nothing.
    telling = False

    def started(self, run: RunFolder, step: int) -> None:
        self.telling = True
        self.last, self.batch = run.config.training.steps, run.config.training.batch_size
        self.pace, self.first = Pace(), step
        begins = f"from step {step}" if step else "from the beginning"
        say(f"{run.path}: {run.config.architecture}, {begins} to {self.last}")

    def noted(self, message: str) -> None:
        say(message)

    def stepped(self, step: int) -> None:
        if self.pace.silent() and self.pace.due():
            say(f"step {step}/{self.last}  {self.speed(step)}  left {self.left(step)}")

    def logged(self, line: dict[str, Any]) -> None:
        step = line["step"]
        if self.pace.due() or step == self.last or quality_figures(line):
            say(f"step {step}/{self.last}  {numbers(line)}  left {self.left(step)}")

    def speed(self, step: int) -> str:
        """The pace so far."""
        return f"{(step - self.first) * self.batch / self.spent():.3g} samples/s"

    def left(self, step: int) -> str:
        """The time left at the pace so far."""
        seconds = int(self.spent() / max(1, step - self.first) * (self.last - step))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def spent(self) -> float:
        """Seconds of training."""
        return max(time.monotonic() - self.pace.began, 1e-9)


class Bar(Lines):
    """A bar with step, losses, samples a second and time left."""

    def started(self, run: RunFolder, step: int) -> None:
        super().started(run, step)
        self.pace = Pace(at_once=1, least=10.0)
        self.task, self.newest = BARS.begin("", self.last, step), ""

    def stepped(self, step: int) -> None:
        self.done = step
        BARS.move(self.task, step, None if self.newest else self.speed(step))

    def logged(self, line: dict[str, Any]) -> None:
        self.newest = numbers(line)
        BARS.move(self.task, line["step"], self.newest)

    def sampled(self, step: int, path: Path) -> None:
        if self.pace.due() or step == self.last:
            say(f"step {step}: {path}")

    def ended(self, run: RunFolder) -> None:
        BARS.end(self.task)
        if self.newest:  # it stays where the bar was
            say(f"step {self.done}/{self.last}  {self.newest}")


def numbers(line: dict[str, Any]) -> str:
    """The figures of a line of metrics that a person follows."""
    measured = [
        f"  {figure} {value:.4g}"
        for figure, value in quality_figures(line).items()
        if figure.name == "fid"
    ]
    if "ada_p" in line:  # the share of samples that ADA augments
        measured.append(f"  p {line['ada_p']:.2f}")
    return (
        f"D {line['discriminator_loss']:.3f}  G {line['generator_loss']:.3f}  "
        f"{line['samples_per_second']:.0f} samples/s{''.join(measured)}"
    )


def follower() -> Lines:
    """The observer that fits where standard error goes."""
    return Bar() if at_terminal() else Lines()
