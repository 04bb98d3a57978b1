"""StyleGAN2, a small one: Karras 2019 (arXiv:1912.04958). Left out are the equalised learning
rates, the low-pass filters and the skip connections; a tanh keeps samples in their range.

A latent is z and the noise of every layer in one row, so a sample depends on its latent alone.
Truncation is an option of sampling: ``ganzoo sample RUN --set truncation=0.7``.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

import ganzoo
from ganzoo import Game, NonSaturating, Options, Regulariser, Training, layers


class StyledConv(nn.Module):
    """A convolution whose weights a style scales, demodulated (section 2.2), with noise."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.conv = layers.convolution(inputs, outputs)
        self.scale = nn.Linear(style, inputs)
        self.strength = nn.Parameter(torch.zeros(1))  # of the noise

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        # To scale what goes in and out is the same as to scale the weights of each sample.
        scale, weight = self.scale(style) + 1, self.conv.weight
        x = F.conv2d(x * scale[..., None, None], weight, padding="same")
        power = F.linear(scale.square(), weight.square().sum((2, 3)))
        x = x * (power + 1e-8).rsqrt()[..., None, None] + self.conv.bias[:, None, None]
        return F.leaky_relu(x + self.strength * noise.view_as(x[:, :1]), 0.2)


class Generator(nn.Module):
    """channels: at 4x4 pixels, at 8x8 and so on. latent: length of z and of a style."""

    def __init__(self, channels: list[int], image: int, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.mapping = nn.Sequential(*layers.perceptron(latent, [latent] * 3, latent, nn.LeakyReLU))
        self.start = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        pairs = [(a, b) for c, b in pairwise([channels[0], *channels]) for a in (c, b)]
        self.convs = nn.ModuleList(StyledConv(a, b, latent) for a, b in pairs)
        self.image = layers.convolution(channels[-1], image, 1, gain=1.0)
        self.register_buffer("mean", torch.zeros(latent))

    def styles(self, latent: Tensor) -> Tensor:
        """The style of each layer, all the same: (N, layers, latent)."""
        z = F.normalize(latent[:, : self.latent]) * math.sqrt(self.latent)
        return self.mapping(z)[:, None].expand(-1, len(self.convs), -1)

    def synthesis(self, styles: Tensor, latent: Tensor) -> Tensor:
        """Images (N, C, H, W) of styles and of the noise in a latent."""
        x, noise = self.start.expand(len(latent), -1, -1, -1), latent[:, self.latent :]
        for index, conv in enumerate(self.convs):
            if index and index % 2 == 0:
                x = F.interpolate(x, scale_factor=2, mode="bilinear")
            plane, noise = noise[:, : x[0, 0].numel()], noise[:, x[0, 0].numel() :]
            x = conv(x, styles[:, index], plane)
        return self.image(x).tanh()

    def forward(self, latent: Tensor) -> Tensor:
        styles = self.styles(latent)
        if self.training:
            self.mean.lerp_(styles[:, 0].detach().float().mean(0), 0.005)
            # Style mixing: from some layer on, each sample has the style of its neighbour.
            first = torch.randint(1, len(self.convs) + 1, (len(latent), 1, 1), device=latent.device)
            layer = torch.arange(len(self.convs), device=latent.device)[:, None]
            styles = torch.where(layer < first, styles, styles.roll(1, 0))
        return self.synthesis(styles, latent)


class StyleLoss(NonSaturating):
    """With path-length regularisation (section 3.2); R1 is a penalty that there is already."""

    class Config(NonSaturating.Config):
        path_weight: float = Field(2.0, ge=0, description="weight of path-length regularisation")

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.register_buffer("length", torch.zeros(()))  # the running mean

    def regularisers(self) -> Sequence[Regulariser]:
        return (Regulariser("generator", "path", 8, self.path),)

    def path(self, game: Game) -> Tensor:
        """How much an image changes with its styles should be the same everywhere."""
        with torch.autocast(game.latent.device.type, enabled=False):
            styles = game.generator.styles(game.latent)
            images = game.generator.synthesis(styles, game.latent)
            direction = torch.randn_like(images) / math.sqrt(images[0, 0].numel())
            (slope,) = torch.autograd.grad(images, styles, direction, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        self.length.lerp_(game.average(lengths.detach().mean()), 0.01)
        game.log("path_length", self.length)
        return self.config.path_weight * (lengths - self.length).square().mean()


class StyleGAN2(ganzoo.Architecture):
    class Config(Options):
        latent_size: int = Field(128, ge=1, description="length of z and of a style")
        width: int = Field(32, ge=1, description="channels at the full size")

    class Sampling(Options):
        truncation: float = Field(1.0, ge=0, le=1, description="0: the mean style alone")

    image_sizes: ClassVar = (16, 32, 64)
    objective: ClassVar = StyleLoss
    objective_options: ClassVar = {"penalty": "r1", "penalty_weight": 0.1, "penalty_every": 16}
    training: ClassVar = Training(generator_lr=1e-3, discriminator_lr=1e-3, beta1=0.0, beta2=0.99)
    paper: ClassVar = "https://arxiv.org/abs/1912.04958"

    def widths(self) -> dict[int, int]:  # at each size, from 4 pixels up
        sizes = (4 << index for index in range(int(math.log2(self.spec.shape[-1])) - 1))
        return {size: self.config.width * self.spec.shape[-1] // size for size in sizes}

    def build_generator(self) -> nn.Module:
        return Generator(list(self.widths().values()), self.spec.shape[0], self.config.latent_size)

    def build_discriminator(self) -> nn.Module:
        channels = list(self.widths().values())[::-1]
        blocks = [layers.DownBlock(a, b, half=True) for a, b in pairwise(channels)]
        first = layers.convolution(self.spec.shape[0], channels[0], 1, gain=1.0)
        last = nn.Linear((channels[-1] + 1) * 4 * 4, 1)
        return nn.Sequential(first, *blocks, layers.MinibatchStddev(), nn.Flatten(), last)

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        length = self.config.latent_size + sum(2 * size**2 for size in self.widths())
        return torch.randn(count, length, generator=rng, device=rng.device)

    def generate(self, network: Any, latent: Tensor, labels: Any, sampling: Any) -> Tensor:
        styles = network.mean.lerp(network.styles(latent), sampling.truncation)
        return network.synthesis(styles, latent)

    def interpolate(self, first: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        size, way = self.config.latent_size, super().interpolate
        z, noise = way(first[:size], last[:size], weights), way(first[size:], last[size:], weights)
        return torch.cat([z, noise], 1)  # each on a great circle of its own


@ganzoo.hookimpl
def ganzoo_architectures() -> Iterator[ganzoo.ArchitectureEntry]:
    yield ganzoo.ArchitectureEntry("stylegan2", StyleGAN2, "a small StyleGAN2 (Karras 2019)")
