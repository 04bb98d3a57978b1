"""The blocks of R3GAN, of which both networks are made."""

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_GAIN: Final = math.sqrt(2 / (1 + 0.2**2))  # He's, for a leaky rectifier of slope 0.2
_GROUP: Final = 16  # channels of a group in the grouped convolutions


def conv(
    inputs: int, outputs: int, size: int = 1, groups: int = 1, bias: bool = True, gain: float = 1.0
) -> nn.Conv2d:
    """A convolution that keeps the size, its weights from N(0, gain^2 / fan in), no bias."""
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, bias=bias)
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def change(inputs: int, outputs: int) -> list[nn.Module]:
    """What changes the number of channels; nothing where it stays."""
    return [conv(inputs, outputs, bias=False)] if inputs != outputs else []


class ResidualBlock(nn.Module):
    """Expand, convolve in groups, contract; the last layer begins at zero, so the block is nothing.

    The other layers are scaled by (blocks in the network)^(-1/4), so that an update changes the
    network alike at any depth (Zhang 2019, arXiv:1901.09321, Fixup, for three layers a block).
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        inner, gain = 2 * width, _GAIN * blocks**-0.25
        self.body = nn.Sequential(
            conv(width, inner, gain=gain),
            nn.LeakyReLU(0.2),
            conv(inner, inner, size=3, groups=inner // _GROUP, gain=gain),
            nn.LeakyReLU(0.2),
            conv(inner, width, bias=False, gain=0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class GenerativeBasis(nn.Module):
    """The map that the generator begins with, of `sides`: learned patterns, weighted by the
    latent."""

    def __init__(self, latent_size: int, width: int, sides: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.empty(width, *sides))
        self.weights = nn.Linear(latent_size, width, bias=False)
        nn.init.normal_(self.basis)
        nn.init.normal_(self.weights.weight, 0.0, 1 / math.sqrt(latent_size))

    def forward(self, latent: Tensor) -> Tensor:
        return self.basis * self.weights(latent)[:, :, None, None]


class DiscriminativeBasis(nn.Module):
    """Its mirror image, the end of the discriminator: one number a channel, and one of them all.

    In float32, since the objective takes the difference of two scores.
    """

    def __init__(self, width: int, sides: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Conv2d(width, width, sides, groups=width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)
        nn.init.normal_(self.basis.weight, 0.0, 1 / math.sqrt(math.prod(sides)))
        nn.init.normal_(self.score.weight, 0.0, 1 / math.sqrt(width))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.score(self.basis(x.float()).flatten(1))


class Upsample(nn.Module):
    """Twice the size, bilinear."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Downsample(nn.Module):
    """Half the size, by the same filter as bilinear doubling: 1-3-3-1 in each direction.

    In float32: a CPU is slow at the way back through such a convolution in bfloat16.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", torch.outer(line, line)[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.float().expand(channels, 1, 4, 4)
        with torch.autocast(x.device.type, enabled=False):
            halved = F.conv2d(x.float(), kernel, stride=2, padding=1, groups=channels)
        return halved.to(x.dtype)


class InRange(nn.Module):
    """Cuts finished samples to [-1, 1]. In training nothing is cut, as in the authors' code: a
    pixel out of range would have no gradient to come back by."""

    def forward(self, x: Tensor) -> Tensor:
        return x if self.training else x.clamp(-1, 1)
