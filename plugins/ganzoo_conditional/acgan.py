"""The networks and the recipe of AC-GAN.

Normalisation, slope, dropout, initial weights and batch are those of the paper's table 2
(appendix A, CIFAR-10); the convolutions are DCGAN's, whose 4x4 kernels need fewer layers.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, SampleSpec, Training
from ganzoo.layers import smallest_map
from ganzoo_conditional.blocks import growing, initialise, shrinking, start
from ganzoo_conditional.objective import AuxiliaryClassifier, Output


class ACGAN(Architecture):
    """Odena 2017 (arXiv:1610.09585): the discriminator also says which class it sees."""

    class Config(Options):
        latent_size: int = Field(100, ge=1, le=4096, description="length of a latent")
        embedding_size: int = Field(
            10, ge=1, le=4096, description="length of a class's embedding, beside the latent"
        )
        width: int = Field(
            64, ge=1, le=1024, description="channels of the layers next to the picture"
        )
        dropout: float = Field(0.5, ge=0, lt=1, description="dropout in the discriminator")

    conditional: ClassVar = True
    image_sizes: ClassVar = (16, 32, 64, 128, 256)
    image_multiple: ClassVar = 16
    objective: ClassVar = AuxiliaryClassifier
    training: ClassVar = Training(batch_size=100, steps=50_000, beta1=0.5)
    paper: ClassVar = "https://arxiv.org/abs/1610.09585"

    def build_generator(self) -> nn.Module:
        config = self.config
        network = Generator(self.spec, config.latent_size, config.embedding_size, config.width)
        return network.apply(initialise)

    def build_discriminator(self) -> nn.Module:
        network = Discriminator(self.spec, self.config.width, self.config.dropout)
        return network.apply(initialise)


class Generator(nn.Module):
    """The class, as numbers that are learned, and the latent in one vector, then as in DCGAN."""

    def __init__(self, spec: SampleSpec, latent_size: int, embedding: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(spec.classes), embedding)
        layers: list[nn.Module] = [start(spec, latent_size + embedding, width)]
        for layer in growing(spec, width):
            layers += [nn.BatchNorm2d(layer.in_channels), nn.ReLU(), layer]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        samples: Tensor = self.layers(torch.cat([latent, self.embed(labels)], 1))
        return samples


class Discriminator(nn.Module):
    """Called with labels, as every network of a conditional GAN is, which it ignores."""

    def __init__(self, spec: SampleSpec, width: int, dropout: float) -> None:
        super().__init__()
        convolutions = shrinking(spec, width)
        layers: list[nn.Module] = []
        for index, layer in enumerate(convolutions):
            layers.append(layer)
            if index:
                layers.append(nn.BatchNorm2d(layer.out_channels))
            layers += [nn.LeakyReLU(0.2), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        _, (high, wide) = smallest_map(*spec.shape[1:])
        features = convolutions[-1].out_channels * high * wide
        self.score = nn.Linear(features, 1)
        self.classify = nn.Linear(features, len(spec.classes))

    def forward(self, samples: Tensor, labels: Tensor) -> Output:
        h = self.layers(samples)
        return Output(self.score(h).flatten(), self.classify(h))
