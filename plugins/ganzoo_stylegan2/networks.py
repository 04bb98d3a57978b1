"""The recipe of StyleGAN2, and how samples are made: truncation and mixing of styles."""

import math
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, Training, latent_of
from ganzoo_stylegan2.discriminator import discriminator
from ganzoo_stylegan2.generator import Generator
from ganzoo_stylegan2.objective import StyleLoss

#: Channels are not more than this, however small the map.
MOST = 512


class StyleGAN2(Architecture):
    """Karras 2019 (arXiv:1912.04958) with the rates of ADA's recipe for small pictures
    (arXiv:2006.06676), without labels.

    A latent is z and the noise of every layer in one row, so a sample depends on its latent alone.
    """

    class Config(Options):
        latent_size: int = Field(128, ge=1, le=4096, description="length of z and of a style")
        width: int = Field(
            32, ge=1, le=512, description="channels at the full size; twice as many at each half"
        )
        mapping_layers: int = Field(4, ge=1, le=16, description="layers from z to a style")
        style_mixing: float = Field(
            0.9, ge=0, le=1, description="share of fakes in training that mix two styles"
        )

    class Sampling(Options):
        truncation: float = Field(1.0, ge=0, le=1, description="0: the mean style alone")
        mix_seed: int | None = Field(
            None, ge=0, lt=2**63, description="the seed whose style the later layers have"
        )
        mix_layer: int = Field(
            4, ge=0, description="the first of them: 1 of 4 pixels, 2 of each size from 8 up"
        )

    image_sizes: ClassVar = (16, 32, 64, 128, 256)
    objective: ClassVar = StyleLoss
    objective_options: ClassVar = {"penalty": "r1", "penalty_weight": 0.1, "penalty_every": 16}
    training: ClassVar = Training(
        batch_size=32, generator_lr=2e-3, discriminator_lr=2e-3, beta1=0.0, beta2=0.99
    )
    paper: ClassVar = "https://arxiv.org/abs/1912.04958"

    def channels(self) -> list[int]:
        """Of the maps, from 4 pixels up."""
        full = self.spec.shape[-1]
        sizes = (4 << index for index in range(int(math.log2(full)) - 1))
        return [min(MOST, self.config.width * full // size) for size in sizes]

    def build_generator(self) -> nn.Module:
        config = self.config
        return Generator(
            self.channels(),
            self.spec.shape[0],
            config.latent_size,
            config.mapping_layers,
            config.style_mixing,
        )

    def build_discriminator(self) -> nn.Module:
        return discriminator(self.channels()[::-1], self.spec.shape[0])

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        sizes = [4 << index for index in range(len(self.channels()))]
        noise = sum(2 * size**2 for size in sizes) - 4**2  # one plane at 4 pixels
        length = self.config.latent_size + noise
        return torch.randn(count, length, generator=rng, device=rng.device)

    def generate(self, network: Any, latent: Tensor, labels: Any, sampling: Any) -> Tensor:
        styles: Tensor = network.styles(latent)
        if sampling.mix_seed is not None:
            other = network.styles(latent_of(self, sampling.mix_seed).to(latent))
            later = torch.arange(styles.shape[1], device=styles.device) >= sampling.mix_layer
            styles = torch.where(later[:, None], other, styles)
        styles = network.mean.lerp(styles, sampling.truncation)
        samples: Tensor = network.synthesis(styles, latent)
        return samples

    def interpolate(self, first: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        size, way = self.config.latent_size, super().interpolate
        z, noise = way(first[:size], last[:size], weights), way(first[size:], last[size:], weights)
        return torch.cat([z, noise], 1)  # each on a great circle of its own
