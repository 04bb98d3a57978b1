"""A run's life as TensorBoard's events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import soundfile
from PIL import Image

from ganzoo import RunFolder, Tracker

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER: Final = "tensorboard"  # in the run's folder


class TensorBoard(Tracker):
    """Writes each logged line, each file of samples and each figure to RUN/tensorboard.

    Of a resumed run, what was recorded before is written again from the run's own files, so that
    no step is shown twice and none is lost that a killed process had not yet written to disk.
    """

    package: ClassVar = "tensorboard"
    writer: SummaryWriter

    def started(self, run: RunFolder, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        for old in run.place(FOLDER).glob("events.out.tfevents.*"):
            old.unlink()
        self.writer = SummaryWriter(run.place(FOLDER))
        newest = run.log.newest(1, step)
        began = time.time() - (newest[0].get("seconds", 0.0) if newest else 0.0)
        for line in run.log:
            if line["step"] <= step:
                self._scalars(line, began + line.get("seconds", 0.0))
        for sample_step, path in run.samples():
            if sample_step <= step:
                self.sampled(sample_step, path)

    def logged(self, line: dict[str, Any]) -> None:
        self._scalars(line, time.time())

    def sampled(self, step: int, path: Path) -> None:
        at = path.stat().st_mtime
        if path.suffix in self.pictures:
            pixels = np.asarray(Image.open(path).convert("RGB"))
            self.writer.add_image("samples", pixels, step, at, dataformats="HWC")
        elif path.suffix == ".wav":
            sound, rate = soundfile.read(path, dtype="float32")
            self.writer.add_audio("samples", sound[None], step, rate, at)
        elif path.suffix == ".csv":
            self.writer.add_text("samples", path.read_text(), step, at)

    def checkpointed(self, step: int, path: Path) -> None:
        self.writer.flush()

    def evaluated(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in self.measured(figures).items():
            self.writer.add_scalar(name, value, step)

    def ended(self, run: RunFolder) -> None:
        self.writer.close()

    def _scalars(self, line: Mapping[str, Any], at: float) -> None:
        for name, value in self.figures(line).items():
            self.writer.add_scalar(name, value, line["step"], at)
