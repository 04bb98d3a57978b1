"""The networks and the recipe of DCGAN, as in pytorch/examples ``dcgan/main.py``, which has them
at 64 pixels; other sizes have more or fewer of the same blocks."""

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, Training


class DCGAN(Architecture):
    """Radford 2016 (arXiv:1511.06434): 512-256-128-64 channels at 64 pixels with width 64."""

    class Config(Options):
        latent_size: int = Field(100, ge=1, le=4096, description="length of a latent")
        width: int = Field(64, ge=1, le=1024, description="channels next to the picture")
        generator_dropout: float = Field(
            0.0, ge=0, lt=1, description="dropout in the generator, in training only"
        )
        minibatch_stddev: bool = Field(
            False, description="the discriminator also sees how much its batch varies"
        )

    image_sizes: ClassVar = (16, 32, 64, 128, 256)
    training: ClassVar = Training(batch_size=64, steps=20_000, beta1=0.5)
    paper: ClassVar = "https://arxiv.org/abs/1511.06434"

    @property
    def channels(self) -> list[int]:
        """Of the feature maps, from the 4x4 one to the one at half the picture's size."""
        blocks = int(math.log2(self.spec.shape[-1])) - 2
        return [self.config.width << index for index in reversed(range(blocks))]

    def build_generator(self) -> nn.Module:
        widest, *_ = wide = self.channels
        layers: list[nn.Module] = [
            nn.Unflatten(1, (self.config.latent_size, 1, 1)),
            nn.ConvTranspose2d(self.config.latent_size, widest, 4, 1, 0, bias=False),
        ]
        for before, after in zip(wide, [*wide[1:], self.spec.shape[0]], strict=True):
            layers += [nn.BatchNorm2d(before), self._activation()]
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
        return nn.Sequential(*layers, nn.Tanh()).apply(initialise)

    def _activation(self) -> nn.Module:
        activation = nn.ReLU(inplace=True)
        if not self.config.generator_dropout:
            return activation
        # In one place of the sequence, so that the layers after it keep their names.
        return nn.Sequential(activation, nn.Dropout(self.config.generator_dropout))

    def build_discriminator(self) -> nn.Module:
        first, *rest = narrow = self.channels[::-1]
        layers: list[nn.Module] = [
            nn.Conv2d(self.spec.shape[0], first, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for before, after in zip(narrow, rest, strict=False):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
        last = nn.Conv2d(narrow[-1] + self.config.minibatch_stddev, 1, 4, 1, 0, bias=False)
        layers += [MinibatchStddev(), last] if self.config.minibatch_stddev else [last]
        return nn.Sequential(*layers).apply(initialise)


class MinibatchStddev(nn.Module):
    """Karras 2018 (arXiv:1710.10196), section 3: how much each feature varies over the batch, as
    one number, on one more map. (N, C, H, W) to (N, C + 1, H, W).

    The mean is over the whole batch, as in the paper's text; its code has groups of four.
    """

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            variance = x.float().var(0, unbiased=False)
            # The root of 0, of a lone sample, has no gradient.
            deviation = (variance + 1e-8).sqrt().mean()
        plane = deviation.to(x.dtype).expand(len(x), 1, *x.shape[2:])
        return torch.cat([x, plane], 1)


def initialise(module: nn.Module) -> None:
    """Section 4: weights from N(0, 0.02); the gains of batch normalisation from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
