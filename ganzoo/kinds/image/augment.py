"""Differentiable augmentation of images (DiffAugment, Zhao 2020, arXiv:2006.10738).

Each function takes images (N, C, H, W) in [-1, 1] and numbers (N, DRAWS) from [0, 1), which decide
what happens to each image, and returns new images of the same shape. For given numbers it is an
affine function of an image, so a gradient passes to the generator. Values may leave [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

#: Numbers that decide what happens to one image.
DRAWS: Final = 3


def color(images: Tensor, draws: Tensor) -> Tensor:
    """Another brightness, by -0.5 to 0.5, saturation, 0 to 2 times, and contrast, 0.5 to 1.5 times.

    Saturation is the distance from an image's own grey one, so on one channel it does nothing.
    """
    brightness, saturation, contrast = draws[:, :, None, None, None].unbind(1)
    images = images + (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (0.5 + contrast)


def translation(images: Tensor, draws: Tensor) -> Tensor:
    """Moved by whole pixels, up to an eighth of each side; what comes in from outside is 0."""
    for axis in (2, 3):
        length = images.shape[axis]
        most = length // 8
        shift = _whole(draws[:, axis - 2], 2 * most + 1) - most
        source = torch.arange(length, device=images.device) - shift[:, None]
        inside = (source >= 0) & (source < length)
        shape = [len(images), 1, 1, 1]
        shape[axis] = length
        index = source.clamp(0, length - 1).view(shape).expand_as(images)
        images = images.gather(axis, index).masked_fill(~inside.view(shape), 0.0)
    return images


def cutout(images: Tensor, draws: Tensor) -> Tensor:
    """A square of half the sides, with its centre anywhere in the image, is 0."""
    hidden = []
    for axis in (2, 3):
        length = images.shape[axis]
        size = length // 2
        first = _whole(draws[:, axis - 2], length + 1) - size // 2
        place = torch.arange(length, device=images.device) - first[:, None]
        hidden.append((place >= 0) & (place < size))
    rows, columns = hidden
    return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.0)


def _whole(draws: Tensor, count: int) -> Tensor:
    """Integers from 0 to count - 1, each as likely. draws: from [0, 1)."""
    # The largest draw times count may be rounded up to count.
    return (draws * count).long().clamp_max(count - 1)


#: By the names that the paper gives them.
AUGMENTATIONS: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
}
