"""The networks and the recipe of SNGAN, as in the authors' ``pfnet-research/sngan_projection``
without labels: at 32 pixels ``resnet_32.py`` and ``snresnet_32.py``."""

import math
from itertools import pairwise
from typing import ClassVar

from pydantic import Field
from torch import nn

from ganzoo import Architecture, Options, Training
from ganzoo_sngan.blocks import DownBlock, FirstDownBlock, Score, UpBlock, initialised


class SNGAN(Architecture):
    """Miyato 2018 (arXiv:1802.05957), appendix B.4: residual networks, one width throughout up
    to 32 pixels (table 4), twice as wide with each halving of a larger picture (table 6).

    With the default width that is 256 channels in the generator and 128 in the discriminator at
    32 pixels, and 1024 to 64 and 64 to 1024 at 128. The authors make the generator's own batch
    128 large and let both learning rates fall to 0 (``--set training.lr_decay=linear``).
    """

    class Config(Options):
        latent_size: int = Field(128, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            128,
            ge=2,
            le=1024,
            description="channels of the discriminator up to 32 pixels; the generator has twice",
        )

    image_sizes: ClassVar = (16, 32, 64, 128)
    objective: ClassVar = "hinge"
    training: ClassVar = Training(
        batch_size=64,
        steps=50_000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.0,
        beta2=0.9,
        discriminator_steps=5,
    )
    paper: ClassVar = "https://arxiv.org/abs/1802.05957"

    def build_generator(self) -> nn.Module:
        size, width = self.spec.shape[-1], 2 * self.config.width
        maps = [4 << index for index in range(int(math.log2(size)) - 1)]  # from 4x4 to the picture
        wide = [width if size <= 32 else min(4 * width, width * size // (4 * at)) for at in maps]
        return nn.Sequential(
            initialised(nn.Linear(self.config.latent_size, wide[0] * 4 * 4)),
            nn.Unflatten(1, (wide[0], 4, 4)),
            *(UpBlock(before, after) for before, after in pairwise(wide)),
            nn.BatchNorm2d(wide[-1]),
            nn.ReLU(),
            initialised(nn.Conv2d(wide[-1], self.spec.shape[0], 3, padding=1)),
            nn.Tanh(),
        )

    def build_discriminator(self) -> nn.Module:
        size, width = self.spec.shape[-1], self.config.width
        if size <= 32:  # down to 8x8, then two blocks more
            halvings = int(math.log2(size)) - 3
            wide = [width] * (halvings + 2)
        else:  # down to 4x4, then one block more
            halvings = int(math.log2(size)) - 2
            wide = [(width << index) // 2 for index in range(halvings)]
            wide.append(wide[-1])
        layers: list[nn.Module] = [FirstDownBlock(self.spec.shape[0], wide[0])]
        for index, (before, after) in enumerate(pairwise(wide), 1):
            layers.append(DownBlock(before, after, half=index < halvings))
        return nn.Sequential(*layers, Score(wide[-1]))
