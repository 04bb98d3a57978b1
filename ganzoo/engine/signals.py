"""SIGINT and SIGTERM: finish the step, write a checkpoint, leave."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ganzoo.plugins import command_line

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
    """The number of the signal that arrived, or 0. A second one stops at once."""

    def __init__(self) -> None:
        self.signal = 0

    @contextlib.contextmanager
    def listen(self) -> Iterator[None]:
        """Listen while training. Python allows this in the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._received) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _received(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
