"""Synthetic points in the plane: small, and it is plain which modes a generator misses."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset

COUNT = 50_000
SPREAD = 0.05


def ring(split: str) -> Dataset:
    """8 Gaussians on a circle of radius 1, standard deviation 0.05."""
    angles = torch.arange(8) * (2 * math.pi / 8)
    return _gaussians("ring", torch.stack([angles.cos(), angles.sin()], 1))


def grid(split: str) -> Dataset:
    """25 Gaussians on a square grid from -1 to 1, standard deviation 0.05."""
    side = torch.linspace(-1, 1, 5)
    return _gaussians("grid", torch.cartesian_prod(side, side))


def _gaussians(name: str, centres: Tensor) -> Dataset:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(len(centres), (COUNT,), generator=rng)
    samples = centres[labels] + SPREAD * torch.randn(COUNT, 2, generator=rng)
    details = {"centres": centres.tolist(), "spread": SPREAD}
    classes = tuple(str(number) for number in range(len(centres)))
    return Dataset(name, samples, labels, classes, "points", None, None, details)
