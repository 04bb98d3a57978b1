"""The networks and the recipe of the projection discriminator.

The paper's networks are residual; these are strided convolutions with the same parts: spectral
normalisation in the discriminator, class-conditional batch normalisation in the generator.
"""

from collections import OrderedDict
from typing import ClassVar, TypeVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, SampleSpec, Training, layers
from ganzoo_conditional.blocks import growing, initialise, shrinking, start

Layer = TypeVar("Layer", bound=nn.Module)


class Projection(Architecture):
    """Miyato and Koyama 2018 (arXiv:1802.05637): the class enters as an inner product."""

    class Config(Options):
        latent_size: int = Field(128, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            64, ge=1, le=1024, description="channels of the layers next to the picture"
        )

    conditional: ClassVar = True
    image_sizes: ClassVar = (16, 32, 64)
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

    def build_generator(self) -> nn.Module:
        return Generator(self.spec, self.config.latent_size, self.config.width)

    def build_discriminator(self) -> nn.Module:
        return Discriminator(self.spec, self.config.width)


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation with a gain and a shift for each class.

    Dumoulin 2017 (arXiv:1610.07629), section 2.2, has it for styles and single samples.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(width, affine=False)
        self.gain = nn.Embedding(classes, width)
        self.shift = nn.Embedding(classes, width)
        # Not all alike, so that the class shows in the samples from the first step.
        nn.init.normal_(self.gain.weight, 1.0, 0.02)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        x = self.normalise(x)
        # In the type of x: a float32 factor would turn what follows into float32, too.
        gain, shift = self.gain(labels).to(x.dtype), self.shift(labels).to(x.dtype)
        return torch.addcmul(shift[:, :, None, None], x, gain[:, :, None, None])


class Generator(nn.Module):
    def __init__(self, spec: SampleSpec, latent_size: int, width: int) -> None:
        super().__init__()
        self.start = start(spec, latent_size, width)
        convolutions = growing(spec, width)
        self.layers = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            ConditionalBatchNorm(layer.in_channels, len(spec.classes)) for layer in convolutions
        )
        self.apply(initialise)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        x: Tensor = self.start(latent)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = layer(F.relu(norm(x, labels)))
        return torch.tanh(x)


class Discriminator(nn.Module):
    """Figure 1d of the paper: score(x, y) = linear(h) + <embed(y), h>, with features h of x."""

    def __init__(self, spec: SampleSpec, width: int) -> None:
        super().__init__()
        convolutions = shrinking(spec, width)
        features = convolutions[-1].out_channels
        self.layers = nn.ModuleList(spectral(layer) for layer in convolutions)
        self.linear = spectral(nn.Linear(features, 1))
        self.embed = spectral(nn.Embedding(len(spec.classes), features))

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        h = samples
        for layer in self.layers:
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
