"""Losses summed where they are computed, and fetched only when they are logged."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganzoo.engine.processes import Processes


class Totals:
    """Sums of each player's loss and its terms since the last log line."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._names: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, player: str, names: list[str], loss: Tensor, terms: Tensor) -> None:
        """Add one update's loss and terms. Waits for nothing."""
        values = torch.cat([loss.detach().view(1), terms.detach()])
        if player in self._sums:
            self._sums[player] += values
        else:
            self._sums[player] = values
            self._names[player] = [f"{player}_{name}" for name in ("loss", *names)]
            self._counts[player] = 0
        self._counts[player] += 1

    def means(self, processes: Processes) -> dict[str, float]:
        """The mean of each loss and term, over all processes. Waits for the device once."""
        if not self._sums:
            return {}
        flat = torch.cat([total / self._counts[name] for name, total in self._sums.items()])
        processes.average([flat])
        names = [name for player in self._sums for name in self._names[player]]
        return dict(zip(names, flat.tolist(), strict=True))

    def clear(self) -> None:
        """Begin the next line."""
        self._sums, self._names, self._counts = {}, {}, {}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a checkpoint keeps, so that a resumed run logs the same means."""
        return dict(self._sums), {"names": self._names, "counts": self._counts}

    def load_state(
        self, tensors: dict[str, Tensor], values: dict[str, Any], device: torch.device
    ) -> None:
        """Go on from `state`."""
        self._sums = {name: tensor.to(device) for name, tensor in tensors.items()}
        self._names, self._counts = values["names"], values["counts"]
