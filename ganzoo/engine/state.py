"""All that a run must remember, as tensors and plain JSON, and back."""

from __future__ import annotations

import math
import random
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ganzoo.chance import device_state, set_device_state
from ganzoo.engine.match import Match
from ganzoo.errors import GanzooError, one_line
from ganzoo.layout import NETWORKS
from ganzoo.tensors import select
from ganzoo.training import PLAYERS

Tensors = dict[str, Tensor]

_DIFFERENT: Final = {
    "threads": "with {} threads, this process has {} (set OMP_NUM_THREADS to change it)",
    "processes": "by {} processes, now there are {}",
    "precision": "in {}, this process computes in {}",
}


def capture(match: Match) -> tuple[dict[str, Tensors], dict[str, Any]]:
    """The match as named groups of tensors, one file each, and JSON. All processes must call it."""
    totals, totals_json = match.totals.state()
    health, health_json = match.health.state()
    optimizers = {owner: player.state() for owner, player in match.players.items()}
    groups = {
        NETWORKS: {
            f"{owner}.{name}": tensor
            for owner, module in _modules(match).items()
            for name, tensor in module.state_dict().items()
        },
        "optimizers": {
            f"{owner}.{name}": tensor
            for owner, (tensors, _) in optimizers.items()
            for name, tensor in tensors.items()
        },
        "random": _random_states(match),
        "totals": totals,
        "health": health,
    }
    if match.replay is not None:
        groups["replay"] = match.replay.state(match.device.device)
    if match.adaptive is not None:
        groups["adaptive"] = match.adaptive.state()
    values = {
        "step": match.step,
        "rounds": match.rounds,
        "totals": totals_json,
        "health": health_json,
        "scalers": {owner: player.scaler.state_dict() for owner, player in match.players.items()},
        "optimizers": {owner: numbers for owner, (_, numbers) in optimizers.items()},
        **_circumstances(match),
        "optimizer": _optimizers(match),
        "python_random": random.getstate(),
    }
    return groups, values


def restore(match: Match, groups: dict[str, Tensors], values: dict[str, Any]) -> list[str]:
    """Put a captured state back into a match of the same configuration.

    Returns what is different now from when it was captured, as sentences. Raises GanzooError
    where the state does not fit.
    """
    for owner, module in _modules(match).items():
        try:
            module.load_state_dict(select(groups[NETWORKS], owner))
        except (RuntimeError, KeyError) as error:
            raise GanzooError(
                f"the checkpoint does not fit the {owner} that is installed now: {one_line(error)}"
            ) from None
    if values["optimizer"] != _optimizers(match):
        raise GanzooError(
            f"the checkpoint is of the optimizer {values['optimizer']}, the run's configuration "
            f"says {_optimizers(match)}"
        )
    for owner, player in match.players.items():
        numbers = values.get("optimizers", {}).get(owner, {})
        player.load_state(select(groups["optimizers"], owner), numbers)
        if player.scaler.is_enabled() and values["scalers"][owner]:
            player.scaler.load_state_dict(values["scalers"][owner])
    match.step, match.rounds = int(values["step"]), int(values["rounds"])
    if match.replay is not None:
        match.replay.load_state(groups.get("replay", {}), match.device.device)
    if match.adaptive is not None:
        match.adaptive.load_state(groups["adaptive"])
    match.totals.load_state(groups["totals"], values["totals"], match.device.device)
    if "health" in values:  # checkpoints of ganzoo 0.1 and before have none
        match.health.load_state(groups["health"], values["health"], match.device.device)
    notes = _restore_random(match, groups["random"], values["python_random"])
    now = _circumstances(match)
    return notes + [
        f"the checkpoint was made {text.format(values[name], now[name])}"
        for name, text in _DIFFERENT.items()
        if values[name] != now[name]
    ]


def _circumstances(match: Match) -> dict[str, int | str]:
    """What should be the same for a run to go on to the same bytes."""
    return {
        "threads": torch.get_num_threads(),
        "processes": match.processes.world,
        "precision": match.device.precision,
    }


def _modules(match: Match) -> dict[str, torch.nn.Module]:
    return {**match.networks.modules(), "average": match.average.generator}


def _optimizers(match: Match) -> str:
    """The names of the players' optimizers; one where it is of both."""
    return " and ".join(dict.fromkeys(match.training.of(name, "optimizer") for name in PLAYERS))


def _random_states(match: Match) -> Tensors:
    device = match.device.device
    states = {"shared": match.batches.rng.get_state()}
    own = {"cpu": torch.get_rng_state()}
    beside = device_state(device)
    if beside is not None:
        own["device"] = beside
    _, keys, position, *gauss = np.random.get_state(legacy=True)  # noqa: NPY002
    numbers = [*map(int, keys), int(position), int(gauss[0])]
    own["numpy"] = torch.tensor(numbers, dtype=torch.int64)
    own["numpy_gauss"] = torch.tensor([gauss[1]], dtype=torch.float64)
    if match.processes.world > 1:  # of a single process, the JSON has it
        _, words, normal = random.getstate()
        own["python"] = torch.tensor(words, dtype=torch.int64)
        own["python_gauss"] = torch.tensor(
            [math.nan if normal is None else normal], dtype=torch.float64
        )
    for name, state in own.items():
        parts = match.processes.collect(state, device)
        states.update({f"{name}.{rank}": part for rank, part in enumerate(parts)})
    return states


def _restore_random(match: Match, states: Tensors, python: Any) -> list[str]:
    device, rank = match.device.device, match.processes.rank
    notes = []
    try:
        match.batches.rng.set_state(states["shared"])
    except (RuntimeError, TypeError):
        notes.append("the checkpoint was made on another kind of device: new latents are drawn")
    if f"python.{rank}" in states:
        normal = float(states[f"python_gauss.{rank}"])
        python = (
            python[0],
            states[f"python.{rank}"].tolist(),
            normal if normal == normal else None,
        )
    random.setstate((python[0], tuple(python[1]), python[2]))
    if f"cpu.{rank}" not in states:
        return notes
    torch.set_rng_state(states[f"cpu.{rank}"])
    numbers = states[f"numpy.{rank}"].tolist()
    gauss = float(states[f"numpy_gauss.{rank}"])
    keys = np.array(numbers[:-2], dtype=np.uint32)
    np.random.set_state(("MT19937", keys, numbers[-2], numbers[-1], gauss))  # noqa: NPY002
    if f"device.{rank}" in states:
        set_device_state(states[f"device.{rank}"], device)
    return notes
