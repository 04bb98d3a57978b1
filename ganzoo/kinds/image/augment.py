"""Differentiable augmentation of images.

`color`, `translation` and `cutout` are DiffAugment's (Zhao 2020, arXiv:2006.10738); `mirror`,
`rotation` and `scale` are of those that ADA's paper found to matter most (Karras 2020,
arXiv:2006.06676, figure 4), where each is done to some images only: see `training.ada_target`.

Each function takes images (N, C, H, W) in [-1, 1] and numbers (N, DRAWS) from [0, 1), which decide
what happens to each image, and returns new images of the same shape. For given numbers it is an
affine function of an image, so a gradient passes to the generator. Values may leave [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
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


def mirror(images: Tensor, draws: Tensor) -> Tensor:
    """Half of the images are mirrored, left to right."""
    return torch.where(draws[:, :1, None, None] < 0.5, images, images.flip(3))


def rotation(images: Tensor, draws: Tensor) -> Tensor:
    """Turned by a multiple of 90 degrees, each as likely; by 0 or 180 where sides differ."""
    square = images.shape[2] == images.shape[3]
    quarters = (0, 1, 2, 3) if square else (0, 2)
    which = _whole(draws[:, 0], len(quarters))[:, None, None, None]
    turned = images
    for number, quarter in enumerate(quarters[1:], 1):
        turned = torch.where(which == number, images.rot90(quarter, (2, 3)), turned)
    return turned


def scale(images: Tensor, draws: Tensor) -> Tensor:
    """Enlarged about the centre by 2^x, where x is normal with a deviation of 0.2; an image that is
    made smaller is continued by its reflection."""
    # The largest draws would be infinite.
    normal = torch.erfinv((2 * draws[:, 0] - 1).clamp(-0.9999, 0.9999)) * math.sqrt(2)
    zoom = torch.exp2(-0.2 * normal)
    # Rather than affine_grid, whose product would be in half precision under autocast.
    height, width = images.shape[2:]
    y = _centres(height, images) * zoom[:, None]
    x = _centres(width, images) * zoom[:, None]
    shape = (-1, height, width)
    grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], 3)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _centres(length: int, images: Tensor) -> Tensor:
    """Where the centres of pixels are along a side that goes from -1 to 1."""
    return (2 * torch.arange(length, device=images.device, dtype=images.dtype) + 1) / length - 1


def _whole(draws: Tensor, count: int) -> Tensor:
    """Integers from 0 to count - 1, each as likely. draws: from [0, 1)."""
    # The largest draw times count may be rounded up to count.
    return (draws * count).long().clamp_max(count - 1)


#: By the names that options take.
AUGMENTATIONS: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "color": color,
    "translation": translation,
    "cutout": cutout,
    "mirror": mirror,
    "rotation": rotation,
    "scale": scale,
}
