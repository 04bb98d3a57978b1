"""The networks and the recipe of the vanilla GAN.

Goodfellow 2014 gives the idea; widths, LeakyReLU, dropout and Adam are those of the tutorial
that the field learned it from (github.com/diegoalejogm/gans): 256-512-1024 and back.
"""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from ganzoo import Architecture, Options, Training
from ganzoo.layers import perceptron


class Vanilla(Architecture):
    """Perceptrons of both players, for samples of any shape."""

    class Config(Options):
        latent_size: int = Field(100, ge=1, le=4096, description="length of a latent")
        widths: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
            (256, 512, 1024),
            min_length=1,
            max_length=8,
            description="hidden widths of the generator; the discriminator's are the reverse",
        )
        dropout: float = Field(0.3, ge=0, lt=1, description="dropout in the discriminator")
        generator_dropout: float = Field(
            0.0, ge=0, lt=1, description="dropout in the generator, in training only"
        )

    kinds: ClassVar = ()
    image_multiple: ClassVar = 1
    training: ClassVar = Training(batch_size=100, steps=20_000)
    paper: ClassVar = "https://arxiv.org/abs/1406.2661"

    def build_generator(self) -> nn.Module:
        layers = perceptron(
            self.config.latent_size, self.config.widths, self.spec.size, self._activation
        )
        if self.spec.bounded:
            layers.append(nn.Tanh())
        return nn.Sequential(*layers, nn.Unflatten(1, self.spec.shape))

    def _activation(self) -> nn.Module:
        if not self.config.generator_dropout:
            return nn.LeakyReLU(0.2)
        # In one place of the sequence, so that the layers after it keep their names.
        return nn.Sequential(nn.LeakyReLU(0.2), nn.Dropout(self.config.generator_dropout))

    def build_discriminator(self) -> nn.Module:
        activation, dropout = partial(nn.LeakyReLU, 0.2), partial(nn.Dropout, self.config.dropout)
        hidden = self.config.widths[::-1]
        layers = perceptron(self.spec.size, hidden, 1, activation, dropout)
        return nn.Sequential(nn.Flatten(), *layers)
