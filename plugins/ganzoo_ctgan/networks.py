"""The networks and the recipe of CTGAN, as in the authors' ``ctgan.py``."""

from functools import partial
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Dataset, Objective, Options, Training
from ganzoo.layers import perceptron
from ganzoo_ctgan.columns import columns_of
from ganzoo_ctgan.conditions import Conditions
from ganzoo_ctgan.heads import Heads
from ganzoo_ctgan.objective import ConditionalWasserstein
from ganzoo_ctgan.wanted import Wanted, Where, search


class CTGAN(Architecture):
    """Xu 2019 (arXiv:1907.00503), section 4.3 and 4.4 and figure 2: residual perceptrons, a head
    for each column, a critic of packs of rows (PacGAN, Lin 2018, arXiv:1712.04086), WGAN-GP, the
    conditional vector and training by sampling.

    A condition is met without fail: the generator copies it into the row. The cross-entropy by
    which the authors teach it to is there, too, since by it the generator learns to heed the
    condition in the other columns. A real row and the fake that goes with it have the same
    condition, and the points at which the gradient is penalised lie between the two, each pair with
    its own weight. The batch is 200 rows where the authors have 500, which is more than small
    tables have; their weight decay of 1e-6 is left out. A table without categories, or one of
    before that does not say how often its values come, has no conditions.
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
        conditions: bool = Field(
            True, description="whether rows are made for a condition, and rare values seen more"
        )

    class Sampling(Where):
        """As `Where`."""

    kinds: ClassVar = ("table",)
    objective: ClassVar[str | type[Objective]] = ConditionalWasserstein
    training: ClassVar = Training(
        batch_size=200,
        steps=5000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.5,
        beta2=0.9,
        # A longer average has not caught up after the few thousand steps that tables are given.
        ema_decay=0.99,
    )
    paper: ClassVar = "https://arxiv.org/abs/1907.00503"

    def check(self) -> None:
        self.columns = columns_of(self.spec)
        conditions = Conditions(self.columns)
        #: None where there are none.
        self.conditions = conditions if self.config.conditions and conditions.size else None

    @property
    def pack(self) -> int:
        """Rows that the critic judges together."""
        return int(self.config.pack)

    def build_generator(self) -> nn.Module:
        return RowGenerator(
            Heads(self.columns, self.config.temperature),
            self.config.latent_size,
            self.config.width,
            self.config.depth,
            self.conditions,
        )

    def build_discriminator(self) -> nn.Module:
        activation, dropout = partial(nn.LeakyReLU, 0.2), partial(nn.Dropout, self.config.dropout)
        hidden = [self.config.width] * self.config.depth
        size = self.spec.size + (self.conditions.size if self.conditions else 0)
        judge = nn.Sequential(
            Packs(self.pack), *perceptron(size * self.pack, hidden, 1, activation, dropout)
        )
        return ConditionedCritic(judge) if self.conditions else judge

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        """All randomness of a row, N(0, 1): the latent, and a value for each of the one-hots',
        of which the heads make Gumbel noise. Then its condition, drawn as the data has it."""
        noise = self._noise(count, rng)
        if self.conditions is None:
            return noise
        return torch.cat([noise, self.conditions.drawn(count, rng)], 1)

    def _noise(self, count: int, rng: torch.Generator) -> Tensor:
        length = self.config.latent_size + sum(column.parts[1] for column in self.columns)
        return torch.randn(count, length, generator=rng, device=rng.device)

    def sample_weights(self, dataset: Dataset) -> Tensor | None:
        rows = dataset.samples
        if self.conditions is None or not isinstance(rows, Tensor):
            return None
        return self.conditions.weights(rows)

    def condition(
        self,
        real: Tensor,
        labels: Tensor | None,
        generator: torch.Generator,
        inputs: Tensor | None = None,
    ) -> Tensor:
        """Each fake has the condition that the real row of its number was drawn for."""
        noise = self._noise(len(real), generator)
        if self.conditions is None:
            return noise
        return torch.cat([noise, self.conditions.of_rows(real, generator)], 1)

    def context(self, latent: Tensor) -> dict[str, Tensor]:
        if self.conditions is None:
            return {}
        return {"condition": latent[:, -self.conditions.size :]}

    def generate(
        self, network: nn.Module, latent: Tensor, labels: Tensor | None, sampling: Any
    ) -> Tensor:
        make = partial(super().generate, network, labels=labels, sampling=sampling)
        if not sampling.where:
            return make(latent)
        wanted = Wanted(self.columns, sampling.where)
        if self.conditions is None:
            return search(wanted, latent, make)
        told = self.conditions.told(wanted)

        def conditioned(noise: Tensor) -> Tensor:
            assert self.conditions is not None
            if told is None:  # any may lead there
                return make(torch.cat([noise, self.conditions.at(noise[:, 0])], 1))
            return make(torch.cat([noise, told.to(noise).expand(len(noise), -1)], 1))

        return search(wanted, latent[:, : -self.conditions.size], conditioned)

    def interpolate(self, first: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        """On the great circle; the condition changes half way."""
        if self.conditions is None:
            return super().interpolate(first, last, weights)
        size = self.conditions.size
        way = super().interpolate(first[:-size], last[:-size], weights)
        near = torch.where(weights[:, None] < 0.5, first[-size:], last[-size:])
        return torch.cat([way, near], 1)


class RowGenerator(nn.Module):
    """Residual blocks, and heads that give rows. Where there are conditions, a latent ends with
    one, which is copied into the row."""

    value: Tensor
    column: Tensor

    def __init__(
        self, heads: Heads, latent: int, width: int, depth: int, conditions: Conditions | None
    ) -> None:
        super().__init__()
        told = conditions.size if conditions else 0
        self.heads, self.sizes = heads, [latent, heads.values, told]
        inputs = latent + told
        self.blocks = nn.Sequential(*(Block(inputs + width * i, width) for i in range(depth)))
        self.last = nn.Linear(inputs + width * depth, heads.width)
        self.conditioned = conditions is not None
        if conditions:
            for name, places in zip(("value", "column"), conditions.spread(), strict=True):
                self.register_buffer(name, places, persistent=False)

    def forward(self, latent: Tensor) -> Tensor:
        said, noise, condition = self._said(latent)
        rows = self.heads.rows(said, noise)
        if not self.conditioned:
            return rows
        column, value = self._asked(condition)
        return rows * (1 - column.clamp_max(1)) + value

    def condition_cost(self, latent: Tensor) -> Tensor:
        """Of latents whose conditions set one value each: minus the logarithm of how likely that
        value is by what the network says of its column, (N,)."""
        said, _, condition = self._said(latent)
        column, value = self._asked(condition)
        others = said.float().masked_fill(column < 0.5, -torch.inf)
        return others.logsumexp(1) - (said.float() * value).sum(1)

    def _said(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is said of each row's columns, the noise of its heads, and its condition."""
        latent, noise, condition = latent.split(self.sizes, 1)
        return self.last(self.blocks(torch.cat([latent, condition], 1))), noise, condition

    def _asked(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Of conditions, as parts of encoded rows: all values of the column, and the one that is
        set, (N, width) each."""
        condition = condition.float().clamp(0, 1)
        return condition @ self.column, condition @ self.value


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


class ConditionedCritic(nn.Module):
    """Rows are judged with their conditions beside them."""

    def __init__(self, judge: nn.Module) -> None:
        super().__init__()
        self.judge = judge

    def forward(self, rows: Tensor, condition: Tensor) -> Tensor:
        scores: Tensor = self.judge(torch.cat([rows, condition.to(rows.dtype)], 1))
        return scores
