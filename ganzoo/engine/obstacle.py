"""What stands against recording a match's steps, found on a match to be thrown away afterwards."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import torch
from torch import Tensor

from ganzoo.engine.captured import Captured, Observed, told
from ganzoo.engine.match import Match
from ganzoo.engine.reads import reads, tour
from ganzoo.engine.recorder import CudaGraphs, Recorder
from ganzoo.engine.state import capture, restore
from ganzoo.errors import GanzooWarning

#: What the weights of captured and eager steps may differ by, as a share of what the steps changed
#: in them; or this many times what the same eager steps differ by, played twice, where that is
#: more. Those may differ by a share of the change, too: on CUDA, some sums have no fixed order.
TOLERANCE: Final = 0.05
NOISE: Final = 3.0
UNSTEADY: Final = 0.25


def obstacle(match: Match) -> str:
    """Why the steps of `match` cannot be recorded, in words; "" where nothing is known against it.

    match: one to be thrown away: it is played, on CUDA also as recorded. The states of this
    process's chance change.
    """
    reason = standing(match) or next(iter(reads(match)), "")
    return reason or differing(match, CudaGraphs(match.device.device, match.batches.rng))


def standing(match: Match) -> str:
    """What stands against it, in words, as far as no step has to be played to know."""
    device, batches = match.device.device, match.batches
    if device.type != "cuda":
        return f"the device is {device.type}, and only CUDA has graphs"
    if match.processes.world > 1:
        return f"there are {match.processes.world} processes"
    if batches.resident is None:
        return "the data is not in memory"
    kept = (batches.resident, batches.inputs)
    if any(samples is not None and samples.device.type != "cuda" for samples in kept):
        return "the data is too large for a quarter of the device's free memory"
    for player in match.players.values():
        optimizer = player.optimizer
        kind = type(optimizer).__name__
        if not all("capturable" in g or g.get("fused") for g in optimizer.param_groups):
            return f"the optimizer {kind} of the {player.name} cannot be captured"
        scales = getattr(optimizer, "_step_supports_amp_scaling", False)
        if player.scaler.is_enabled() and not scales:
            return f"in fp16, the optimizer {kind} of the {player.name} reads the device"
    return ""


def differing(match: Match, recorder: Recorder) -> str:
    """Record steps of each kind, and say what fails, or how they differ from eager ones.

    match: one to be thrown away.
    """
    start = copy.deepcopy(capture(match))
    steps: list[int] = []
    asked: dict[int, bool] = {}

    def played(play: Callable[[], None], order: Iterable[int]) -> dict[str, Tensor]:
        restore(match, *copy.deepcopy(start))
        match.source = None
        for step in order:
            for _ in range(3):  # the first as it is, then recorded, then repeated
                match.step = step - 1
                play()
        return _weights(match)

    def known() -> Iterator[int]:
        for step in tour(match, asked):
            steps.append(step)
            yield step

    before = played(match.play, ())
    match.observe = lambda game: Observed.of(game, asked=asked)
    captured = Captured(match, recorder)
    captured.warm = 1
    try:
        eager = played(match.play, known())
        other = played(match.play, steps)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)
            mine = played(captured.play, steps)
    except Exception as error:
        return told(error)
    if captured.reason:
        return captured.reason
    for owner, weights in mine.items():
        change = float((eager[owner] - before[owner]).norm())
        noise = float((eager[owner] - other[owner]).norm())
        off = float((weights - eager[owner]).norm())
        rounding = 1e-6 * float(before[owner].norm())
        if not noise <= UNSTEADY * change + rounding:
            return f"steps that are played twice differ: of the {owner}, by {noise:.3g}"
        if not off <= max(NOISE * noise, TOLERANCE * change) + rounding:
            return (
                f"captured steps differ from eager ones: of the {owner}, weights differ by "
                f"{off:.3g} after a change of {change:.3g}"
            )
    return ""


def _weights(match: Match) -> dict[str, Tensor]:
    """All floating-point values of each network, in one row."""
    modules = {**match.networks.modules(), "average": match.average.generator}
    rows = {
        owner: [
            tensor.detach().flatten().double()
            for tensor in (*module.parameters(), *module.buffers())
            if tensor.is_floating_point()
        ]
        for owner, module in modules.items()
    }
    return {owner: torch.cat(row) for owner, row in rows.items() if row}
