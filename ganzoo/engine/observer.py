"""The life of a run, for whoever wants to follow it: a progress bar, a tracker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo.engine.run import RunFolder


class Observer:
    """Told of what happens in a run. Every method may be overridden; none has to be."""

    def started(self, run: RunFolder, step: int) -> None:
        """Training begins, or goes on after `step`."""

    def stepped(self, step: int) -> None:
        """A step is done. Called often: it must be quick and read nothing from the device."""

    def logged(self, line: dict[str, Any]) -> None:
        """A line of metrics was written."""

    def sampled(self, step: int, path: Path) -> None:
        """A sample grid was written."""

    def checkpointed(self, step: int, path: Path) -> None:
        """A checkpoint was written."""

    def finished(self, run: RunFolder) -> None:
        """The run is done and its model is in ``run.model_path``."""
