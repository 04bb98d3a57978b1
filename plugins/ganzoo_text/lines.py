"""Lines of text as samples."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo import Dataset
from ganzoo_text.tokens import Tokens, apart


class Lines:
    """Samples that are kept as the numbers of their tokens, (N, length) int32, and given as
    (tokens, length) float32 with a single 1 at each place, which takes a thousand times as much."""

    def __init__(self, places: Tensor, count: int, whose: str) -> None:
        self.places, self.count, self.whose = places, count, whose

    @property
    def shape(self) -> tuple[int, ...]:
        return self.count, self.places.shape[1]

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensor:
        sample = torch.zeros(self.shape)
        return sample.scatter_(0, self.places[index].long()[None], 1.0)

    def name(self, index: int) -> str:
        return f"line {index + 1} of {self.whose}"

    def fingerprint(self) -> str:
        return hashlib.sha256(self.places.numpy().tobytes()).hexdigest()


def lines_as_data(
    name: str, lines: Sequence[str], tokens: Tokens, length: int, lower: bool = False
) -> Dataset:
    """A data set of those lines of which every token is among `tokens`, cut after `length` of them.
    lower: that its lines have no capitals, for data that is read later.

    Raises ValueError where there is none.
    """
    places = tokens.places()
    rows = []
    for line in lines:
        row = [places.get(token, -1) for token in apart(line, tokens.unit)[:length]]
        if row and min(row) >= 0:
            rows.append(row + [0] * (length - len(row)))
    if not rows:
        raise ValueError("no line of it has known tokens alone")
    samples = Lines(torch.tensor(rows, dtype=torch.int32), len(tokens.texts), name)
    details = {**tokens.details, "lower": True} if lower else tokens.details
    return Dataset(name, samples, None, (), "text", 0.0, 1.0, details)
