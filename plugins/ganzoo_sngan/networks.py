"""The networks and the recipe of SNGAN, as in the authors' ``pfnet-research/sngan_projection``
without labels: at 32 pixels ``resnet_32.py`` and ``snresnet_32.py``."""

from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, Training
from ganzoo.layers import (
    DownBlock,
    FirstDownBlock,
    UpBlock,
    convolution,
    glorot,
    smallest_map,
    spectral_convolution,
    spectral_norm,
)


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
    image_multiple: ClassVar = 16
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
        halvings, (high, wide) = smallest_map(*self.spec.shape[1:])
        size, width = 4 << halvings, 2 * self.config.width
        sizes = [4 << index for index in range(halvings + 1)]  # of the feature maps
        if size <= 32:
            channels = [width] * len(sizes)
        else:
            channels = [min(4 * width, width * size // (4 * at)) for at in sizes]
        return nn.Sequential(
            glorot(nn.Linear(self.config.latent_size, channels[0] * high * wide)),
            nn.Unflatten(1, (channels[0], high, wide)),
            *(UpBlock(inputs, outputs) for inputs, outputs in pairwise(channels)),
            nn.BatchNorm2d(channels[-1]),
            nn.ReLU(),
            convolution(channels[-1], self.spec.shape[0], gain=1.0),
            nn.Tanh(),
        )

    def build_discriminator(self) -> nn.Module:
        halvings, _ = smallest_map(*self.spec.shape[1:])
        width = self.config.width
        if halvings <= 3:  # up to 32 pixels: down to 8x8, then two blocks more
            halvings -= 1
            channels = [width] * (halvings + 2)
        else:  # down to 4x4, then one block more
            channels = [(width << index) // 2 for index in range(halvings)]
            channels.append(channels[-1])
        conv = spectral_convolution
        return nn.Sequential(
            FirstDownBlock(self.spec.shape[0], channels[0], conv),
            *(
                DownBlock(inputs, outputs, half=index < halvings, conv=conv)
                for index, (inputs, outputs) in enumerate(pairwise(channels), 1)
            ),
            Score(channels[-1]),
        )


class Score(nn.Module):
    """The end of the discriminator: the sum over all places, and one number of it, in float32.
    (N, width, H, W) to (N, 1).

    Without a bias, as the authors': the hinge's gradient of it is 0 while no score is beyond 1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = spectral_norm(glorot(nn.Linear(width, 1, bias=False)))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.linear(F.relu(x).float().sum((2, 3)))
