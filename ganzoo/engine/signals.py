"""SIGINT, SIGTERM and SIGHUP: finish the step, write a checkpoint, leave."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

from ganzoo.plugins import command_line
from ganzoo.processes import Processes

#: Windows has no SIGHUP, and SIGBREAK where a console closes.
SIGNALS: Final = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)
#: Signals within so many seconds of the first are the same wish: a terminal and a wrapper that
#: forwards what it got both send one.
_ONE_WISH: Final = 1.0

#: Seconds between two agreements of several processes: torchrun kills them after 30.
_AGREE: Final = 3.0


class Interrupted(KeyboardInterrupt):
    """Training was stopped by a signal after a checkpoint was written.

    signal: its number. run: the run folder. step: of the checkpoint.
    """

    def __init__(self, number: int, run: Path, step: int) -> None:
        self.signal, self.run, self.step = number, run, step
        super().__init__(f"stopped at step {step}; go on with: {self.resume}")

    @property
    def resume(self) -> str:
        """The command that goes on."""
        return command_line("resume", self.run)


class StopRequest:
    """The number of the signal that arrived, or 0.

    A second Ctrl-C, of a person who does not want to wait, stops at once; other signals that
    follow the first change nothing.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._since = 0.0

    @contextlib.contextmanager
    def listen(self) -> Iterator[None]:
        """Listen while training. Python allows this in the main thread alone.

        A signal that is ignored, as by nohup, stays so. One that another program handles, of which
        this Python is a part, is left to it: Python could not give it back.
        """
        before = {}
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                if handler is not None and handler != signal.SIG_IGN:
                    before[number] = signal.signal(number, self._received)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _received(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.signal:
            self.signal, self._since = number, now
        elif number == signal.SIGINT and now - self._since > _ONE_WISH:
            raise KeyboardInterrupt


class Agreement:
    """Several processes stop at the same step, whichever of them has a signal: else one would leave
    while another still averages. They agree every few seconds.

    step: that training begins at.
    """

    def __init__(self, processes: Processes, step: int) -> None:
        self.processes = processes
        self._last, self._since, self._next = step, time.monotonic(), step

    def on(self, number: int, step: int, waiting: bool) -> int:
        """The signal that stops this step, or 0. waiting: whether all wait for each other at this
        step anyway."""
        if self.processes.world == 1:
            return number
        if not waiting and step < self._next:
            return 0
        now = time.monotonic()
        pace = max(now - self._since, 1e-6) / max(1, step - self._last)
        self._last, self._since = step, now
        self._next = step + self.processes.any(max(1, int(_AGREE / pace)))
        return self.processes.any(number)
