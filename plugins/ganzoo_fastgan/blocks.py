"""The blocks of FastGAN, as in the authors' code, ``odegeasslbc/FastGAN-pytorch``."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.layers import spectral_norm


def conv(inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """A convolution with spectral normalisation and without a bias."""
    return spectral_norm(nn.Conv2d(inputs, outputs, size, stride, padding, bias=False))


class Noise(nn.Module):
    """Adds noise in a learned strength that starts at 0: (N, C, H, W) to the same.

    In training it is new each time. In evaluation it is always the same, so that a sample depends
    on its latent alone.
    """

    fixed: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("fixed", torch.randn(1, 1, side, side))

    def forward(self, x: Tensor) -> Tensor:
        noise = self.fixed.to(x.dtype)
        if self.training:
            noise = torch.randn_like(x[:, :1])
        return x + self.strength.to(x.dtype) * noise


def gated(inputs: int, outputs: int, *between: nn.Module) -> list[nn.Module]:
    """A convolution whose half of the channels is let through by the other half."""
    wide = 2 * outputs
    return [conv(inputs, wide, 3, 1, 1), *between, nn.BatchNorm2d(wide), nn.GLU(dim=1)]


def grow(inputs: int, outputs: int, side: int, twice: bool = False) -> nn.Sequential:
    """Doubles the size, to `side`; `twice` has two convolutions and noise."""
    layers = [nn.UpsamplingNearest2d(scale_factor=2)]
    if not twice:
        return nn.Sequential(*layers, *gated(inputs, outputs))
    first, second = gated(inputs, outputs, Noise(side)), gated(outputs, outputs, Noise(side))
    return nn.Sequential(*layers, *first, *second)


class Shrink(nn.Module):
    """Halves the size: (N, inputs, H, W) to (N, outputs, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *shrink(inputs, outputs),
            conv(outputs, outputs, 3, 1, 1),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2),
        )
        self.direct = nn.Sequential(
            nn.AvgPool2d(2),
            conv(inputs, outputs, 1),
            nn.BatchNorm2d(outputs),
            nn.LeakyReLU(0.2),
        )

    def forward(self, x: Tensor) -> Tensor:
        shrunk: Tensor = (self.main(x) + self.direct(x)) / 2
        return shrunk


def shrink(inputs: int, outputs: int) -> list[nn.Module]:
    """The layers that halve the size by one convolution."""
    return [conv(inputs, outputs, 4, 2, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]


class Excitation(nn.Module):
    """Skip-layer excitation (section 3.1): channels of a map are let through as far as another map,
    of any size, says: (N, outputs, H, W) to the same, with (N, inputs, h, w)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            conv(inputs, outputs, 4),
            nn.SiLU(),
            conv(outputs, outputs, 1),
            nn.Sigmoid(),
        )

    def forward(self, source: Tensor, x: Tensor) -> Tensor:
        excited: Tensor = x * self.gate(source)
        return excited


class Decoder(nn.Sequential):
    """Reconstructs a picture of `side` pixels from a map of 8x8 (section 3.2)."""

    def __init__(self, inputs: int, channels: int, width: int, side: int) -> None:
        doublings = (side // 8).bit_length() - 1
        widths = [inputs, *[2 * width, width, width, max(1, width // 2)][:doublings]]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.UpsamplingNearest2d(scale_factor=2), *gated(before, after)]
        super().__init__(*layers, conv(widths[-1], channels, 3, 1, 1), nn.Tanh())


def resized(samples: Tensor, side: int) -> Tensor:
    """Pictures, (N, C, H, H), at `side` pixels, which H is a multiple of."""
    if samples.shape[-1] == side:
        return samples
    return F.avg_pool2d(samples, samples.shape[-1] // side)


def initialise(module: nn.Module) -> None:
    """The authors': weights from N(0, 0.02), gains of normalisations from N(1, 0.02)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        inside = getattr(module, "parametrizations", None)
        nn.init.normal_(module.weight if inside is None else inside.weight.original, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
