"""Layers with equalised rates, and convolutions that a style modulates."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Of a leaky rectifier, so that it keeps the variance.
GAIN = math.sqrt(2)


class Rectifier(nn.Module):
    """A leaky rectifier that keeps the variance."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.2) * GAIN


class Linear(nn.Module):
    """(N, inputs) to (N, outputs), with an equalised rate (Karras 2018, arXiv:1710.10196, section
    4.1): weights are N(0, 1), and scaled when they are used, so that all of them learn alike.

    rate: what the learning rate is multiplied by. bias: its initial value.
    """

    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.rate, self.scale = rate, rate / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class Convolution(nn.Module):
    """(N, inputs, H, W) to (N, outputs, H, W), with an equalised rate, for an odd size."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale = 1 / math.sqrt(inputs * size**2)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale
        return F.conv2d(x, weight, self.bias, padding=weight.shape[-1] // 2)


class StyledConvolution(nn.Module):
    """A convolution whose weights a style scales (Karras 2019, section 2.2): (N, inputs, H, W) with
    styles (N, style) to (N, outputs, H, W).

    demodulate: bring each output map back to a variance of 1.
    """

    def __init__(
        self, inputs: int, outputs: int, style: int, size: int = 3, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.convolution = Convolution(inputs, outputs, size)
        self.affine = Linear(style, inputs, bias=1.0)
        self.demodulate = demodulate

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        # To scale what goes in and out is the same as to scale the weights of each sample.
        with torch.autocast(x.device.type, enabled=False):
            scale = self.affine(style.float())
            weight = self.convolution.weight * self.convolution.scale
            power = F.linear(scale.square(), weight.square().sum((2, 3)))
            shrink = (power + 1e-8).rsqrt()
        y = F.conv2d(x * _maps(scale, x), weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            y = y * _maps(shrink, y)
        bias = self.convolution.bias
        assert bias is not None
        return y + bias.to(y.dtype)[:, None, None]


def _maps(factors: Tensor, x: Tensor) -> Tensor:
    """One factor for each map of each sample, in the precision of `x`."""
    return factors.to(x.dtype)[:, :, None, None]


class NoisyLayer(nn.Module):
    """A styled convolution, noise and a rectifier. The noise's strength is learned."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.convolution = StyledConvolution(inputs, outputs, style)
        self.strength = nn.Parameter(torch.zeros(1))
        self.rectifier = Rectifier()

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """noise: (N, H * W)."""
        y = self.convolution(x, style)
        return self.rectifier(y + (self.strength * noise).to(y.dtype).view_as(y[:, :1]))


def doubled(x: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 2H, 2W), through the filter 1 3 3 1."""
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def halved(x: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, H/2, W/2), by the mean of two pixels by two. The paper's filter, 1 3 3
    1, takes as long as a convolution on a CPU."""
    return F.avg_pool2d(x, 2)
