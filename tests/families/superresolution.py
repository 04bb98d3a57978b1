"""Super-resolution: large pictures out of small ones.

SRGAN, Ledig 2017, "Photo-realistic single image super-resolution using a generative adversarial
network" (arXiv:1609.04802). It takes any data set of images: what the generator works from is made
of the real pictures, scaled down::

    ganzoo --plugin superresolution.py train srgan --data mnist-5k --image-size 32 --out runs/sharp
    ganzoo --plugin superresolution.py sample runs/sharp --input small.png -o large.png

Not as in the paper: pictures are compared by their pixels, not by VGG's features of them, which
would have to be downloaded, and they are scaled down by averaging.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

import ganzoo
from ganzoo import Architecture, Game, Options, SampleSpec, hookimpl
from ganzoo.layers import halving


class PerceptualLoss(ganzoo.Objective):
    """Equation 3 of the paper: near the picture that the input was made of, and a little of what
    the discriminator asks for."""

    class Config(Options):
        adversarial_weight: float = Field(1e-3, ge=0, description="weight of the adversarial term")

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        real, fake = game.score(game.real), game.score(game.fake)
        return {"real": F.softplus(-real).mean(), "fake": F.softplus(fake).mean()}

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        score = F.softplus(-game.score(game.fake)).mean()
        content = F.mse_loss(game.fake, game.real)
        return {"content": content, "adversarial": self.config.adversarial_weight * score}


class Residual(nn.Module):
    """Two convolutions that keep the shape, (N, width, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        norms = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.body = nn.Sequential(first, norms[0], nn.PReLU(), second, norms[1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class SRGAN(Architecture):
    """Ledig 2017."""

    class Config(Options):
        factor: Literal[2, 4] = Field(2, description="how many times larger the pictures get")
        width: int = Field(64, ge=1, description="channels of the convolutions")
        blocks: int = Field(16, ge=0, description="residual blocks of the generator")

    image_sizes: ClassVar = (16, 32, 64, 128, 256)
    objective: ClassVar = PerceptualLoss
    training: ClassVar = ganzoo.Training(batch_size=16, steps=100_000, generator_lr=1e-4, beta1=0.9)
    paper: ClassVar = "https://arxiv.org/abs/1609.04802"

    @property
    def input_spec(self) -> SampleSpec:
        channels, height, width = self.spec.shape
        factor = self.config.factor
        small = (channels, height // factor, width // factor)
        return replace(self.spec, shape=small, classes=(), inputs=None)

    def condition(
        self,
        real: Tensor,
        labels: Tensor | None,
        generator: torch.Generator,
        inputs: Tensor | None = None,
    ) -> Tensor:
        """The real pictures scaled down, whatever the data set has besides."""
        return F.avg_pool2d(real, self.config.factor)

    def build_generator(self) -> nn.Module:
        colours, width = self.spec.shape[0], self.config.width
        network = nn.Sequential(nn.Conv2d(colours, width, 9, padding=4), nn.PReLU())
        network.extend([Residual(width) for _ in range(self.config.blocks)])
        for _ in range(int(math.log2(self.config.factor))):
            wider = nn.Conv2d(width, 4 * width, 3, padding=1)
            network.extend([wider, nn.PixelShuffle(2), nn.PReLU()])
        return network.extend([nn.Conv2d(width, colours, 9, padding=4), nn.Tanh()])

    def build_discriminator(self) -> nn.Module:
        halvings = int(math.log2(self.spec.shape[-1])) - 2
        widths = [self.config.width * min(8, 2**number) for number in range(halvings)]
        network = nn.Sequential()
        for layer in halving([self.spec.shape[0], *widths]):
            network.extend([layer, nn.LeakyReLU(0.2)])
        return network.extend([nn.Flatten(), nn.Linear(widths[-1] * 4 * 4, 1)])


@hookimpl
def ganzoo_architectures() -> Iterator[ganzoo.ArchitectureEntry]:
    yield ganzoo.ArchitectureEntry("srgan", SRGAN, "larger pictures (Ledig 2017)")
