"""Losses summed where they are computed, and fetched only when they are logged."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.processes import Processes

#: Names in a line of metrics that are neither losses nor logged figures.
RESERVED: Final = frozenset(
    {"step", "seconds", "samples_per_second", "evaluation_share", "warnings"}
)


class Totals:
    """Sums of each player's loss and its terms since the last log line.

    Terms may change from update to update (a penalty every few steps): updates with the same
    terms are summed together, and a term's mean is over the updates that had it. A sum keeps its
    place in memory, so that a captured step can add to it.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}  # by the names, joined with spaces
        self._counts: dict[str, int] = {}  # of those that the line has so far

    def add(self, player: str, names: list[str], values: list[Tensor]) -> None:
        """Add one update's loss and its terms, named by `names`: float32 scalars. Waits for
        nothing."""
        key = " ".join(f"{player}_{name}" for name in ("loss", *names))
        self._add(key, values)

    def _add(self, key: str, values: list[Tensor]) -> None:
        if key in self._sums:
            torch._foreach_add_(self._sums[key].unbind(), values)  # one kernel for all of them
        else:
            self._sums[key] = torch.stack(values)
        self._counts[key] = self._counts.get(key, 0) + 1

    @property
    def names(self) -> frozenset[str]:
        """Which terms have had a sum."""
        return frozenset(self._sums)

    def counts(self) -> dict[str, int]:
        """How many updates are summed, by the names of their terms."""
        return dict(self._counts)

    def count(self, counts: dict[str, int]) -> None:
        """Count updates whose sums were added to without `add`, by a captured step."""
        for key, number in counts.items():
            self._counts[key] = self._counts.get(key, 0) + number

    def forget(self, counts: dict[str, int]) -> None:
        """Go back to `counts` after updates that were recorded and never computed."""
        self._counts = dict(counts)
        self._sums = {key: self._sums[key] for key in counts}

    def log(self, name: str, value: Tensor) -> None:
        """Add a figure other than a loss, a scalar. Waits for nothing."""
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise GanzooError(f"game.log({name!r}, ...): it takes a tensor with one value")
        losses = {loss for key in self._counts for loss in key.split(" ") if key != name}
        if not name.isidentifier() or name in losses | RESERVED or name.startswith("health_"):
            raise GanzooError(f"game.log({name!r}, ...): a line of metrics has no place for it")
        self._add(name, [value.detach().float().reshape(())])

    def means(self, processes: Processes) -> dict[str, float]:
        """The mean of each loss and term, over all processes. Waits for the device once."""
        if not self._counts:
            return {}
        flat = torch.cat([self._sums[key] for key in self._counts])
        processes.average([flat])
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        names = [(name, key) for key in self._counts for name in key.split(" ")]
        for (name, key), value in zip(names, flat.tolist(), strict=True):
            sums[name] = sums.get(name, 0.0) + value
            counts[name] = counts.get(name, 0) + self._counts[key]
        return {name: value / counts[name] for name, value in sums.items()}

    def clear(self) -> None:
        """Begin the next line."""
        for total in self._sums.values():
            total.zero_()
        self._counts = {}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a checkpoint keeps, so that a resumed run logs the same means."""
        return {key: self._sums[key] for key in self._counts}, dict(self._counts)

    def load_state(
        self, tensors: dict[str, Tensor], counts: dict[str, int], device: torch.device
    ) -> None:
        """Go on from `state`."""
        self._sums = {name: tensor.to(device, copy=True) for name, tensor in tensors.items()}
        self._counts = dict(counts)
