"""How a run's steps are computed is measured: candidates play a few, and the fastest is taken.

They play on copies that are thrown away, before the run's own networks are made, and making those
seeds everything: a seed's results do not depend on whether it was measured or read from a file.
"""

from __future__ import annotations

import contextlib
import gc
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.data.batches import Batches
from ganzoo.data.dataset import Dataset
from ganzoo.devices import Device, precisions
from ganzoo.engine.captured import WARM, Captured
from ganzoo.engine.kept import Kept
from ganzoo.engine.match import Match
from ganzoo.engine.obstacle import obstacle, standing
from ganzoo.engine.recorder import CudaGraphs
from ganzoo.engine.setup import make_match
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.options import make
from ganzoo.processes import Processes
from ganzoo.runs.config import Execution, RunConfig, Schedule

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
    and shape of samples. Raises GanzooError where ``schedule.step=captured`` cannot be done.
    """
    step = config.schedule.step
    graphs = step != "eager" and device.type == "cuda"
    if config.training.steps < SHORT and step != "captured":
        (first, *_) = candidates(config.schedule, device, grouped=False, captured=False)
        few = f"the run has fewer than {SHORT} steps" if graphs else ""
        return first.model_copy(update={"reason": few})
    kept = Kept.of(config, architecture, device, processes)
    rates, reason = kept.read() if processes.first else ({}, "")
    known = processes.any(len(rates))
    grouped = bool(known) or has_grouped(architecture)
    first, *others = candidates(config.schedule, device, grouped, captured=False)
    if not others and not graphs and step != "captured":
        return first
    trials = Trials(config, architecture, dataset, device, processes)
    if not known or processes.world > 1:  # of several, the reason is theirs alone
        reason = trials.why_not_captured(first)
    if reason and step == "captured":
        raise GanzooError(f"schedule.step=captured: {reason}")
    asked = candidates(config.schedule, device, grouped, captured=not reason)
    if not known:
        rates = trials.measure(asked)
        if processes.first:
            kept.write(rates, reason)
    chosen = asked[processes.any(_fastest(asked, rates))]
    told = {"measured": rates, "reason": reason if graphs else ""}
    return chosen.model_copy(update=told)


def candidates(
    schedule: Schedule, device: torch.device, grouped: bool, captured: bool
) -> list[Execution]:
    """What could be the fastest, of what was not asked for by name; the first is the usual.

    grouped: whether there are grouped convolutions. Wherever it was measured, channels_last is the
    faster layout of others. captured: whether steps can be.
    """
    names = precisions(device) if schedule.precision == "auto" else [schedule.precision]
    either = ["channels_last", "contiguous"] if grouped else ["channels_last"]
    layouts = either if schedule.layout == "auto" else [schedule.layout]
    steps = {"auto": ["eager", "captured"]}.get(schedule.step, [schedule.step])
    return [
        make(Execution, {"precision": name, "layout": layout, "step": step}, "execution")
        for step in (steps if captured else ["eager"])
        for layout in layouts
        for name in names
    ]


def has_grouped(architecture: Architecture) -> bool:
    """Whether a network has grouped convolutions, which are few channels at a time."""
    # Not without memory, on torch's meta device: to draw weights there imports torch's compiler.
    with contextlib.suppress(Exception):  # the rehearsal tells what is wrong with them
        networks = (architecture.build_generator(), architecture.build_discriminator())
        modules = (module for network in networks for module in network.modules())
        return any(getattr(module, "groups", 1) > 1 for module in modules)
    return False


@dataclass(frozen=True)
class Trials:
    """What a run would compute, to be tried on matches that are thrown away."""

    config: RunConfig
    architecture: Architecture
    dataset: Dataset
    device: torch.device
    processes: Processes

    def trial(self, execution: Execution) -> Trial:
        """A match that plays one candidate."""
        device = Device(self.device, execution.precision, execution.layout)
        match = make_match(self.config, self.architecture, self.dataset, device, self.processes)
        return Trial(match, execution)

    def why_not_captured(self, execution: Execution) -> str:
        """Why the steps of the run cannot be captured, or are not to be; empty where they can."""
        if self.config.schedule.step == "eager":
            return "they are asked to be eager"
        if self.processes.world > 1:
            return f"there are {self.processes.world} processes"
        if self.device.type != "cuda":
            return f"the device is {self.device.type}, and only CUDA has graphs"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)  # the run itself says them
            reason = obstacle(self.trial(execution).match)
        _free(self.device)
        return reason

    def measure(self, asked: Sequence[Execution]) -> dict[str, float]:
        """Samples a second of each candidate, by its name.

        On a CPU they take turns, because its speed drifts; elsewhere one plays after the other,
        and never more than one takes memory.
        """
        batch = self.config.training.batch_size
        groups = [list(asked)] if self.device.type == "cpu" else [[each] for each in asked]
        small = replace(self, dataset=few_samples(self.dataset, _BATCHES * batch))
        rates: dict[str, float] = {}
        for group in groups:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", GanzooWarning)  # the run itself says them
                trials = [small.trial(each) for each in group]
                taken = in_turns(trials, SECONDS / len(groups), self.processes)
            for trial, seconds in zip(trials, taken, strict=True):
                # The least of several turns: other work on the machine only ever adds to it.
                rate = batch / min(seconds) if trial.as_said else 0.0
                rates[trial.execution.name] = float(f"{rate:.4g}")
            del trials, trial
            _free(self.device)
        return rates


def _free(device: torch.device) -> None:
    """Give back what trials held, some of it in circles."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


def playing(match: Match, execution: Execution) -> Match | Captured:
    """What plays the steps of `match` as was decided, by its `play`.

    Eagerly where it cannot be captured: it may have been decided on another machine, or for fewer
    samples.
    """
    device = match.device.device
    if execution.step == "eager" or device.type != "cuda" or match.processes.world > 1:
        return match
    reason = standing(match)
    if reason:
        warnings.warn(f"steps are not captured: {reason}", GanzooWarning, stacklevel=2)
        return match
    return Captured(match, CudaGraphs(device, match.batches.rng))


class Trial:
    """A candidate, and the match that plays it and is thrown away."""

    def __init__(self, match: Match, execution: Execution) -> None:
        self.match, self.execution = match, execution
        self.player = playing(match, execution)

    @property
    def as_said(self) -> bool:
        """Whether it plays as its name says, and has not gone on eagerly."""
        if self.execution.step == "eager":
            return True
        return isinstance(self.player, Captured) and not self.player.reason

    def warm(self) -> None:
        """Play until all is there that is made once: the optimizers' state, the kernels' plans,
        the graph of the usual kind of step, which comes after one that health measures."""
        self.seconds(1 if self.execution.step == "eager" else WARM + 2)

    def seconds(self, steps: int) -> float:
        """How long a step takes, as the mean of so many."""
        self.match.device.synchronize()
        begin = time.perf_counter()
        for _ in range(steps):
            self.player.play()
        self.match.device.synchronize()
        return (time.perf_counter() - begin) / steps


def in_turns(
    trials: Sequence[Trial], budget: float, processes: Processes
) -> list[tuple[float, ...]]:
    """The seconds that each takes for a step, turn by turn. budget: seconds of all turns."""
    for trial in trials:
        trial.warm()
    once = [trial.seconds(1) for trial in trials]
    steps = processes.any(max(1, int(_TURN / max(once))))
    turns = processes.any(int(budget / (steps * sum(once))))
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
