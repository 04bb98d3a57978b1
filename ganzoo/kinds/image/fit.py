"""Images of any size and colour, brought to the size and the channels that a model wants."""

from __future__ import annotations

import dataclasses
from typing import Final, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.data.dataset import Dataset, LazySamples
from ganzoo.errors import GanzooError

_CHUNK: Final = 1024  # images resized at a time, which bounds the float32 copy


@runtime_checkable
class Resizable(Protocol):
    """Images that are read one by one, at any size."""

    def at(self, size: int, channels: int) -> LazySamples:
        """The same, at another size and number of channels."""


def fit_images(dataset: Dataset, size: int, channels: int) -> Dataset:
    """`dataset` as (channels, size, size): the middle square is kept and scaled, antialiased.

    3 channels become 1 as luma (ITU-R 601), 1 becomes 3 by repeating.
    """
    if dataset.spec.shape == (channels, size, size):
        return dataset
    if isinstance(dataset.samples, Resizable):
        return dataclasses.replace(dataset, samples=dataset.samples.at(size, channels))
    if not isinstance(dataset.samples, Tensor):
        raise GanzooError(
            f"data set {dataset.name!r} yields images of shape {dataset.spec.shape} alone, not "
            f"{(channels, size, size)}"
        )
    parts = dataset.samples.split(_CHUNK)
    fitted = torch.cat([resize(recolour(part, channels), size) for part in parts])
    return dataclasses.replace(dataset, samples=fitted)


def recolour(images: Tensor, channels: int) -> Tensor:
    """(N, C, H, W) with 1 or 3 channels."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (images.float() * luma).sum(1, keepdim=True)
    return _like(grey, images)


def resize(images: Tensor, size: int) -> Tensor:
    """The middle square of (N, C, H, W), scaled."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    images = images[..., top : top + side, left : left + side]
    if side != size:
        scaled = F.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
        images = _like(scaled, images)
    return images.contiguous()


def _like(values: Tensor, images: Tensor) -> Tensor:
    if images.dtype == torch.uint8:
        return values.round().clamp(0, 255).to(torch.uint8)
    return values.to(images.dtype)
