"""How a run's steps are computed is measured: candidates play a few, and the fastest is taken.

They play on copies that are thrown away, before the run's own networks are made, and making those
seeds everything: a seed's results do not depend on whether it was measured or read from a file.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import torch
from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.data.batches import Batches
from ganzoo.data.dataset import Dataset
from ganzoo.devices import Device, precisions
from ganzoo.engine.setup import make_match
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.files import read_json, write_json
from ganzoo.home import executions_home
from ganzoo.options import make
from ganzoo.processes import Processes
from ganzoo.runs.config import Execution, RunConfig, Schedule
from ganzoo.version import __version__

#: A run of fewer steps is played in float32: to measure would cost more than it saves. A fixed
#: number, so that the same command computes alike each time.
SHORT: Final = 200
#: Seconds that all candidates play together, or two turns each where those take longer.
SECONDS: Final = 0.8
#: A candidate that is not this much faster than one before it is not taken: float32 comes first.
GAIN: Final = 1.02
_BATCHES: Final = 4  # of data to play on
_TURN: Final = 0.15  # seconds of the slowest candidate's turn


def choose(
    config: RunConfig,
    architecture: Architecture,
    dataset: Dataset,
    device: torch.device,
    processes: Processes,
) -> Execution:
    """How the steps of a run are computed. All processes must call it, and get the same answer.

    What was measured is kept in a file for each machine, version of torch, architecture, options
    and shape of samples.
    """
    asked = candidates(config.schedule, device)
    if len(asked) == 1 or config.training.steps < SHORT:
        return asked[0]
    kept = _Kept.of(config, architecture, device, processes, asked)
    rates = kept.read() if processes.first else {}
    if not processes.any(len(rates), device):
        rates = measure(config, architecture, dataset, device, processes, asked)
        if processes.first:
            kept.write(rates)
    chosen = asked[processes.any(_fastest(asked, rates), device)]
    return chosen.model_copy(update={"measured": rates})


def candidates(schedule: Schedule, device: torch.device) -> list[Execution]:
    """What could be the fastest, of what was not asked for by name; the first is the usual."""
    asked = schedule.precision
    names = precisions(device) if asked == "auto" else [asked]
    return [make(Execution, {"precision": name}, "execution") for name in names]


def measure(
    config: RunConfig,
    architecture: Architecture,
    dataset: Dataset,
    device: torch.device,
    processes: Processes,
    asked: Sequence[Execution],
) -> dict[str, float]:
    """Samples a second of each candidate, by its name.

    On a CPU they take turns, because its speed drifts; elsewhere one plays after the other, and
    never more than one takes memory.
    """
    groups = [list(asked)] if device.type == "cpu" else [[each] for each in asked]
    few = few_samples(dataset, _BATCHES * config.training.batch_size)
    rates: dict[str, float] = {}
    for group in groups:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)  # the run itself says them
            trials = [Trial(config, architecture, few, device, processes, each) for each in group]
            taken = in_turns(trials, SECONDS / len(groups), processes)
        for each, seconds in zip(group, taken, strict=True):
            # The least of several turns: other work on the machine only ever adds to it.
            rates[each.name] = float(f"{config.training.batch_size / min(seconds):.4g}")
        del trials
    return rates


class Trial:
    """A candidate, and a match that plays it on a few samples and is thrown away."""

    def __init__(
        self,
        config: RunConfig,
        architecture: Architecture,
        dataset: Dataset,
        device: torch.device,
        processes: Processes,
        execution: Execution,
    ) -> None:
        self.device = Device(device, execution.precision)
        self.match = make_match(config, architecture, dataset, self.device, processes)

    def seconds(self, steps: int) -> float:
        """How long a step takes, as the mean of so many."""
        self.device.synchronize()
        begin = time.perf_counter()
        for _ in range(steps):
            self.match.play()
        self.device.synchronize()
        return (time.perf_counter() - begin) / steps


def in_turns(
    trials: Sequence[Trial], budget: float, processes: Processes
) -> list[tuple[float, ...]]:
    """The seconds that each takes for a step, turn by turn. budget: seconds of all turns."""
    for trial in trials:
        trial.seconds(1)  # what is made once: the optimizers' state, the kernels' plans
    once = [trial.seconds(1) for trial in trials]
    device = trials[0].device.device
    steps = processes.any(max(1, int(_TURN / max(once))), device)
    turns = processes.any(int(budget / (steps * sum(once))), device)
    taken = [] if steps > 1 else [once]
    taken += [
        [trial.seconds(steps) for trial in trials]
        for _ in range(min(max(turns, 2), 20) - len(taken))
    ]
    return list(zip(*taken, strict=True))


def _fastest(asked: Sequence[Execution], rates: Mapping[str, float]) -> int:
    """The place of the fastest candidate; of those that are close, of the first."""
    best = 0
    for place, each in enumerate(asked):
        if rates.get(each.name, 0.0) > GAIN * rates.get(asked[best].name, 0.0):
            best = place
    return best


def few_samples(dataset: Dataset, count: int) -> Dataset:
    """The first samples of a data set, in memory."""
    samples, labels, inputs = dataset.samples, dataset.labels, dataset.inputs
    if isinstance(samples, Tensor) and isinstance(inputs, Tensor | None):
        labels, inputs = (None if side is None else side[:count] for side in (labels, inputs))
        return replace(dataset, samples=samples[:count], labels=labels, inputs=inputs)
    batches = Batches(dataset, 1, 0, torch.Generator(), torch.device("cpu"), workers=0)
    real, labels, inputs = batches.peek(min(count, len(dataset)))
    return replace(dataset, samples=real, labels=labels, inputs=inputs)


@dataclass(frozen=True)
class _Kept:
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
        asked: Sequence[Execution],
    ) -> Self:
        spec = architecture.spec
        about = {
            "candidates": [each.name for each in asked],
            "architecture": [config.architecture, config.plugin.to_json(), config.options],
            "objective": [config.objective, config.objective_options],
            "training": config.training.model_dump(mode="json", exclude={"steps"}),
            "samples": [spec.kind, spec.shape, len(spec.classes)],
            "machine": [Device(device, "").describe(), torch.get_num_threads(), processes.world],
            "versions": [__version__, str(torch.__version__)],
        }
        about = json.loads(json.dumps(about, sort_keys=True))
        name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
        return cls(executions_home() / f"{name}.json", about)

    def read(self) -> dict[str, float]:
        """The rates by the candidates' names; empty where they have to be measured."""
        if not self.path.exists():
            return {}
        try:
            kept = read_json(self.path)
            rates = {str(name): float(rate) for name, rate in kept["rates"].items()}
            if kept["about"] != self.about or set(rates) != set(self.about["candidates"]):
                raise ValueError("it is of another run")
        except (GanzooError, AttributeError, KeyError, TypeError, ValueError) as error:
            self._warn(f"is damaged ({one_line(error)}): the speeds are measured again")
            return {}
        return rates

    def write(self, rates: Mapping[str, float]) -> None:
        """Keep the rates."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {"about": self.about, "rates": dict(rates)})
        except (GanzooError, OSError) as error:
            self._warn(f"cannot be written ({one_line(error)}): the next run measures again")

    def _warn(self, text: str) -> None:
        message = f"{self.path}, which says how fast this machine computes, {text}"
        warnings.warn(message, GanzooWarning, stacklevel=2)
