"""BiGAN: a generator and an encoder that learn to invert each other.

Donahue 2016, "Adversarial feature learning" (arXiv:1605.09782); the same idea is ALI, Dumoulin 2016
(arXiv:1606.00704). The discriminator judges pairs of a sample x and a latent z: (x, E(x)) for real
samples, (G(z), z) for fakes. Where it cannot tell them apart, E is the inverse of G.

The encoder is a partner of the generator, so it is in the model that is saved and published::

    generator = ganzoo.load(run)
    latents = generator.partners["encoder"](images)  # (N, latent_size)
"""

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, ArchitectureEntry, Game, Objective, Options, Training, hookimpl
from ganzoo.layers import doubling, halving, perceptron


class PairLoss(Objective):
    """Equation 3 of the paper, in the form that does not saturate: generator and encoder want each
    pair taken for one of the other side."""

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        with torch.no_grad():
            code = game.partners["encoder"](game.real)
        real = game.score(game.real, latent=code)
        fake = game.score(game.fake, latent=game.latent)
        return {"real": F.softplus(-real).mean(), "fake": F.softplus(fake).mean()}

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        real = game.score(game.real, latent=game.partners["encoder"](game.real))
        fake = game.score(game.fake, latent=game.latent)
        return {"encoder": F.softplus(real).mean(), "adversarial": F.softplus(-fake).mean()}


class PairDiscriminator(nn.Module):
    """Scores of pairs: ``discriminator(samples, latent=latents)``, (N, 1)."""

    def __init__(self, channels: list[int], latent_size: int, hidden: int) -> None:
        super().__init__()
        looks: list[nn.Module] = []
        for layer in halving(channels):
            looks += [layer, nn.LeakyReLU(0.2)]
        self.look = nn.Sequential(*looks, nn.Flatten())
        features = channels[-1] * 4 * 4 + latent_size
        self.judge = nn.Sequential(
            *perceptron(features, [hidden, hidden], 1, lambda: nn.LeakyReLU(0.2))
        )

    def forward(self, samples: Tensor, latent: Tensor) -> Tensor:
        scores: Tensor = self.judge(torch.cat([self.look(samples), latent], 1))
        return scores


class BiGAN(Architecture):
    """Donahue 2016, with convolutions as in DCGAN (Radford 2016, arXiv:1511.06434).

    The initial weights are torch's: with DCGAN's smaller ones it starts far more slowly.
    """

    class Config(Options):
        latent_size: int = Field(50, ge=1, description="length of a latent")
        width: int = Field(32, ge=1, description="channels next to the image")
        hidden: int = Field(256, ge=1, description="units of the layers that judge a pair")

    class Sampling(Options):
        truncation: float = Field(1.0, ge=0, le=1, description="0: the mean latent alone")

    image_sizes: ClassVar = (16, 32, 64)
    objective: ClassVar = PairLoss
    training: ClassVar = Training(batch_size=128, steps=20_000, beta1=0.5)
    paper: ClassVar = "https://arxiv.org/abs/1605.09782"

    @property
    def channels(self) -> list[int]:
        """From the image down to maps of 4x4 pixels."""
        halvings = int(math.log2(self.spec.shape[-1])) - 2
        return [self.spec.shape[0], *(self.config.width << index for index in range(halvings))]

    def build_generator(self) -> nn.Module:
        channels = self.channels[::-1]
        network = nn.Sequential(
            nn.Linear(self.config.latent_size, channels[0] * 4 * 4),
            nn.Unflatten(1, (channels[0], 4, 4)),
        )
        for count, layer in zip(channels, doubling(channels), strict=False):
            network.extend([nn.BatchNorm2d(count), nn.ReLU(), layer])
        return network.append(nn.Tanh())

    def build_discriminator(self) -> nn.Module:
        return PairDiscriminator(self.channels, self.config.latent_size, self.config.hidden)

    def build_partners(self) -> dict[str, nn.Module]:
        """The encoder: images (N, *shape) to latents (N, latent_size)."""
        encoder = nn.Sequential()
        for count, layer in zip(self.channels[1:], halving(self.channels), strict=True):
            encoder.extend([layer, nn.BatchNorm2d(count), nn.LeakyReLU(0.2)])
        encoder.append(nn.Flatten())
        encoder.append(nn.Linear(self.channels[-1] * 4 * 4, self.config.latent_size))
        return {"encoder": encoder}

    def generate(self, network: Any, latent: Tensor, labels: Any, sampling: Any) -> Tensor:
        samples: Tensor = network(sampling.truncation * latent)
        return samples


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry("bigan", BiGAN, "a generator with its inverse (Donahue 2016)")
