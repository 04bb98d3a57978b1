"""What a person at a terminal watches, on standard error: bars, and lines above them.

A wait has a bar once it has lasted `PATIENCE` seconds, one after it at once; where there is no
terminal, none has.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Final, cast

import click

from ganzoo.cli.streams import Lenient
from ganzoo.errors import plain
from ganzoo.progress import Advance

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE: Final = 2.0  # seconds
_FLICKER: Final = 0.3  # seconds; what is over sooner is not shown
_WIDEST: Final = 40  # letters of a bar
_BESIDE: Final = 62  # letters that stand beside it


def at_terminal() -> bool:
    """Whether standard error is a terminal that can redraw a line, and this process the one of
    several that tells."""
    able = os.environ.get("TERM", "") != "dumb" and os.environ.get("RANK", "0") == "0"
    with contextlib.suppress(ValueError, AttributeError):  # it was closed
        return able and sys.stderr.isatty()
    return False


class Bars:
    """The bars that are on the screen, at its bottom; none is left behind when it ends."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a bar of a wait appears by a timer's hand
        self._display: Progress | None = None
        self._waiting_since: float | None = None

    def begin(self, what: str, total: int | None, done: int = 0, unit: str = "") -> TaskID:
        """Show a bar at once. Arguments as in `ganzoo.progress.bar`; done: so far."""
        with self._lock:
            if self._display is None:
                self._display = _display()
                self._display.start()
            return self._display.add_task(plain(what), total=total, completed=done, unit=unit)

    def move(self, task: TaskID, done: int, what: str | None = None) -> None:
        """Tell how much is done, and what its text is now."""
        if self._display is not None:
            text = None if what is None else plain(what)
            self._display.update(task, completed=done, description=text)

    def end(self, task: TaskID) -> None:
        """Take a bar away."""
        with self._lock:
            if self._display is None:
                return
            self._display.remove_task(task)
            if not self._display.task_ids:
                self._display.stop()
                self._display = None

    def say(self, text: str) -> bool:
        """Write a line above the bars. Returns False where there are none."""
        with self._lock:
            if self._display is None:
                return False
            self._display.console.print(text, highlight=False, markup=False, soft_wrap=True)
            return True

    @contextlib.contextmanager
    def wait(self, what: str, total: int | None, unit: str) -> Iterator[Advance]:
        """The bar of a wait, as `ganzoo.progress` asks for one."""
        wait = _Wait(self, what, total, unit)
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        left = self._waiting_since + PATIENCE - now
        timer = threading.Timer(max(left, _FLICKER), wait.appear)
        timer.daemon = True
        timer.start()
        try:
            yield wait.advance
        finally:
            timer.cancel()
            wait.vanish()


class _Wait:
    """One wait, and its bar once it has one."""

    def __init__(self, bars: Bars, what: str, total: int | None, unit: str) -> None:
        self.bars, self.what, self.total, self.unit = bars, what, total, unit
        self._lock = threading.Lock()
        self._done = 0
        self._over = False
        self._task: TaskID | None = None

    def appear(self) -> None:
        with self._lock:
            if not self._over:
                self._task = self.bars.begin(self.what, self.total, self._done, self.unit)

    def advance(self, done: int) -> None:
        self._done += done
        if self._task is not None:
            self.bars.move(self._task, self._done)

    def vanish(self) -> None:
        with self._lock:
            self._over = True
            if self._task is not None:
                self.bars.end(self._task)


#: Those of this process.
BARS: Final = Bars()


def say(text: str) -> None:
    """A line on standard error, above the bars, for whoever is there: a terminal that was closed, a
    reader that left, or a full disk behind a redirection stops nothing."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if not BARS.say(plain(text)):
            click.echo(plain(text), err=True)


def _display() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress_bar import ProgressBar
    from rich.table import Column
    from rich.text import Text

    console = Console(file=cast(IO[str], Lenient(sys.stderr)))

    class Bar(BarColumn):
        def render(self, task: Task) -> ProgressBar:
            self.bar_width = max(4, min(_WIDEST, console.width - _BESIDE))  # it may be resized
            return super().render(task)

    class Done(ProgressColumn):
        def render(self, task: Task) -> Text:
            shown: Callable[[float], str] = _megabytes if task.fields["unit"] == "B" else _count
            whole = "" if task.total is None else f"/{shown(task.total)}"
            return Text(shown(task.completed) + whole if whole or task.completed else "")

    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis"),
        ),
        Bar(style="bright_black", complete_style="cyan", finished_style="green"),
        Done(Column(no_wrap=True, justify="right")),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _count(number: float) -> str:
    return f"{int(number):,}"


def _megabytes(number: float) -> str:
    return f"{number / 1e6:,.1f} MB"
