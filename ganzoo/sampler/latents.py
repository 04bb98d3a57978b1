"""Latents, drawn a block at a time as they are needed, so that a million take no more memory than
a few."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.chance import Chance
from ganzoo.devices import on_cpu
from ganzoo.sampler.asked import checked_seed

#: Latents drawn at once. Always whole blocks, cut at the end: what torch draws depends on how much
#: is asked for at once.
BLOCK: Final = 64


def drawn(architecture: Architecture, seed: int, inputs: Tensor | None = None) -> Iterator[Tensor]:
    """The latents of a seed, without end, (BLOCK, *latent) at a time on the CPU.

    inputs: what they are made from, (N, ...), in turns, where the architecture works from inputs.
    """
    rng, chance = torch.Generator().manual_seed(checked_seed(seed)), Chance()
    for start in itertools.count(0, BLOCK):
        with on_cpu(), chance:
            if inputs is None:
                block = architecture.sample_latent(BLOCK, rng)
            else:
                order = torch.arange(start, start + BLOCK) % len(inputs)
                block = architecture.latent_from(inputs[order], rng)
        yield block


def first_of(
    architecture: Architecture, seeds: Iterable[int], inputs: Tensor | None = None
) -> Iterator[Tensor]:
    """The first latent of each of `seeds`, (1, *latent). inputs: as in `drawn`; one a seed."""
    for number, seed in enumerate(seeds):
        own = None if inputs is None else inputs[number % len(inputs)][None]
        yield latent_of(architecture, seed, own)


def latent_of(architecture: Architecture, seed: int, inputs: Tensor | None = None) -> Tensor:
    """The first latent of a seed, that of its own sample: (1, *latent), on the CPU. inputs: as in
    `drawn`."""
    return next(drawn(architecture, seed, inputs))[:1]


def batches(parts: Iterator[Tensor], count: int, size: int) -> Iterator[Tensor]:
    """The first `count` of all that `parts` give, `size` at a time, and what is left."""
    held = next(parts)
    for start in range(0, count, size):
        wanted = min(size, count - start)
        pieces, there = [held], len(held)
        while there < wanted:
            pieces.append(next(parts))
            there += len(pieces[-1])
        held = torch.cat(pieces)
        yield held[:wanted]
        held = held[wanted:]
