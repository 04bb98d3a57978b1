"""The networks and the recipe of FastGAN."""

from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, SampleSpec, Training
from ganzoo.layers import spectral_norm
from ganzoo_fastgan.blocks import (
    Decoder,
    Excitation,
    Shrink,
    conv,
    grow,
    initialise,
    resized,
    shrink,
)
from ganzoo_fastgan.objective import Reconstructing

#: Of the generator's maps, by their side: channels as a multiple of the width.
MULTIPLES = {4: 16.0, 8: 8.0, 16: 4.0, 32: 2.0, 64: 2.0, 128: 1.0, 256: 0.5, 512: 0.25}


class FastGAN(Architecture):
    """Liu 2021 (arXiv:2101.04775): a lean generator and a discriminator that also reconstructs what
    it sees, for a few hundred pictures.

    Two things differ. The paper compares reconstructions by LPIPS, whose weights are a download;
    here pixels are compared. And the generator's second picture, a small one, is left out: the
    discriminator's small branch sees the picture itself at half the size.
    """

    class Config(Options):
        latent_size: int = Field(256, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            64, ge=4, le=512, description="channels of the generator's maps of 128 pixels"
        )

    image_sizes: ClassVar = (32, 64, 128, 256, 512)
    objective: ClassVar = Reconstructing
    training: ClassVar = Training(
        batch_size=8,
        steps=50_000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.5,
        augment=("color", "translation"),
    )
    paper: ClassVar = "https://arxiv.org/abs/2101.04775"

    def build_generator(self) -> nn.Module:
        return Generator(self.spec, self.config).apply(initialise)

    def build_discriminator(self) -> nn.Module:
        return Discriminator(self.spec, self.config.width).apply(initialise)


class Generator(nn.Module):
    """Maps of 4x4 are doubled to the picture. A small map excites the one that is 16 times as
    large; of pictures under 128 pixels, that is 4 or 8 times as large, so that there are two."""

    def __init__(self, spec: SampleSpec, config: FastGAN.Config) -> None:
        super().__init__()
        size = spec.shape[-1]
        sides = [side for side in MULTIPLES if side <= size]
        widths = {side: max(1, int(MULTIPLES[side] * config.width)) for side in sides}
        first = nn.ConvTranspose2d(config.latent_size, 2 * widths[4], 4, 1, 0, bias=False)
        self.start = nn.Sequential(
            nn.Unflatten(1, (config.latent_size, 1, 1)),
            spectral_norm(first),
            nn.BatchNorm2d(2 * widths[4]),
            nn.GLU(dim=1),
        )
        self.blocks = nn.ModuleList(
            grow(widths[side // 2], widths[side], side, twice=number % 2 == 0)
            for number, side in enumerate(sides[1:])
        )
        ratio = min(16, size // 8)
        self.excited = {side: side // ratio for side in sides if side // ratio >= 4}
        self.excitations = nn.ModuleDict(
            {str(side): Excitation(widths[by], widths[side]) for side, by in self.excited.items()}
        )
        self.end = nn.Sequential(conv(widths[size], spec.shape[0], 3, 1, 1), nn.Tanh())

    def forward(self, latent: Tensor) -> Tensor:
        maps: dict[int, Tensor] = {4: self.start(latent)}
        side = 4
        for block in self.blocks:
            x = block(maps[side])
            side *= 2
            if side in self.excited:
                x = self.excitations[str(side)](maps[self.excited[side]], x)
            maps[side] = x
        samples: Tensor = self.end(maps[side])
        return samples


class Output(NamedTuple):
    """score: (N, patches). error: how badly each sample is reconstructed, (N,)."""

    score: Tensor
    error: Tensor


class Discriminator(nn.Module):
    """Scores 5x5 patches of the picture, and as many of it at half the size. Asked to, it also
    reconstructs the picture from both, and a quarter of it, which chance chooses, from the map of
    16x16 (section 3.2)."""

    def __init__(self, spec: SampleSpec, width: int) -> None:
        super().__init__()
        channels, size = spec.shape[0], spec.shape[-1]
        side = min(size, 256)  # of the first map; a larger picture is halved on the way to it
        sides = [side >> number for number in range((side // 8).bit_length())]
        widths = [max(1, 8 * width * 8 // side) for side in sides]
        first = (
            conv(channels, widths[0], 3, 1, 1)
            if size == side
            else (conv(channels, widths[0], 4, 2, 1))
        )
        self.start = nn.Sequential(first, nn.LeakyReLU(0.2))
        self.blocks = nn.ModuleList(Shrink(a, b) for a, b in pairwise(widths))
        skip = 3 if len(sides) > 4 else 2
        self.excitations = nn.ModuleList(
            Excitation(a, b) for a, b in zip(widths, widths[skip:], strict=False)
        )
        self.score = nn.Sequential(
            conv(widths[-1], 2 * widths[-1], 1),
            nn.BatchNorm2d(2 * widths[-1]),
            nn.LeakyReLU(0.2),
            conv(2 * widths[-1], 1, 4),
        )
        self.side = min(size // 2, 128)
        halvings = (self.side // 8).bit_length() - 1
        small = [max(1, 4 * width >> number) for number in reversed(range(halvings))]
        layers: list[nn.Module] = [conv(channels, small[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for a, b in pairwise(small):
            layers += shrink(a, b)
        self.small = nn.Sequential(*layers)
        self.score_small = conv(small[-1], 1, 4)
        self.whole = Decoder(widths[-1], channels, width, self.side)
        self.part = Decoder(widths[-2], channels, width, self.side)
        self.whole_small = Decoder(small[-1], channels, width, self.side)

    def forward(self, samples: Tensor, reconstruct: bool = False) -> Tensor | Output:
        maps = [self.start(samples)]
        skip = len(self.blocks) + 1 - len(self.excitations)
        for number, block in enumerate(self.blocks, 1):
            x = block(maps[-1])
            if number >= skip:
                x = self.excitations[number - skip](maps[number - skip], x)
            maps.append(x)
        half = resized(samples, self.side)
        small = self.small(half)
        patches = [self.score(maps[-1]), self.score_small(small)]
        score = torch.cat([patch.flatten(1) for patch in patches], 1)
        if not reconstruct:
            return score
        chosen = torch.randint(4, (len(samples),), device=samples.device)
        part = resized(quarter(samples, chosen), self.side)
        error = difference(self.whole(maps[-1]), half) + difference(self.whole_small(small), half)
        return Output(score, error + difference(self.part(quarter(maps[-2], chosen)), part))


def quarter(x: Tensor, chosen: Tensor) -> Tensor:
    """A quarter of each map: (N, C, H, W) and (N,) numbers from 0 to 3 to (N, C, H/2, W/2)."""
    rows = x.unflatten(2, (2, -1)).unflatten(4, (2, -1))  # (N, C, 2, H/2, 2, W/2)
    quarters = rows.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    return quarters[torch.arange(len(x), device=x.device), chosen]


def difference(one: Tensor, other: Tensor) -> Tensor:
    """The mean absolute difference of pictures, over three scales: (N,)."""
    apart = (one - other).float()
    parts = [F.avg_pool2d(apart, scale).abs().flatten(1).mean(1) for scale in (1, 2, 4)]
    return torch.stack(parts).mean(0)
