"""The networks and the recipe of WGAN-GP, as in the authors' ``gan_cifar_resnet.py``.

The critic has no normalisation: one that mixes the samples of a batch would invalidate the
penalty, which is of each sample by itself (section 4 of the paper).
"""

import math
from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, Training


class WGANGP(Architecture):
    """Gulrajani 2017 (arXiv:1704.00028), appendix F: residual networks for 32 pixels."""

    class Config(Options):
        network: Literal["residual", "mlp"] = Field(
            "residual", description="residual: convolutions, for images; mlp: for anything"
        )
        latent_size: int = Field(128, ge=1, le=4096, description="length of a latent")
        width: int = Field(128, ge=1, le=1024, description="channels; an mlp has 4 times the units")

    kinds: ClassVar = ()
    image_sizes: ClassVar = (8, 16, 32, 64, 128, 256)
    objective: ClassVar = "wasserstein"
    training: ClassVar = Training(
        batch_size=64,
        steps=100_000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.0,
        beta2=0.9,
        lr_decay="linear",
        discriminator_steps=5,
        dequantize=True,
    )
    paper: ClassVar = "https://arxiv.org/abs/1704.00028"

    def check(self) -> None:
        if self.config.network == "residual" and self.spec.kind != "image":
            raise ValueError(
                f"network=residual is for images, not {self.spec.kind}; try network=mlp"
            )

    def build_generator(self) -> nn.Module:
        if self.config.network == "mlp":
            return self._mlp_generator()
        width = self.config.width
        blocks = int(math.log2(self.spec.shape[-1])) - 2
        return nn.Sequential(
            nn.Linear(self.config.latent_size, width * 4 * 4),
            nn.Unflatten(1, (width, 4, 4)),
            *(UpBlock(width) for _ in range(blocks)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            conv(width, self.spec.shape[0], gain=1.0),
            nn.Tanh(),
        )

    def build_discriminator(self) -> nn.Module:
        if self.config.network == "mlp":
            return self._mlp_critic()
        width = self.config.width
        halvings = int(math.log2(self.spec.shape[-1])) - 3
        return nn.Sequential(
            FirstDownBlock(self.spec.shape[0], width),
            *(DownBlock(width, half=index < halvings - 1) for index in range(halvings + 1)),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 1),
        )

    def _mlp_generator(self) -> nn.Module:
        units = self.config.width * 4
        layers: list[nn.Module] = [nn.Linear(self.config.latent_size, units), nn.ReLU()]
        for _ in range(2):
            layers += [nn.Linear(units, units), nn.ReLU()]
        layers.append(nn.Linear(units, self.spec.size))
        if self.spec.bounded:
            layers.append(nn.Tanh())
        return nn.Sequential(*layers, nn.Unflatten(1, self.spec.shape))

    def _mlp_critic(self) -> nn.Module:
        units = self.config.width * 4
        layers: list[nn.Module] = [
            nn.Flatten(),
            nn.Linear(self.spec.size, units),
            nn.LeakyReLU(0.2),
        ]
        for _ in range(2):
            layers += [nn.Linear(units, units), nn.LeakyReLU(0.2)]
        return nn.Sequential(*layers, nn.Linear(units, 1))


def conv(inputs: int, outputs: int, size: int = 3, gain: float = math.sqrt(2)) -> nn.Conv2d:
    """A convolution with the authors' initial weights: He's, or Glorot's (gain 1) where no
    rectifier follows."""
    made = nn.Conv2d(inputs, outputs, size, padding=size // 2)
    fans = (inputs + outputs) * size * size / 2
    bound = gain * math.sqrt(3 / fans)
    nn.init.uniform_(made.weight, -bound, bound)
    assert made.bias is not None
    nn.init.zeros_(made.bias)
    return made


class UpBlock(nn.Module):
    """A residual block of the generator that doubles the size (nearest neighbour)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
        self.grow = conv(width, width)
        self.second = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), conv(width, width))
        self.shortcut = conv(width, width, size=1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        grown = self.grow(F.interpolate(self.first(x), scale_factor=2))
        # A 1x1 convolution gives the same before or after the doubling; before costs a quarter.
        return self.second(grown) + F.interpolate(self.shortcut(x), scale_factor=2)


class DownBlock(nn.Module):
    """A residual block of the critic; with `half` it halves the size (mean pooling)."""

    def __init__(self, width: int, half: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, width))
        self.shortcut = conv(width, width, size=1, gain=1.0) if half else None

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.body(x) + x
        return F.avg_pool2d(self.body(x), 2) + self.shortcut(F.avg_pool2d(x, 2))


class FirstDownBlock(nn.Module):
    """The critic's first block: no rectifier before the first convolution, half the size."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, width), nn.ReLU(), conv(width, width))
        self.shortcut = conv(channels, width, size=1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.body(x), 2) + self.shortcut(F.avg_pool2d(x, 2))
