"""A run's life as one run of MLflow."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from PIL import Image

from ganzoo import RunFolder, Tracker

STEP: Final = "generator/loss"  # every line has it, so its newest step is the newest of the run


class MLflow(Tracker):
    """Logs each line of metrics, each file of samples and each figure under the run's steps.

    MLFLOW_TRACKING_URI says where to, MLFLOW_EXPERIMENT_NAME (without it "ganzoo") under which
    experiment. A resumed run continues the same run, and steps that it has already are left out.
    """

    package: ClassVar = "mlflow"

    def started(self, run: RunFolder, step: int) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient()
        known = self.remembered(run)
        if known is None:
            known = self._begin(run)
            self.remember(run, known)
        else:
            self.client.update_run(known, status="RUNNING")
        self.id = known
        self.client.log_dict(known, run.config.model_dump(mode="json"), "config.json")
        there = [metric.step for metric in self.client.get_metric_history(known, STEP)]
        self.newest = max(there, default=-1)
        for line in run.log:  # what a killed process did not get through
            if line["step"] <= step:
                self.logged(line)

    def _begin(self, run: RunFolder) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ganzoo")
        found = self.client.get_experiment_by_name(name)
        experiment = self.client.create_experiment(name) if found is None else found.experiment_id
        identity: str = self.client.create_run(experiment, run_name=run.path.name).info.run_id
        params = [Param(key, value) for key, value in flat(run.config.model_dump(mode="json"))]
        for first in range(0, len(params), 100):  # as many as MLflow takes at once
            self.client.log_batch(identity, params=params[first : first + 100])
        return identity

    def logged(self, line: dict[str, Any]) -> None:
        if line["step"] > self.newest:
            self.newest = line["step"]
            self._log(self.figures(line), line["step"])

    def sampled(self, step: int, path: Path) -> None:
        if path.suffix in self.pictures:
            with Image.open(path) as picture:
                self.client.log_image(self.id, picture.convert("RGB"), key="samples", step=step)
        else:
            self.client.log_artifact(self.id, str(path), "samples")

    def checkpointed(self, step: int, path: Path) -> None:
        self.client.set_tag(self.id, "checkpoint", step)

    def evaluated(self, step: int, figures: Mapping[str, float]) -> None:
        self._log(self.measured(figures), step)

    def ended(self, run: RunFolder) -> None:
        self.client.set_terminated(self.id, "FINISHED" if run.finished else "KILLED")

    def _log(self, figures: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        at = int(time.time() * 1000)
        metrics = [Metric(allowed(name), value, at, step) for name, value in figures.items()]
        self.client.log_batch(self.id, metrics=metrics)


def allowed(name: str) -> str:
    """A figure's name in the letters that MLflow takes: ``fid[x]`` is ``fid.x``."""
    return re.sub(r"[^\w\-. /]", ".", name).strip(".")


def flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """The values of a configuration, by names such as ``training.steps``."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", str(value)[:500]
