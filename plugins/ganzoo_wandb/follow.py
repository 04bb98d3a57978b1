"""A run's life as one run of Weights & Biases."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ganzoo import RunFolder, Tracker


class WeightsAndBiases(Tracker):
    """Logs each line of metrics, each file of samples and each figure under the run's steps.

    The configuration is the run's. W&B's own settings decide about the rest, such as WANDB_MODE,
    WANDB_PROJECT (without it "ganzoo") and WANDB_ENTITY. A resumed run continues under the same
    id; W&B ignores the steps that it has already.
    """

    package: ClassVar = "wandb"

    def started(self, run: RunFolder, step: int) -> None:
        import wandb

        identity = self.remembered(run) or secrets.token_hex(4)
        run.place("wandb")  # which W&B makes there
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "ganzoo"),
            name=run.path.name,
            id=identity,
            resume="allow",
            dir=run.path,
            config=run.config.model_dump(mode="json"),
            allow_val_change=True,  # of the number of steps, where a run is extended
            settings=wandb.Settings(console="off", silent=True),
        )
        self.remember(run, identity)

    def logged(self, line: dict[str, Any]) -> None:
        self.run.log(self.figures(line), step=line["step"])

    def sampled(self, step: int, path: Path) -> None:
        import wandb

        shown: Any = None
        if path.suffix in self.pictures:
            shown = wandb.Image(str(path))
        elif path.suffix == ".wav":
            shown = wandb.Audio(str(path))
        elif path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                header, *rows = csv.reader(file)
            shown = wandb.Table(columns=list[str | int](header), data=rows)
        if shown is not None:
            self.run.log({"samples": shown}, step=step)

    def checkpointed(self, step: int, path: Path) -> None:
        self.run.summary["checkpoint"] = step

    def evaluated(self, step: int, figures: Mapping[str, float]) -> None:
        self.run.summary.update(self.measured(figures))

    def ended(self, run: RunFolder) -> None:
        self.run.finish(exit_code=0 if run.finished else 1)
