"""The generator: a mapping from latents to styles, and a synthesis from styles and noise."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo_stylegan2.layers import Linear, NoisyLayer, Rectifier, StyledConvolution, doubled

#: The learning rate of the mapping, as a share of the others'.
MAPPING_RATE = 0.01
#: What a step weighs in the running mean of styles.
MEAN_WEIGHT = 0.005


class Mapping(nn.Module):
    """Latents z to styles w, (N, size) both; z is brought to the length that normal ones have."""

    def __init__(self, size: int, depth: int) -> None:
        super().__init__()
        layers = [(Linear(size, size, MAPPING_RATE), Rectifier()) for _ in range(depth)]
        self.layers = nn.Sequential(*(part for pair in layers for part in pair))

    def forward(self, z: Tensor) -> Tensor:
        styles: Tensor = self.layers(F.normalize(z) * math.sqrt(z.shape[1]))
        return styles


class Generator(nn.Module):
    """channels: at 4x4 pixels, at 8x8 and so on. image: channels of a sample. latent: length of z
    and of a style. depth: layers of the mapping. mixing: the share of samples in training that
    have another style from some layer on.

    A latent is z and the noise of every layer in one row. There are two layers of each size, but
    one at 4x4, and one more that makes images of the last: each has a style of its own.
    """

    mean: Tensor

    def __init__(
        self, channels: list[int], image: int, latent: int, depth: int, mixing: float
    ) -> None:
        super().__init__()
        self.latent, self.mixing = latent, mixing
        self.mapping = Mapping(latent, depth)
        self.start = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        pairs = [(channels[0], channels[0])]
        for before, after in pairwise(channels):
            pairs += [(before, after), (after, after)]
        self.layers = nn.ModuleList(NoisyLayer(a, b, latent) for a, b in pairs)
        self.images = nn.ModuleList(
            StyledConvolution(count, image, latent, size=1, demodulate=False) for count in channels
        )
        self.planes = [4 << (index + 1) // 2 for index in range(len(pairs))]  # sizes of the noise
        self.register_buffer("mean", torch.zeros(latent))  # of styles

    def styles(self, latent: Tensor) -> Tensor:
        """The style of each layer, all the same: (N, layers, latent)."""
        styles: Tensor = self.mapping(latent[:, : self.latent])
        return styles[:, None].expand(-1, len(self.layers) + 1, -1)

    def synthesis(self, styles: Tensor, latent: Tensor) -> Tensor:
        """Images (N, C, H, W) of styles and of the noise in a latent. Each size adds its own to the
        enlarged one of the size before (section 4.1)."""
        noise = latent[:, self.latent :].split([size**2 for size in self.planes], 1)
        x = self.layers[0](self.start.expand(len(latent), -1, -1, -1), styles[:, 0], noise[0])
        picture: Tensor = self.images[0](x, styles[:, 1])
        for block, to_image in enumerate(self.images[1:]):
            first = 1 + 2 * block
            x = self.layers[first](doubled(x), styles[:, first], noise[first])
            x = self.layers[first + 1](x, styles[:, first + 1], noise[first + 1])
            picture = doubled(picture) + to_image(x, styles[:, first + 2])
        # In training the discriminator is what keeps them in their range.
        return picture if self.training else picture.clamp(-1, 1)

    def forward(self, latent: Tensor) -> Tensor:
        styles = self.styles(latent)
        if self.training:
            self.mean.lerp_(styles[:, 0].detach().float().mean(0), MEAN_WEIGHT)
            styles = self.mixed(styles)
        return self.synthesis(styles, latent)

    def mixed(self, styles: Tensor) -> Tensor:
        """From some layer on, a share of the samples have the style of their neighbour (Karras
        2018, arXiv:1812.04948, section 3.1)."""
        count, layers, device = len(styles), styles.shape[1], styles.device
        first = torch.randint(1, layers, (count, 1, 1), device=device)
        chosen = torch.rand(count, 1, 1, device=device) < self.mixing
        later = torch.arange(layers, device=device)[:, None] >= first
        return torch.where(chosen & later, styles.roll(1, 0), styles)
