"""The networks and the recipe of WGAN-GP, as in the authors' ``gan_cifar_resnet.py``.

The critic has no normalisation: one that mixes the samples of a batch would invalidate the
penalty, which is of each sample by itself (section 4 of the paper).
"""

from functools import partial
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ganzoo import Architecture, Options, Training
from ganzoo.layers import DownBlock, FirstDownBlock, UpBlock, convolution, perceptron, smallest_map


class WGANGP(Architecture):
    """Gulrajani 2017 (arXiv:1704.00028), appendix F: residual networks for 32 pixels."""

    class Config(Options):
        network: Literal["residual", "mlp"] = Field(
            "residual", description="residual: convolutions, for images; mlp: for anything"
        )
        latent_size: int = Field(128, ge=1, le=4096, description="length of a latent")
        width: int = Field(128, ge=1, le=1024, description="channels; an mlp has 4 times the units")

    kinds: ClassVar = ()
    image_sizes: ClassVar = (8, 16, 32, 64, 128, 256)
    image_multiple: ClassVar = 8
    objective: ClassVar = "wasserstein"
    training: ClassVar = Training(
        batch_size=64,
        steps=100_000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.0,
        beta2=0.9,
        lr_decay="linear",
        discriminator_steps=5,
        dequantize=True,
    )
    paper: ClassVar = "https://arxiv.org/abs/1704.00028"

    def check(self) -> None:
        if self.config.network == "residual" and self.spec.kind != "image":
            raise ValueError(
                f"network=residual is for images, not {self.spec.kind}; try network=mlp"
            )

    def build_generator(self) -> nn.Module:
        if self.config.network == "mlp":
            return self._mlp_generator()
        width = self.config.width
        blocks, (high, wide) = smallest_map(*self.spec.shape[1:])
        return nn.Sequential(
            nn.Linear(self.config.latent_size, width * high * wide),
            nn.Unflatten(1, (width, high, wide)),
            *(UpBlock(width, width) for _ in range(blocks)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            convolution(width, self.spec.shape[0], gain=1.0),
            nn.Tanh(),
        )

    def build_discriminator(self) -> nn.Module:
        if self.config.network == "mlp":
            return self._mlp_critic()
        width = self.config.width
        halvings = smallest_map(*self.spec.shape[1:])[0] - 1  # and two blocks more
        return nn.Sequential(
            FirstDownBlock(self.spec.shape[0], width),
            *(DownBlock(width, width, index < halvings - 1) for index in range(halvings + 1)),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 1),
        )

    def _mlp_generator(self) -> nn.Module:
        hidden = [self.config.width * 4] * 3
        layers = perceptron(self.config.latent_size, hidden, self.spec.size, nn.ReLU)
        if self.spec.bounded:
            layers.append(nn.Tanh())
        return nn.Sequential(*layers, nn.Unflatten(1, self.spec.shape))

    def _mlp_critic(self) -> nn.Module:
        hidden = [self.config.width * 4] * 3
        layers = perceptron(self.spec.size, hidden, 1, partial(nn.LeakyReLU, 0.2))
        return nn.Sequential(nn.Flatten(), *layers)
