"""The networks and the recipe of EBGAN."""

from itertools import pairwise
from typing import ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Objective, Options, Training, layers
from ganzoo_ebgan.objective import EnergyBased


class EBGAN(Architecture):
    """Zhao 2016 (arXiv:1609.03126), appendix C: at 64 pixels with width 64 the encoder has
    64-128-256 channels and the decoder mirrors it; the generator has 1024-512-256-128.

    Unlike the paper's, the autoencoder has no batch normalisation: the energy of a sample does
    not depend on its neighbours, so that a gradient penalty goes with it too.
    """

    class Config(Options):
        latent_size: int = Field(100, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            64,
            ge=1,
            le=512,
            description="channels of the autoencoder next to the picture; the generator has twice",
        )

    image_sizes: ClassVar = (16, 32, 64)
    image_multiple: ClassVar = 16
    objective: ClassVar[str | type[Objective]] = EnergyBased
    # With DCGAN's 2e-4 the generator made one and the same digit for the first 1,000 steps; with
    # 1e-3 for both players and no clipping the autoencoder broke down after some 1,400.
    training: ClassVar = Training(
        batch_size=64,
        steps=20_000,
        generator_lr=1e-3,
        discriminator_lr=5e-4,
        beta1=0.5,
        clip_gradients=1.0,
    )
    paper: ClassVar = "https://arxiv.org/abs/1609.03126"

    def build_generator(self) -> nn.Module:
        doublings, smallest = layers.smallest_map(*self.spec.shape[1:])
        channels = [self.config.width << index for index in range(doublings, 0, -1)]
        network = [
            nn.Unflatten(1, (self.config.latent_size, 1, 1)),
            nn.ConvTranspose2d(self.config.latent_size, channels[0], smallest, bias=False),
        ]
        for layer in layers.doubling([*channels, self.spec.shape[0]], bias=False):
            network += [nn.BatchNorm2d(layer.in_channels), nn.ReLU(), layer]
        return nn.Sequential(*network, nn.Tanh()).apply(layers.dcgan_weights)

    def build_discriminator(self) -> nn.Module:
        halvings, _ = layers.smallest_map(*self.spec.shape[1:])
        return Autoencoder(self.spec.shape[0], self.config.width, min(3, halvings))


class Judgement(NamedTuple):
    """What the discriminator returns. score: (N,), minus the energy. code: (N, size)."""

    score: Tensor
    code: Tensor


class Autoencoder(nn.Module):
    """Strided convolutions down to 4x4 (8x8 from 64 pixels), and their mirror image.

    The energy of a sample is the mean squared error of its reconstruction (section 2.3). The
    reconstruction is not squashed: where a tanh has met a black background it has no gradient
    left, and the discriminator cannot raise the energy of a generator that makes nothing else.
    """

    def __init__(self, channels: int, width: int, halvings: int) -> None:
        super().__init__()
        sizes = [channels, *(width << index for index in range(halvings))]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for outer, inner in pairwise(sizes):
            down += [nn.Conv2d(outer, inner, 4, 2, 1), nn.LeakyReLU(0.2)]
            up = [nn.LeakyReLU(0.2), nn.ConvTranspose2d(inner, outer, 4, 2, 1), *up]
        self.encoder = nn.Sequential(*down[:-1])  # the code itself is not rectified
        self.decoder = nn.Sequential(*up)
        self.apply(he_weights)

    def forward(self, samples: Tensor) -> Judgement:
        code = self.encoder(samples)
        # In float32: reconstructions of real samples differ from them by little.
        error = self.decoder(code).float() - samples.float()
        energy = error.square().flatten(1).mean(1)
        return Judgement(-energy, code.flatten(1))


def he_weights(module: nn.Module) -> None:
    """He's weights, which keep the size of the signal without normalisation."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, 0.2)
        assert module.bias is not None
        nn.init.zeros_(module.bias)
