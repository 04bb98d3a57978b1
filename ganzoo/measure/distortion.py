"""Pictures as they might also have been: what a network that judges pictures is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.measure.networks import SIZE


@dataclass(frozen=True)
class Distortion:
    """Turned by up to `degrees`, scaled between `least` and `most` of a side and shifted by up to
    `shift` of half of one, a third of them blurred. mirror: half of them are mirrored.
    colour: how far brightness, contrast and, of colour pictures, saturation change; a fifth of
    these then becomes grey.
    """

    mirror: bool
    degrees: float = 10
    least: float = 0.9
    most: float = 1.1
    shift: float = 0.1
    colour: float = 0

    @classmethod
    def strong(cls, mirror: bool) -> Self:
        """So much that two copies of a picture have little in common but what it shows."""
        return cls(mirror, degrees=15, least=0.6, most=1.1, shift=0.2, colour=0.5)

    def __call__(self, images: Tensor) -> Tensor:
        """Distorted copies of images (N, C, H, W), from 0 to 255, each in its own way."""
        turned = self._turned(images.float())
        side = int(torch.randint(SIZE // 2, SIZE, ()))
        small = F.interpolate(turned, (side, side), mode="bilinear", antialias=True)
        blurred = F.interpolate(small, (SIZE, SIZE), mode="bilinear")
        shown = torch.where(_chance(len(images), 1 / 3), blurred, turned)
        if self.colour:
            shown = self._recoloured(shown)
        return shown.contiguous(memory_format=torch.channels_last)

    def _turned(self, images: Tensor) -> Tensor:
        count = len(images)
        angle = _between(-1, 1, count) * math.radians(self.degrees)
        scale = _between(self.least, self.most, count)
        shift = _between(-1, 1, 2 * count).view(-1, 2) * self.shift
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
        if self.mirror:
            turn[:, :, 0] *= torch.where(torch.rand(count) < 0.5, -1.0, 1.0)[:, None]
        matrix = torch.cat([turn * scale[:, None, None], shift[:, :, None]], 2)
        grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _recoloured(self, images: Tensor) -> Tensor:
        count, channels = images.shape[:2]
        bright, sharp, deep = (
            _between(1 - self.colour, 1 + self.colour, count).view(-1, 1, 1, 1) for _ in range(3)
        )
        mean = images.mean((1, 2, 3), keepdim=True)
        images = (images - mean) * sharp + mean * bright
        if channels > 1:
            grey = images.mean(1, keepdim=True)
            images = grey + (images - grey) * torch.where(_chance(count, 0.2), 0.0, deep)
        return images.clamp(0, 255)


def _between(least: float, most: float, count: int) -> Tensor:
    return torch.rand(count) * (most - least) + least


def _chance(count: int, share: float) -> Tensor:
    """For each picture, whether it happens to it."""
    return torch.rand(count, 1, 1, 1) < share
