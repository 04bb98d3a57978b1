"""Layers that networks of several families are built of.

An author imports them from here, ``from ganzoo import layers``, and passes what differs between
families as an argument. The names within a block and the order in which it draws its initial
weights are part of what published models rely on, so they do not change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.parametrize import register_parametrization

__all__ = [
    "DownBlock",
    "FirstDownBlock",
    "MinibatchStddev",
    "UpBlock",
    "convolution",
    "dcgan_weights",
    "doubling",
    "glorot",
    "halving",
    "perceptron",
    "smallest_map",
    "spectral_convolution",
    "spectral_norm",
]

Layer = TypeVar("Layer", bound=nn.Module)
Weighted = TypeVar(
    "Weighted",
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
)


# Initial weights


def glorot(layer: Weighted, gain: float = 1.0) -> Weighted:
    """`layer` with uniform initial weights of variance gain^2 * 2 / (fan in + fan out), bias 0.

    Glorot 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equation 16. With a gain of sqrt(2), for a rectifier, it is He's (arXiv:1502.01852) where both
    fans are alike.
    """
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def dcgan_weights(module: nn.Module) -> None:
    """The initial weights of DCGAN (Radford 2016, arXiv:1511.06434, section 4), for
    ``network.apply(dcgan_weights)``: N(0, 0.02), and N(1, 0.02) for batch normalisation's gains.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


# Spectral normalisation


class _SpectralNormInFloat32(parametrizations._SpectralNorm):
    """torch's own, outside autocast.

    Under autocast on CUDA the power iteration's products would be in half precision, and the norm
    would be off by as much as they are. A subclass rather than a module around it: the buffers
    keep the names that torch gives them.
    """

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            normalised: Tensor = super().forward(weight)
        return normalised


def spectral_norm(layer: Layer) -> Layer:
    """`layer` with its weight divided by the largest singular value (Miyato 2018,
    arXiv:1802.05957, equation 8), which is worked out in float32 whatever the precision around.

    As ``torch.nn.utils.parametrizations.spectral_norm``, with the same names in the state dict: one
    power iteration at each forward pass in training, none in evaluation. `layer` is changed and
    returned; it has a parameter ``weight``, such as a linear layer, convolution or embedding.
    """
    weight = layer.get_parameter("weight")
    transposed = isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)
    normalise = _SpectralNormInFloat32(weight, n_power_iterations=1, dim=int(transposed))
    register_parametrization(layer, "weight", normalise)
    return layer


# Residual blocks


class Convolution(Protocol):
    """What a block calls for each of its convolutions. gain: of the initial weights, sqrt(2)
    where the layer is followed or preceded by a rectifier and 1 where it is not."""

    def __call__(
        self, inputs: int, outputs: int, size: int = 3, gain: float = math.sqrt(2)
    ) -> nn.Module: ...


def convolution(inputs: int, outputs: int, size: int = 3, gain: float = math.sqrt(2)) -> nn.Conv2d:
    """A convolution that keeps height and width, with Glorot's initial weights and bias 0.

    (N, inputs, H, W) to (N, outputs, H, W), for an odd size.
    """
    return glorot(nn.Conv2d(inputs, outputs, size, padding=size // 2), gain)


def spectral_convolution(
    inputs: int, outputs: int, size: int = 3, gain: float = math.sqrt(2)
) -> nn.Conv2d:
    """`convolution` with spectral normalisation."""
    return spectral_norm(convolution(inputs, outputs, size, gain))


class UpBlock(nn.Module):
    """A generator's residual block that doubles the size (nearest neighbour).

    (N, inputs, H, W) to (N, outputs, 2H, 2W). Gulrajani 2017 (arXiv:1704.00028), appendix F;
    Miyato 2018 (arXiv:1802.05957), figure 8b. norm: of a number of channels, the normalisation.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        conv: Convolution = convolution,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(norm(inputs), nn.ReLU())
        self.grow = conv(inputs, outputs)
        self.second = nn.Sequential(norm(outputs), nn.ReLU(), conv(outputs, outputs))
        self.shortcut = conv(inputs, outputs, size=1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        grown = self.grow(F.interpolate(self.first(x), scale_factor=2))
        # A 1x1 convolution gives the same before or after the doubling; before costs a quarter.
        return self.second(grown) + F.interpolate(self.shortcut(x), scale_factor=2)


class DownBlock(nn.Module):
    """A discriminator's residual block; with `half` it halves the size (mean pooling).

    (N, inputs, H, W) to (N, outputs, H/2, W/2), or to (N, outputs, H, W), which needs as many
    outputs as inputs. Same papers as `UpBlock`. It has no normalisation of activations, which would
    make a sample's score depend on its batch; `conv` may be `spectral_convolution`.
    """

    def __init__(
        self, inputs: int, outputs: int, half: bool, conv: Convolution = convolution
    ) -> None:
        super().__init__()
        if not half and inputs != outputs:
            raise ValueError(f"a block that keeps the size keeps its {inputs} channels too")
        self.body = nn.Sequential(nn.ReLU(), conv(inputs, inputs), nn.ReLU(), conv(inputs, outputs))
        self.shortcut = conv(inputs, outputs, size=1, gain=1.0) if half else None

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.body(x) + x
        return F.avg_pool2d(self.body(x), 2) + self.shortcut(F.avg_pool2d(x, 2))


class FirstDownBlock(nn.Module):
    """A discriminator's first block: half the size, and no rectifier before the first convolution.

    (N, inputs, H, W) to (N, outputs, H/2, W/2). A rectifier would take the dark half of a picture
    in [-1, 1] away.
    """

    def __init__(self, inputs: int, outputs: int, conv: Convolution = convolution) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(inputs, outputs), nn.ReLU(), conv(outputs, outputs))
        self.shortcut = conv(inputs, outputs, size=1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.body(x), 2) + self.shortcut(F.avg_pool2d(x, 2))


# Stacks of strided convolutions, as in DCGAN


def smallest_map(height: int, width: int) -> tuple[int, tuple[int, int]]:
    """How often both sides of a picture can be halved, and the sides of the map that is left: 4x4
    for a square of 8, 16, 32, ... pixels, of others 3 to 7 on the shorter side, or what is odd."""
    halvings = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 6:
        height, width, halvings = height // 2, width // 2, halvings + 1
    return halvings, (height, width)


def doubling(channels: Sequence[int], bias: bool = True) -> list[nn.ConvTranspose2d]:
    """Transposed 4x4 convolutions of stride 2, one between each two of `channels`: each takes
    (N, channels[i], H, W) to (N, channels[i + 1], 2H, 2W)."""
    return [
        nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)
        for inputs, outputs in pairwise(channels)
    ]


def halving(channels: Sequence[int], bias: bool = True) -> list[nn.Conv2d]:
    """4x4 convolutions of stride 2, one between each two of `channels`: each takes
    (N, channels[i], H, W) to (N, channels[i + 1], H/2, W/2)."""
    return [
        nn.Conv2d(inputs, outputs, 4, 2, 1, bias=bias) for inputs, outputs in pairwise(channels)
    ]


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


# Perceptrons


def perceptron(
    inputs: int, hidden: Sequence[int], outputs: int, *between: Callable[[], nn.Module]
) -> list[nn.Module]:
    """The layers of a multilayer perceptron, (N, inputs) to (N, outputs): a linear layer of each
    width in `hidden`, each followed by what `between` makes, such as ``nn.ReLU``, and a last one.

    A list, so that a network may begin and end with layers of its own in one ``nn.Sequential``.
    """
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), *(make() for make in between)]
        inputs = width
    return [*layers, nn.Linear(inputs, outputs)]
