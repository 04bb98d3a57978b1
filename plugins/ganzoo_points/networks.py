"""The networks and the recipe for points."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from ganzoo import Architecture, Options, Training
from ganzoo.layers import perceptron

#: How much steeper than torch makes it the discriminator's first layer begins.
STEEPNESS = 4.0


class Points(Architecture):
    """Perceptrons of 128 units a layer with rectifiers, about those of Metz 2017
    (arXiv:1611.02163), whose toy mixture has two such layers; 25 modes are learned with three.

    The penalty R1 (Mescheder 2018, arXiv:1801.04406) keeps the players from circling each other.
    Its weight is small because the modes are: a score that tells a mode of width 0.05 from the
    gap beside it has gradients far above 1, and with a weight of 0.1 it stays too flat for that.
    """

    class Config(Options):
        latent_size: int = Field(16, ge=1, le=4096, description="length of a latent")
        width: int = Field(128, ge=1, le=65_536, description="units of a hidden layer")
        depth: int = Field(3, ge=1, le=16, description="hidden layers of each network")

    kinds: ClassVar = ("points",)
    objective: ClassVar = "non-saturating"
    objective_options: ClassVar = {"penalty": "r1", "penalty_weight": 0.01}
    training: ClassVar = Training(
        batch_size=256,
        steps=6000,
        generator_lr=1e-3,
        discriminator_lr=2e-3,
        beta1=0.5,
    )
    paper: ClassVar = "https://arxiv.org/abs/1611.02163"

    def build_generator(self) -> nn.Module:
        layers = self._perceptron(self.config.latent_size, self.spec.size)
        return nn.Sequential(*layers, nn.Unflatten(1, self.spec.shape))

    def build_discriminator(self) -> nn.Module:
        layers = self._perceptron(self.spec.size, 1)
        # With torch's initial weights the score is so smooth at first that small modes are
        # found late, or never.
        with torch.no_grad():
            for parameter in layers[0].parameters():
                parameter.mul_(STEEPNESS)
        return nn.Sequential(nn.Flatten(), *layers)

    def _perceptron(self, inputs: int, outputs: int) -> list[nn.Module]:
        hidden = [self.config.width] * self.config.depth
        return perceptron(inputs, hidden, outputs, nn.ReLU)
