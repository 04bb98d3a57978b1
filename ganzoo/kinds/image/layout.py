"""In which order the numbers of images lie, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError

_CHANNELS: Final = (1, 3)
_LEAST: Final = 4  # pixels of a side; less is a table of numbers or a waveform
_SLACK: Final = 1e-3


@dataclass(frozen=True)
class Layout:
    """How to bring images to (N, C, H, W) uint8, or floats in [-1, 1].

    flat: they are (N, H, W), without channels. last: the channels are last. unit: floats from 0
    to 1.
    """

    flat: bool
    last: bool
    unit: bool

    @classmethod
    def of(cls, samples: Tensor, name: str, channels: int | None = None) -> Layout | None:
        """The layout of a tensor, uint8 or float32; None where it is none of images. channels: a
        number that images may have besides 1 and 3.

        Raises GanzooError where it is, but the values are not those of images.
        """
        shape = samples.shape
        levels = samples.dtype == torch.uint8
        flat = len(shape) == 3
        usual = len(shape) == 4 and (shape[1] in _CHANNELS or shape[3] in _CHANNELS)
        known = _CHANNELS if usual else (channels,)
        first = len(shape) == 4 and shape[1] in known
        last = len(shape) == 4 and shape[3] in known and not first
        if not (flat or first or last):
            return None
        if levels:
            return cls(flat, last, unit=False)
        sides = shape[1:3] if last or flat else shape[2:]
        if min(sides) < _LEAST:
            return None
        low, high = (float(bound) for bound in samples.aminmax())
        if low >= -1 - _SLACK and high <= 1 + _SLACK:
            return cls(flat, last, unit=low >= 0)
        if not flat and low >= 0 and high <= 255 and bool((samples == samples.round()).all()):
            raise GanzooError(
                f"data {name!r}: images as floating point whole numbers from {low:g} to {high:g}; "
                "make them uint8: samples.to(torch.uint8)"
            )
        return None

    def apply(self, samples: Tensor) -> Tensor:
        """(N, C, H, W), as they are where they are so already."""
        if self.flat:
            samples = samples[:, None]
        elif self.last:
            samples = samples.permute(0, 3, 1, 2).contiguous()
        return samples * 2 - 1 if self.unit else samples
