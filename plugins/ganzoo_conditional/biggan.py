"""The networks and the recipe of BigGAN, at the size of the authors' model for CIFAR-10:
``ajbrock/BigGAN-PyTorch``, ``launch_cifar_ema.sh``."""

from itertools import pairwise
from typing import ClassVar

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, SampleSpec, Training, layers
from ganzoo.layers import smallest_map, spectral_norm
from ganzoo_conditional.attention import Attention, doublings_to
from ganzoo_conditional.conditioning import SharedBatchNorm, SharedConditions


class BigGAN(Architecture):
    """Brock 2019 (arXiv:1809.11096): residual networks, spectral normalisation in both, and a
    generator whose blocks are each told the class and a chunk of the latent.

    The authors' script for CIFAR-10 leaves the shared embedding and the chunks out; they are the
    paper's. Up to 32 pixels all maps have one width; of larger pictures those next to the picture
    have half and a quarter of it.
    """

    class Config(Options):
        latent_size: int = Field(128, ge=8, le=4096, description="length of a latent")
        embedding_size: int = Field(128, ge=1, le=4096, description="length of a class's embedding")
        width: int = Field(256, ge=4, le=2048, description="channels of the widest maps")
        attention: int = Field(
            0,
            ge=0,
            description="height of the maps with self-attention in both networks; 0: none",
        )

    class Sampling(Options):
        truncation: float = Field(
            1.0, gt=0, le=1, description="latents are brought closer to their mean: fewer, better"
        )

    conditional: ClassVar = True
    image_sizes: ClassVar = (16, 32, 64, 128, 256)
    image_multiple: ClassVar = 16
    objective: ClassVar = "hinge"
    training: ClassVar = Training(
        batch_size=50,
        steps=100_000,
        generator_lr=2e-4,
        discriminator_lr=2e-4,
        beta1=0.0,
        beta2=0.999,
        discriminator_steps=4,
        ema_decay=0.9999,
    )
    paper: ClassVar = "https://arxiv.org/abs/1809.11096"

    def check(self) -> None:
        doublings_to(self.spec, self.config.attention)

    def build_generator(self) -> nn.Module:
        return Generator(self.spec, self.config).apply(initialise)

    def build_discriminator(self) -> nn.Module:
        return Discriminator(self.spec, self.config).apply(initialise)

    def generate(
        self, network: nn.Module, latent: Tensor, labels: Tensor | None, sampling: Sampling
    ) -> Tensor:
        samples: Tensor = network(latent * sampling.truncation, labels)
        return samples


def widths(spec: SampleSpec, width: int) -> list[int]:
    """Channels of the feature maps, from the smallest to the one of the picture's size."""
    halvings, _ = smallest_map(*spec.shape[1:])
    narrow = [max(1, width // 2), max(1, width // 4)] if halvings > 3 else []
    return [*[width] * (halvings + 1 - len(narrow)), *narrow]


class Block(nn.Module):
    """Doubles the size: (N, inputs, H, W) to (N, outputs, 2H, 2W). Figure 15b of the paper."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        conv = layers.spectral_convolution
        self.first = SharedBatchNorm(inputs, condition)
        self.grow = conv(inputs, outputs)
        self.second = SharedBatchNorm(outputs, condition)
        self.keep = conv(outputs, outputs)
        self.shortcut = conv(inputs, outputs, size=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.grow(F.interpolate(F.relu(self.first(x, condition)), scale_factor=2))
        h = self.keep(F.relu(self.second(h, condition)))
        shortcut: Tensor = F.interpolate(self.shortcut(x), scale_factor=2)
        return h + shortcut


class Generator(nn.Module):
    def __init__(self, spec: SampleSpec, config: BigGAN.Config) -> None:
        super().__init__()
        halvings, sides = smallest_map(*spec.shape[1:])
        channels = widths(spec, config.width)
        self.conditions = SharedConditions(
            len(spec.classes), config.latent_size, config.embedding_size, halvings, chunks=True
        )
        self.start = nn.Sequential(
            spectral_norm(nn.Linear(self.conditions.start, channels[0] * sides[0] * sides[1])),
            nn.Unflatten(1, (channels[0], *sides)),
        )
        self.blocks = nn.ModuleList(
            Block(inputs, outputs, self.conditions.size) for inputs, outputs in pairwise(channels)
        )
        self.attended = doublings_to(spec, config.attention)
        self.attention: nn.Module = nn.Identity()
        if self.attended:
            self.attention = Attention(channels[self.attended])
        self.end = nn.Sequential(
            nn.BatchNorm2d(channels[-1]),
            nn.ReLU(),
            layers.spectral_convolution(channels[-1], spec.shape[0]),
            nn.Tanh(),
        )

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        latent, conditions = self.conditions(latent, labels)
        x: Tensor = self.start(latent)
        for index, (block, condition) in enumerate(zip(self.blocks, conditions, strict=True)):
            if self.attended and index == self.attended:
                x = self.attention(x)
            x = block(x, condition)
        samples: Tensor = self.end(x)
        return samples


class Discriminator(nn.Module):
    """Blocks that halve the size, of pictures up to 32 pixels to 8x8 with two more that keep it, of
    others to 4x4 with one more; then the projection of the class."""

    def __init__(self, spec: SampleSpec, config: BigGAN.Config) -> None:
        super().__init__()
        conv, channels = layers.spectral_convolution, widths(spec, config.width)[::-1]
        halvings, _ = smallest_map(*spec.shape[1:])
        halving, keeping = (halvings - 1, 2) if halvings <= 3 else (halvings, 1)
        blocks: list[nn.Module] = [layers.FirstDownBlock(spec.shape[0], channels[0], conv)]
        blocks += [
            layers.DownBlock(inputs, outputs, half=True, conv=conv)
            for inputs, outputs in pairwise(channels[:halving])
        ]
        width = channels[halving - 1]
        blocks += [layers.DownBlock(width, width, half=False, conv=conv) for _ in range(keeping)]
        doublings = doublings_to(spec, config.attention)
        if doublings:
            before = halvings - doublings
            blocks.insert(before, Attention(channels[before - 1]))
        self.blocks = nn.Sequential(*blocks)
        self.linear = spectral_norm(nn.Linear(width, 1))
        self.embed = spectral_norm(nn.Embedding(len(spec.classes), width))

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        h = F.relu(self.blocks(samples)).float().sum((2, 3))
        score: Tensor = self.linear(h).flatten()
        return score + (self.embed(labels) * h).sum(1)


def initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0: the authors' for CIFAR-10."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.Embedding):
        inside = getattr(module, "parametrizations", None)
        weight = module.weight if inside is None else inside.weight.original
        nn.init.normal_(weight, 0.0, 0.02)
        bias = getattr(module, "bias", None)
        if bias is not None:
            nn.init.zeros_(bias)
