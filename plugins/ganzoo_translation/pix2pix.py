"""pix2pix: pictures out of pictures, learned from pairs.

Isola 2017, "Image-to-image translation with conditional adversarial networks" (arXiv:1611.07004).
A U-Net makes one half of a pair out of the other. The discriminator is shown both together and
judges them patch by patch; an L1 term says where in the picture things belong.

Not as in the paper: dropout, its only source of chance, is on in training alone, so that an input
gives one output; each picture is normalised on its own, as the paper's are in batches of 1; and
pictures are not shifted at random (``training.flip`` mirrors pairs).
"""

import math
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Game, Objective, Options, SampleSpec, Training
from ganzoo.layers import dcgan_weights, halving
from ganzoo_translation.patches import patch_discriminator


class PairLoss(Objective):
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
        last = len(channels) - 2
        down: list[nn.Module] = []
        for number, layer in enumerate(halving(channels, bias=False)):
            parts: list[nn.Module] = [nn.LeakyReLU(0.2), layer] if number else [layer]
            if 0 < number < last:  # a single pixel cannot be normalised
                parts.append(nn.InstanceNorm2d(layer.out_channels, affine=True))
            down.append(nn.Sequential(*parts))
        up: list[nn.Module] = []
        for number in range(last, 0, -1):
            wide, narrow = channels[number + 1], channels[number]
            larger = nn.ConvTranspose2d(wide if number == last else 2 * wide, narrow, 4, 2, 1)
            parts = [nn.ReLU(), larger, nn.InstanceNorm2d(narrow, affine=True)]
            if last - number < 3:
                parts.append(nn.Dropout(dropout))
            up.append(nn.Sequential(*parts))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        largest = nn.ConvTranspose2d(2 * channels[1], outputs, 4, 2, 1)
        self.last = nn.Sequential(nn.ReLU(), largest, nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        seen = []
        for layer in self.down:
            seen.append(x := layer(x))
        for layer, beside in zip(self.up, seen[-2::-1], strict=True):
            x = torch.cat([layer(x), beside], 1)
        return self.last(x)


class PairDiscriminator(nn.Module):
    """Scores of patches of pairs: ``discriminator(samples, inputs=inputs)``, both (N, C, H, W),
    gives (N, 1, rows, columns)."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, samples: Tensor, inputs: Tensor) -> Tensor:
        scores: Tensor = self.layers(torch.cat([inputs, samples], 1))
        return scores


class Pix2Pix(Architecture):
    """Isola 2017. The data is pairs of pictures of one size, in any colours."""

    class Config(Options):
        width: int = Field(64, ge=1, description="channels at half of the size")
        dropout: float = Field(0.5, ge=0, lt=1, description="share that is dropped in training")

    needs_inputs: ClassVar[Literal["", "any", "paired"]] = "paired"
    image_sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256, 512)
    objective: ClassVar[type[Objective]] = PairLoss
    training: ClassVar[Training] = Training(batch_size=4, steps=80_000, ema_decay=0)
    paper: ClassVar[str] = "https://arxiv.org/abs/1611.07004"

    def check(self) -> None:
        if (self._inputs.kind, self._inputs.shape[1:]) != ("image", self.spec.shape[1:]):
            raise ValueError(
                f"give data with inputs that are images of {self.spec.shape[1:]} pixels, too"
            )

    @property
    def _inputs(self) -> SampleSpec:
        assert self.spec.inputs is not None  # as needs_inputs says
        return self.spec.inputs

    def build_generator(self) -> nn.Module:
        halvings = int(math.log2(self.spec.shape[-1]))
        counts = [self.config.width * min(8, 2**number) for number in range(halvings)]
        network = UNet([self._inputs.shape[0], *counts], self.spec.shape[0], self.config.dropout)
        return network.apply(dcgan_weights)

    def build_discriminator(self) -> nn.Module:
        both = self._inputs.shape[0] + self.spec.shape[0]
        layers = patch_discriminator(both, self.config.width, self.spec.shape[1:])
        return PairDiscriminator(layers).apply(dcgan_weights)
