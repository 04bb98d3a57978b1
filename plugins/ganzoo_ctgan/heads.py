"""From what a network says of a row's columns to the row: the heads of the families of tables."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo_ctgan.columns import Column


class Heads:
    """One for each column. columns: of the table. temperature: of the Gumbel-softmax, by which a
    one-hot is drawn: the lower, the nearer it is to one.

    places, values: how many values of a row are places within a mode, and of one-hots.
    """

    def __init__(self, columns: Sequence[Column], temperature: float) -> None:
        self.parts = [size for column in columns for size in column.parts]
        self.places, self.values = sum(self.parts[::2]), sum(self.parts[1::2])
        self.width = self.places + self.values
        self.temperature = temperature

    def rows(self, said: Tensor, noise: Tensor, spread: Tensor | None = None) -> Tensor:
        """Encoded rows, (N, width), of what is said of them, (N, width).

        noise: (N, values) from N(0, 1), of which a one-hot's Gumbel noise is made; where there is a
        `spread`, (places,), it has as many more in front, by which places are spread around what
        was said.
        """
        cells = []
        drawn = gumbel(noise[:, -self.values :]).split(self.parts[1::2], 1)
        moved = None if spread is None else (noise[:, : self.places] * spread).split(1, 1)
        taken = 0
        for number, part in enumerate(said.float().split(self.parts, 1)):
            if number % 2:
                cells.append(((part + drawn[number // 2]) / self.temperature).softmax(1))
                continue
            place = part.tanh()
            if moved is not None and part.shape[1]:
                place = (place + moved[taken]).clamp(-1, 1)
                taken += 1
            cells.append(place)
        return torch.cat(cells, 1)

    def cost(self, said: Tensor, rows: Tensor, spread: Tensor | None) -> Tensor:
        """Minus the logarithm of how likely encoded rows are, (N,), but for a constant: places are
        normal around what was said, with `spread`, (places,), None where there are none; one-hots
        are drawn."""
        total = torch.zeros(len(rows), device=rows.device)
        taken = 0
        parts = zip(said.float().split(self.parts, 1), rows.split(self.parts, 1), strict=True)
        for number, (part, true) in enumerate(parts):
            if number % 2:
                total = total - (true * part.log_softmax(1)).sum(1)
            elif part.shape[1] and spread is not None:
                width = spread[taken]
                off = (true - part.tanh()).square()[:, 0]
                total = total + off / (2 * width.square()) + width.log()
                taken += 1
        return total


def gumbel(normal: Tensor) -> Tensor:
    """Normal noise as Gumbel noise, -log(-log P(Z < z)), in float32.

    The latent so stays normal, for which interpolation on a great circle is right.
    """
    z = normal.float()
    tail = (0.5 * torch.erfc(z.abs() / math.sqrt(2))).clamp_min(1e-30)
    # Of the two ways to the same, each sign has the one that loses no digits.
    return -torch.where(z < 0, -tail.log(), -torch.log1p(-tail)).log()
