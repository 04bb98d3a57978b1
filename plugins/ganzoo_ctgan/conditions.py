"""The conditional vector and training by sampling: section 4.3 of the paper."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo_ctgan.columns import CategoryColumn, Column
from ganzoo_ctgan.wanted import Wanted


class Conditions:
    """A condition says of a row which value one of its categories has: a vector with a place for
    each value of each category, of which one is set.

    columns: of the table; those of categories that say how often their values come have conditions.
    size: of a vector.

    In training a category is chosen, each alike, then one of its values by the logarithm of its
    count, then a real row that has it. The engine goes the other way, with the same chances: it
    draws a row by its `weights`, and `of_rows` chooses by which of its values it was drawn.
    """

    def __init__(self, columns: list[Column]) -> None:
        self.columns: list[CategoryColumn] = []
        places: list[int] = []  # of each value in an encoded row
        owners: list[int] = []  # the number of each value's column
        start = 0
        for column in columns:
            if isinstance(column, CategoryColumn) and any(column.counts):
                first = start + column.parts[0]
                places += range(first, first + len(column.values))
                owners += [len(self.columns)] * len(column.values)
                self.columns.append(column)
            start += sum(column.parts)
        self.size, self.width = len(places), start
        self.places = torch.tensor(places, dtype=torch.int64)
        self.owners = torch.tensor(owners, dtype=torch.int64)
        every = [count for column in self.columns for count in column.counts]
        counts = torch.tensor(every, dtype=torch.float64)
        logs = counts.log1p()
        chances = logs / self._of_columns(logs)
        #: Of each value, how likely a row is drawn for it where it has it.
        self._weights = (chances / counts.clamp_min(1)).float()
        #: Of each value, how often it comes in the data, all columns alike.
        self._shares = counts / self._of_columns(counts) / max(1, len(self.columns))
        self._kept: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def _of_columns(self, values: Tensor) -> Tensor:
        """For each value the sum over those of its column."""
        sums = torch.zeros(len(self.columns), dtype=values.dtype)
        return sums.index_add_(0, self.owners, values)[self.owners]

    def starts(self) -> list[int]:
        """The place of each column's first value in a vector."""
        sizes = [len(column.values) for column in self.columns]
        return list(itertools.accumulate(sizes, initial=0))[:-1]

    def weights(self, rows: Tensor) -> Tensor:
        """How often each of encoded rows, (N, width), is drawn in training, in proportion: (N,)."""
        places, weights = self._on(rows.device)
        return rows[:, places].clamp_min(0) @ weights

    def of_rows(self, rows: Tensor, rng: torch.Generator) -> Tensor:
        """For each of encoded rows, (N, width), one of its own values as the condition, by which it
        may have been drawn: (N, size)."""
        places, weights = self._on(rows.device)
        values = rows[:, places].clamp_min(0)
        # Of exponential times with these rates the first one is of each value as likely as it is.
        times = torch.empty_like(values).exponential_(generator=rng)
        first = (values * weights / times.clamp_min(1e-30)).argmax(1, keepdim=True)
        return torch.zeros_like(values).scatter_(1, first, 1.0)

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        if device not in self._kept:
            self._kept[device] = self.places.to(device), self._weights.to(device)
        return self._kept[device]

    def drawn(self, count: int, rng: torch.Generator) -> Tensor:
        """Conditions as the data has them, so that rows made for them are spread as the data is:
        (count, size)."""
        shares = self._shares.float().to(rng.device)
        chosen = torch.multinomial(shares, count, replacement=True, generator=rng)
        return F.one_hot(chosen, self.size).float()

    def at(self, noise: Tensor) -> Tensor:
        """The same, but drawn by noise, (N,) from N(0, 1), of which the digits after the fourth
        decide: (N, size)."""
        up_to = self._shares.to(noise.device).cumsum(0)
        chance = (noise.double().abs() * 1e4).frac()
        chosen = torch.searchsorted(up_to, chance, right=True).clamp_max(self.size - 1)
        return F.one_hot(chosen, self.size).to(noise.dtype)

    def told(self, wanted: Wanted) -> Tensor | None:
        """The rarest value of a category that is asked for, as a condition, (1, size); None where
        none is."""
        asked = [
            (column.counts[int(wanted.bounds[column.name][0])], start, column)
            for column, start in zip(self.columns, self.starts(), strict=True)
            if column.name in wanted.bounds
        ]
        if not asked:
            return None
        _, start, column = min(asked, key=lambda one: one[0])
        place = torch.tensor([start + int(wanted.bounds[column.name][0])])
        return F.one_hot(place, self.size).float()

    def spread(self) -> tuple[Tensor, Tensor]:
        """From vectors to encoded rows, (size, width) each: which values a condition sets to 1, and
        all those of its column."""
        value = F.one_hot(self.places, self.width).float()
        same = self.owners[:, None] == self.owners[None, :]
        return value, same.float() @ value
