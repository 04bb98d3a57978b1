"""Architectures that nobody packaged, each odd in its own way."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, Training


class Embedding(nn.Module):
    def __init__(self, classes: int, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        size = 1
        for length in shape:
            size *= length
        self.embed = nn.Embedding(classes, latent)
        self.out = nn.Sequential(nn.Linear(latent, size), nn.Tanh(), nn.Unflatten(1, shape))

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        made: Tensor = self.out(latent * self.embed(labels))
        return made


class Labelled(Architecture):
    """A conditional architecture that nobody packaged."""

    class Config(Options):
        latent_size: int = Field(4, ge=1, description="length of a latent")

    conditional: ClassVar = True
    training: ClassVar = Training(batch_size=8, steps=1)

    def build_generator(self) -> nn.Module:
        return Embedding(len(self.spec.classes), self.config.latent_size, self.spec.shape)

    def build_discriminator(self) -> nn.Module:
        return Judge(self.spec.size)


class Judge(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.out = nn.Linear(size, 1)

    def forward(self, samples: Tensor, labels: Tensor) -> Tensor:
        score: Tensor = self.out(samples.flatten(1))
        return score


class Table(nn.Module):
    """Holds values that are in no file: a buffer that is not saved, a plain tensor, a list."""

    def __init__(self, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("waves", torch.linspace(0, 9, latent).sin(), persistent=False)
        self.scale = torch.full((1,), 3.0)
        self.shifts = [torch.ones(1)]
        self.out = nn.Linear(latent, shape[0] * shape[1] * shape[2])
        self.shape = shape

    def forward(self, latent: Tensor) -> Tensor:
        hidden = latent * self.waves * self.scale + self.shifts[0]
        return torch.tanh(self.out(hidden)).view(-1, *self.shape)


class Tables(Labelled):
    """Its generator has constants that are in no file."""

    conditional: ClassVar = False

    def build_generator(self) -> nn.Module:
        return Table(self.config.latent_size, self.spec.shape)

    def build_discriminator(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 1))


class Copying(Tables):
    """Its generator gives out copies of its state."""

    def build_generator(self) -> nn.Module:
        network = Table(self.config.latent_size, self.spec.shape)

        def copied(module: nn.Module, state: dict[str, Tensor], *_: object) -> None:
            state.update({name: tensor.clone() for name, tensor in state.items()})

        network.register_state_dict_post_hook(copied)
        return network


class Unmeta(Tables):
    """Its generator reads numbers from tensors while it is built, for which it needs memory."""

    def build_generator(self) -> nn.Module:
        sizes = [int(size) for size in torch.linspace(4, 8, 2)]
        latent, last = self.config.latent_size, nn.Linear(sizes[1], self.spec.size)
        layers = [nn.Linear(latent, sizes[0]), nn.Linear(sizes[0], sizes[1]), last, nn.Tanh()]
        return nn.Sequential(*layers, nn.Unflatten(1, self.spec.shape))
