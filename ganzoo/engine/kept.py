"""The file in which is kept how fast a machine computes runs of one kind."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from ganzoo.architecture import Architecture
from ganzoo.devices import Device
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.files import read_json, write_json
from ganzoo.home import executions_home
from ganzoo.processes import Processes
from ganzoo.runs.config import RunConfig
from ganzoo.version import __version__


@dataclass(frozen=True)
class Kept:
    """The file with what was measured for runs that are computed alike.

    about: all that the speed depends on. Trouble with the file is reported, and done without.
    """

    path: Path
    about: dict[str, Any]

    @classmethod
    def of(
        cls,
        config: RunConfig,
        architecture: Architecture,
        device: torch.device,
        processes: Processes,
    ) -> Self:
        spec = architecture.spec
        about = {
            "asked": [config.schedule.precision, config.schedule.layout, config.schedule.step],
            "architecture": [config.architecture, config.plugin.to_json(), config.options],
            "objective": [config.objective, config.objective_options],
            "training": config.training.model_dump(mode="json", exclude={"steps"}),
            "samples": [spec.kind, spec.shape, len(spec.classes)],
            "in_memory": config.data.in_memory,
            "machine": [Device(device, "").describe(), torch.get_num_threads(), processes.world],
            "versions": [__version__, str(torch.__version__)],
        }
        about = json.loads(json.dumps(about, sort_keys=True))
        name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
        return cls(executions_home() / f"{name}.json", about)

    def read(self) -> tuple[dict[str, float], str]:
        """The rates by the candidates' names, and why steps cannot be captured; no rates where
        they have to be measured."""
        if not self.path.exists():
            return {}, ""
        try:
            kept = read_json(self.path)
            rates = {str(name): float(rate) for name, rate in kept["rates"].items()}
            if kept["about"] != self.about or not rates:
                raise ValueError("it is of another run")
            return rates, str(kept["reason"])
        except (GanzooError, AttributeError, KeyError, TypeError, ValueError) as error:
            self._warn(f"is damaged ({one_line(error)}): the speeds are measured again")
            return {}, ""

    def write(self, rates: Mapping[str, float], reason: str) -> None:
        """Keep the rates."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {"about": self.about, "rates": dict(rates), "reason": reason})
        except (GanzooError, OSError) as error:
            self._warn(f"cannot be written ({one_line(error)}): the next run measures again")

    def _warn(self, text: str) -> None:
        message = f"{self.path}, which says how fast this machine computes, {text}"
        warnings.warn(message, GanzooWarning, stacklevel=2)
