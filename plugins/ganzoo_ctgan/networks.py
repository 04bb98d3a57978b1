"""The networks and the recipe of CTGAN, as in the authors' ``ctgan.py``."""

import math
from functools import partial
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, Training
from ganzoo.layers import perceptron
from ganzoo_ctgan.columns import Column, columns_of


class CTGAN(Architecture):
    """Xu 2019 (arXiv:1907.00503), section 4.4 and figure 2: residual perceptrons, a head for each
    column, a critic of packs of rows (PacGAN, Lin 2018, arXiv:1712.04086), WGAN-GP.

    Left out: the conditional vector and training-by-sampling of section 4.3, so rare categories
    are as rare in training as in the data; and the authors' weight decay of 1e-6. The batch is
    200 rows where the authors have 500, which is more than small tables have. The points at which
    the gradient is penalised lie between two packs row by row, each row with its own weight.
    """

    class Config(Options):
        latent_size: int = Field(
            128, ge=1, le=4096, description="length of a latent, without the noise of the heads"
        )
        width: int = Field(256, ge=1, le=4096, description="units of a hidden layer")
        depth: int = Field(2, ge=1, le=8, description="hidden layers of each network")
        pack: int = Field(
            10, ge=1, le=64, description="rows that are judged together; divides the batch size"
        )
        temperature: float = Field(
            0.2,
            ge=0.01,
            le=10,
            description="temperature of the Gumbel-softmax; lower is nearer to one-hot",
        )
        dropout: float = Field(0.5, ge=0, lt=1, description="in the critic")

    kinds: ClassVar = ("table",)
    objective: ClassVar = "wasserstein"
    training: ClassVar = Training(
        batch_size=200,
        steps=5000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.5,
        beta2=0.9,
    )
    paper: ClassVar = "https://arxiv.org/abs/1907.00503"

    def check(self) -> None:
        self.columns = columns_of(self.spec)

    @property
    def pack(self) -> int:
        """Rows that the critic judges together."""
        return int(self.config.pack)

    def build_generator(self) -> nn.Module:
        return RowGenerator(
            self.columns,
            self.config.latent_size,
            self.config.width,
            self.config.depth,
            self.config.temperature,
        )

    def build_discriminator(self) -> nn.Module:
        activation, dropout = partial(nn.LeakyReLU, 0.2), partial(nn.Dropout, self.config.dropout)
        hidden = [self.config.width] * self.config.depth
        layers = perceptron(self.spec.size * self.pack, hidden, 1, activation, dropout)
        return nn.Sequential(Packs(self.pack), *layers)

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        """All randomness of a row, N(0, 1): the latent, and a value for each of the one-hots',
        of which the heads make Gumbel noise."""
        length = self.config.latent_size + sum(column.parts[1] for column in self.columns)
        return torch.randn(count, length, generator=rng, device=rng.device)


class RowGenerator(nn.Module):
    """Residual blocks, and heads that give rows."""

    def __init__(
        self, columns: list[Column], latent: int, width: int, depth: int, temperature: float
    ) -> None:
        super().__init__()
        self.sizes = [latent, sum(column.parts[1] for column in columns)]
        self.blocks = nn.Sequential(*(Block(latent + width * i, width) for i in range(depth)))
        self.last = nn.Linear(latent + width * depth, sum(sum(c.parts) for c in columns))
        self.parts = [size for column in columns for size in column.parts]
        self.temperature = temperature

    def forward(self, latent: Tensor) -> Tensor:
        latent, normal = latent.split(self.sizes, 1)
        out = self.last(self.blocks(latent)).float()
        noise = gumbel(normal).split(self.parts[1::2], 1)
        cells = []
        for index, part in enumerate(out.split(self.parts, 1)):
            if index % 2 == 0:
                cells.append(part.tanh())
            else:
                cells.append(((part + noise[index // 2]) / self.temperature).softmax(1))
        return torch.cat(cells, 1)


class Block(nn.Module):
    """A layer whose input is handed on beside its output. No bias: the normalisation takes it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.body(x), x], 1)


class Packs(nn.Module):
    """(N, width) to (N / size, size * width): rows side by side, to be judged together."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, rows: Tensor) -> Tensor:
        return rows.reshape(len(rows) // self.size, -1)


def gumbel(normal: Tensor) -> Tensor:
    """Normal noise as Gumbel noise, -log(-log P(Z < z)), in float32.

    The latent so stays normal, for which interpolation on a great circle is right.
    """
    z = normal.float()
    tail = (0.5 * torch.erfc(z.abs() / math.sqrt(2))).clamp_min(1e-30)
    # Of the two ways to the same, each sign has the one that loses no digits.
    return -torch.where(z < 0, -tail.log(), -torch.log1p(-tail)).log()
