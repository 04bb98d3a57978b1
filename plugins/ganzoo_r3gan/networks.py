"""The networks and the recipe of R3GAN, after the authors' ``brownvc/R3GAN``."""

from itertools import pairwise
from typing import ClassVar

from pydantic import Field
from torch import nn

from ganzoo import Architecture, Options, Training
from ganzoo.layers import smallest_map
from ganzoo_r3gan.blocks import (
    DiscriminativeBasis,
    Downsample,
    GenerativeBasis,
    InRange,
    ResidualBlock,
    Upsample,
    change,
    conv,
)


class R3GAN(Architecture):
    """Huang 2024 (arXiv:2501.05441), section 4 and the appendix: a modern network without
    normalisation. ``width=768`` is the authors' for CIFAR-10 and FFHQ at 64 pixels.

    Left out of their recipe: labels, augmentation, and the schedules over the first 20 million
    images, of which the first values stand here: learning rate 2e-4 (falls to 5e-5), beta2 0.9
    (rises to 0.99), gamma (falls to a tenth). Gamma alone is another, 1: their 0.05 for CIFAR-10
    goes with augmentation, and on plain digits the discriminator won with it. The moving average
    is this engine's usual one; theirs has a half-life that rises from 0 to 0.5 to 50 million
    images. Their batch is 512 for CIFAR-10. A narrow network takes a higher learning rate.
    """

    class Config(Options):
        latent_size: int = Field(64, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            64,
            ge=16,
            le=2048,
            multiple_of=16,
            description="channels up to 32 pixels, half as many above; a multiple of 16",
        )
        blocks: int = Field(2, ge=1, le=16, description="residual blocks at each resolution")

    image_sizes: ClassVar = (16, 32, 64)
    image_multiple: ClassVar = 16
    objective: ClassVar = "relativistic"
    training: ClassVar = Training(
        batch_size=64,
        steps=50_000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.0,
        beta2=0.9,
    )
    paper: ClassVar = "https://arxiv.org/abs/2501.05441"

    @property
    def channels(self) -> list[int]:
        """Of the feature maps, from the smallest one to the one of the picture's size."""
        halvings, _ = smallest_map(*self.spec.shape[1:])
        sizes = [4 << index for index in range(halvings + 1)]
        return [self.config.width * 32 // max(32, size) for size in sizes]

    def build_generator(self) -> nn.Module:
        wide = self.channels
        layers = [
            GenerativeBasis(self.config.latent_size, wide[0], self._smallest),
            *self._blocks(wide[0]),
        ]
        for before, after in pairwise(wide):
            layers += [*change(before, after), Upsample(), *self._blocks(after)]
        return nn.Sequential(*layers, conv(wide[-1], self.spec.shape[0], bias=False), InRange())

    def build_discriminator(self) -> nn.Module:
        narrow = self.channels[::-1]
        layers = [conv(self.spec.shape[0], narrow[0], bias=False), *self._blocks(narrow[0])]
        for before, after in pairwise(narrow):
            layers += [Downsample(), *change(before, after), *self._blocks(after)]
        return nn.Sequential(*layers, DiscriminativeBasis(narrow[-1], self._smallest))

    @property
    def _smallest(self) -> tuple[int, int]:
        _, smallest = smallest_map(*self.spec.shape[1:])
        return smallest

    def _blocks(self, width: int) -> list[nn.Module]:
        count = self.config.blocks
        return [ResidualBlock(width, count * len(self.channels)) for _ in range(count)]
