"""The networks and the recipe of the projection discriminator.

The paper's networks are residual; these are strided convolutions with the same parts: spectral
normalisation in the discriminator, class-conditional batch normalisation in the generator. The
self-attention of SAGAN and the conditioning of BigGAN are options.
"""

from collections import OrderedDict
from typing import ClassVar, Literal, TypeVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, SampleSpec, Training, layers
from ganzoo_conditional.attention import Attention, doublings_to
from ganzoo_conditional.blocks import growing, initialise, shrinking, start
from ganzoo_conditional.conditioning import (
    ConditionalBatchNorm,
    SharedBatchNorm,
    SharedConditions,
)

Layer = TypeVar("Layer", bound=nn.Module)


class Projection(Architecture):
    """Miyato and Koyama 2018 (arXiv:1802.05637): the class enters as an inner product."""

    class Config(Options):
        latent_size: int = Field(128, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            64, ge=1, le=1024, description="channels of the layers next to the picture"
        )
        conditioning: Literal["class", "shared", "hierarchical"] = Field(
            "class",
            description="what the generator's gains and shifts follow from: the class, each with a "
            "table of its own; an embedding that all share; hierarchical: latent chunks, too",
        )
        embedding_size: int = Field(
            128, ge=1, le=4096, description="length of the shared embedding of a class"
        )
        attention: int = Field(
            0,
            ge=0,
            description="height of the maps with self-attention in both networks; 0: none",
        )

    conditional: ClassVar = True
    image_sizes: ClassVar = (16, 32, 64, 128, 256)
    image_multiple: ClassVar = 16
    objective: ClassVar = "hinge"
    training: ClassVar = Training(
        batch_size=64,
        steps=50_000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.0,
        beta2=0.9,
        lr_decay="linear",
        discriminator_steps=5,
    )
    paper: ClassVar = "https://arxiv.org/abs/1802.05637"

    def check(self) -> None:
        doublings_to(self.spec, self.config.attention)
        parts = len(growing(self.spec, 1)) + 1
        if self.config.conditioning == "hierarchical" and self.config.latent_size < parts:
            raise ValueError(
                f"latent_size={self.config.latent_size}: it is cut into {parts} chunks for "
                "conditioning=hierarchical, and takes at least as many numbers"
            )

    def build_generator(self) -> nn.Module:
        return Generator(self.spec, self.config)

    def build_discriminator(self) -> nn.Module:
        return Discriminator(self.spec, self.config)


class Generator(nn.Module):
    def __init__(self, spec: SampleSpec, config: Projection.Config) -> None:
        super().__init__()
        convolutions = growing(spec, config.width)
        classes, latent_size = len(spec.classes), config.latent_size
        self.conditions = None
        if config.conditioning != "class":
            hierarchical = config.conditioning == "hierarchical"
            self.conditions = SharedConditions(
                classes, latent_size, config.embedding_size, len(convolutions), hierarchical
            )
            latent_size = self.conditions.start
        self.start = start(spec, latent_size, config.width)
        self.layers = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            ConditionalBatchNorm(layer.in_channels, classes)
            if self.conditions is None
            else SharedBatchNorm(layer.in_channels, self.conditions.size)
            for layer in convolutions
        )
        self.attended = doublings_to(spec, config.attention)
        self.attention: nn.Module = nn.Identity()
        if self.attended:
            self.attention = Attention(convolutions[self.attended].in_channels)
        self.apply(initialise)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        conditions = [labels] * len(self.layers)
        if self.conditions is not None:
            latent, conditions = self.conditions(latent, labels)
        x: Tensor = self.start(latent)
        for index, (norm, layer) in enumerate(zip(self.norms, self.layers, strict=True)):
            if self.attended and index == self.attended:
                x = self.attention(x)
            x = layer(F.relu(norm(x, conditions[index])))
        return torch.tanh(x)


class Discriminator(nn.Module):
    """Figure 1d of the paper: score(x, y) = linear(h) + <embed(y), h>, with features h of x."""

    def __init__(self, spec: SampleSpec, config: Projection.Config) -> None:
        super().__init__()
        convolutions = shrinking(spec, config.width)
        features = convolutions[-1].out_channels
        self.layers = nn.ModuleList(spectral(layer) for layer in convolutions)
        self.linear = spectral(nn.Linear(features, 1))
        self.embed = spectral(nn.Embedding(len(spec.classes), features))
        halvings, _ = layers.smallest_map(*spec.shape[1:])
        doublings = doublings_to(spec, config.attention)
        self.attended = halvings - doublings if doublings else 0  # layers before it
        self.attention: nn.Module = nn.Identity()
        if self.attended:
            self.attention = Attention(convolutions[self.attended].in_channels)

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        h = samples
        for index, layer in enumerate(self.layers):
            if self.attended and index == self.attended:
                h = self.attention(h)
            h = F.leaky_relu(layer(h), 0.1)
        # Summed over places, as in the paper's networks; in float32, for it is a long sum.
        h = h.float().sum((2, 3))
        score: Tensor = self.linear(h).flatten()
        return score + (self.embed(labels) * h).sum(1)


def spectral(layer: Layer) -> Layer:
    """`layer` with spectral normalisation, its buffers under the names that the discriminators
    of this family have been saved with: one level deeper than torch's."""
    layers.spectral_norm(layer)
    steps = layer.get_submodule("parametrizations.weight")
    nested = nn.Sequential(OrderedDict(parametrization=steps.get_submodule("0")))
    steps.register_module("0", nested)
    return layer
