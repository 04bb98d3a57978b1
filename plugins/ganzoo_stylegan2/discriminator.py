"""The discriminator: residual blocks, and how much features vary over the batch."""

import math
from itertools import pairwise

from torch import Tensor, nn

from ganzoo import layers
from ganzoo_stylegan2.layers import Convolution, Linear, Rectifier, halved


class Block(nn.Module):
    """A residual block that halves the size: (N, inputs, H, W) to (N, outputs, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(Convolution(inputs, inputs), Rectifier())
        self.second = nn.Sequential(Convolution(inputs, outputs), Rectifier())
        self.shortcut = Convolution(inputs, outputs, size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(halved(self.first(x)))
        return (y + self.shortcut(halved(x))) / math.sqrt(2)


def discriminator(channels: list[int], image: int) -> nn.Sequential:
    """channels: at the full size, at half of it and so on down to 4x4 pixels."""
    last = channels[-1]
    return nn.Sequential(
        Convolution(image, channels[0], size=1),
        Rectifier(),
        *(Block(inputs, outputs) for inputs, outputs in pairwise(channels)),
        layers.MinibatchStddev(),
        Convolution(last + 1, last),
        Rectifier(),
        nn.Flatten(),
        Linear(last * 4 * 4, last),
        Rectifier(),
        Linear(last, 1),
    )
