"""The blocks of SNGAN: residual ones, and the spectrally normalised layers of its discriminator."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


def initialised(layer: nn.Linear | nn.Conv2d, gain: float = 1.0) -> nn.Module:
    """The authors' initial weights: Glorot's, and no bias."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class UpBlock(nn.Module):
    """A residual block of the generator that doubles the size (nearest neighbour)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.grow = initialised(nn.Conv2d(inputs, outputs, 3, padding=1), math.sqrt(2))
        self.second = nn.Sequential(
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            initialised(nn.Conv2d(outputs, outputs, 3, padding=1), math.sqrt(2)),
        )
        self.shortcut = initialised(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        grown = self.grow(F.interpolate(self.first(x), scale_factor=2))
        # A 1x1 convolution gives the same before or after the doubling; before costs a quarter.
        return self.second(grown) + F.interpolate(self.shortcut(x), scale_factor=2)


class Conv(nn.Conv2d):
    """A convolution whose weight is worked out in float32, whatever the precision around.

    On CUDA, autocast would run the products of the power iteration in low precision.
    """

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            weight = self.weight  # spectral_norm computes it here
        return F.conv2d(input, weight, self.bias, padding=self.padding)


def conv(inputs: int, outputs: int, size: int = 3, gain: float = math.sqrt(2)) -> nn.Module:
    """A convolution of the discriminator: its weight's largest singular value is 1."""
    return spectral_norm(initialised(Conv(inputs, outputs, size, padding=size // 2), gain))


class DownBlock(nn.Module):
    """A residual block of the discriminator; with `half` it halves the size (mean pooling)."""

    def __init__(self, inputs: int, outputs: int, half: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.ReLU(), conv(inputs, inputs), nn.ReLU(), conv(inputs, outputs))
        self.shortcut = conv(inputs, outputs, size=1, gain=1.0) if half else None

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return self.body(x) + x
        return F.avg_pool2d(self.body(x), 2) + self.shortcut(F.avg_pool2d(x, 2))


class FirstDownBlock(nn.Module):
    """The discriminator's first block: no rectifier before the first convolution, half the size."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, width), nn.ReLU(), conv(width, width))
        self.shortcut = conv(channels, width, size=1, gain=1.0)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.body(x), 2) + self.shortcut(F.avg_pool2d(x, 2))


class Score(nn.Module):
    """The end of the discriminator: the sum over all places, and one number of it, in float32.

    Without a bias, as the authors': the hinge's gradient of it is 0 while no score is beyond 1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = spectral_norm(initialised(nn.Linear(width, 1, bias=False)))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.linear(F.relu(x).float().sum((2, 3)))
