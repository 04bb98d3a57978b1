"""TVAE: a variational autoencoder of rows, beside CTGAN in its paper."""

from functools import partial
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Game, Objective, Options, Training
from ganzoo.layers import perceptron
from ganzoo_ctgan.columns import columns_of
from ganzoo_ctgan.heads import Heads
from ganzoo_ctgan.wanted import Wanted, Where, search


class Code(NamedTuple):
    """What the encoder returns of rows. score: (N,), minus the divergence of the code from N(0, 1).
    mean, log_variance: (N, latent_size) each, of the code."""

    score: Tensor
    mean: Tensor
    log_variance: Tensor

    def drawn(self) -> Tensor:
        """A latent for each row: (N, latent_size)."""
        return self.mean + torch.randn_like(self.mean) * (0.5 * self.log_variance).exp()


class Bound(Objective):
    """Kingma 2013 (arXiv:1312.6114), equation 3: the evidence lower bound.

    Both players want the same: the generator is the decoder, and the encoder has the place of the
    discriminator, as in IntroVAE (Huang 2018, arXiv:1807.06358), whose score of a sample is minus
    the divergence of its code, too; here fakes are not judged. Each turn improves one of the two.
    """

    class Config(Options):
        reconstruction: float = Field(
            2.0, gt=0, le=1e6, description="weight of the reconstruction beside the divergence"
        )

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        code = game.discriminate(game.real)
        return {"divergence": -code.score.mean(), "reconstruction": self._cost(game, code)}

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        with torch.no_grad():
            code = game.discriminate(game.real)
        return {"reconstruction": self._cost(game, code)}

    def _cost(self, game: Game, code: Code) -> Tensor:
        decoder: Any = game.generator
        cost: Tensor = decoder.cost(code.drawn(), game.real).mean()
        return self.config.reconstruction * cost


class TVAE(Architecture):
    """Xu 2019 (arXiv:1907.00503), section 4.5: perceptrons, rows encoded as for CTGAN, for a number
    a learned spread around its place. The authors' weight decay of 1e-5 is left out. A category is
    drawn by its chances, where the authors' code takes the likeliest value."""

    class Config(Options):
        latent_size: int = Field(
            128, ge=1, le=4096, description="length of a latent, without the noise of the heads"
        )
        width: int = Field(128, ge=1, le=4096, description="units of a hidden layer")
        depth: int = Field(2, ge=1, le=8, description="hidden layers of each network")

    class Sampling(Where):
        """As `Where`."""

    kinds: ClassVar = ("table",)
    objective: ClassVar[str | type[Objective]] = Bound
    training: ClassVar = Training(
        batch_size=200,
        steps=5000,
        generator_lr=1e-3,
        discriminator_lr=1e-3,
        beta1=0.9,
        ema_decay=0.99,
    )
    paper: ClassVar = "https://arxiv.org/abs/1907.00503"

    def check(self) -> None:
        self.columns = columns_of(self.spec)
        self.heads = Heads(self.columns, 0.2)

    def build_generator(self) -> nn.Module:
        return Decoder(self.heads, self.config.latent_size, self._hidden)

    def build_discriminator(self) -> nn.Module:
        return Encoder(self.spec.size, self._hidden, self.config.latent_size)

    @property
    def _hidden(self) -> list[int]:
        return [self.config.width] * self.config.depth

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        """All randomness of a row, N(0, 1): the latent, and the noise of the heads."""
        length = self.config.latent_size + self.heads.width
        return torch.randn(count, length, generator=rng, device=rng.device)

    def generate(
        self, network: nn.Module, latent: Tensor, labels: Tensor | None, sampling: Any
    ) -> Tensor:
        make = partial(super().generate, network, labels=labels, sampling=sampling)
        if not sampling.where:
            return make(latent)
        return search(Wanted(self.columns, sampling.where), latent, make)


class Decoder(nn.Module):
    """The generator: latents to rows, each number spread around what is said of it."""

    logit: nn.Parameter | None

    def __init__(self, heads: Heads, latent: int, hidden: list[int]) -> None:
        super().__init__()
        self.heads, self.latent = heads, latent
        self.body = nn.Sequential(*perceptron(latent, hidden, heads.width, nn.ReLU))
        # It begins at 0.1, as the authors' does.
        start = torch.full((heads.places,), 0.09 / 0.99).logit()
        self.register_parameter("logit", nn.Parameter(start) if heads.places else None)

    @property
    def spread(self) -> Tensor | None:
        """Of each place, (places,), from 0.01 to 1; None where there are none."""
        return None if self.logit is None else 0.01 + 0.99 * self.logit.sigmoid()

    def forward(self, latent: Tensor) -> Tensor:
        code, noise = latent[:, : self.latent], latent[:, self.latent :]
        return self.heads.rows(self.body(code), noise.float(), self.spread)

    def cost(self, code: Tensor, rows: Tensor) -> Tensor:
        """Minus the logarithm of how likely rows, (N, width), are made of codes, (N, latent): (N,),
        but for a constant."""
        return self.heads.cost(self.body(code), rows, self.spread)


class Encoder(nn.Module):
    """Rows to codes."""

    def __init__(self, width: int, hidden: list[int], latent: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*perceptron(width, hidden, 2 * latent, nn.ReLU))

    def forward(self, rows: Tensor) -> Code:
        mean, log_variance = self.body(rows).float().chunk(2, 1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return Code(-divergence, mean, log_variance)
