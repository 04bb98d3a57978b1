"""Images of any size and colour, brought to the size and the channels that a model wants."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Final, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.data.dataset import Dataset, LazySamples
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.pixels import MODES, Fit, Form, Size
from ganzoo.kinds.image.stored import Numbers
from ganzoo.progress import each

_CHUNK: Final = 1024  # images resized at a time, which bounds the float32 copy
_CUT: Final = 0.1  # of a picture; less is not worth a word


@runtime_checkable
class Resizable(Protocol):
    """Images that are read one by one, at any size. form: the one that they are read in now.
    sides: heights and widths of the pictures, (N,) each, as far as they are known."""

    form: Form

    @property
    def sides(self) -> tuple[Numbers, Numbers]: ...

    def at(self, form: Form) -> LazySamples:
        """The same, in another form."""


def fit_images(
    dataset: Dataset,
    size: int | Size,
    channels: int,
    fit: Fit = "crop",
    levels: tuple[float, float] | None = None,
) -> Dataset:
    """`dataset` as (channels, *size), scaled, antialiased. size: of a square, or height and width.
    fit, levels: as in `Form`; None: what the data set has.

    3 channels become 1 as luma (ITU-R 601), 1 becomes 3 by repeating; transparent parts become
    white where the transparency is left out.
    """
    size = (size, size) if isinstance(size, int) else size
    samples = dataset.samples
    if isinstance(samples, Resizable):
        if channels not in MODES:
            raise GanzooError(
                f"data.channels={channels}: pictures have {', '.join(map(str, MODES))} channels"
            )
        form = dataclasses.replace(
            samples.form,
            size=size,
            channels=channels,
            fit=fit,
            levels=levels or samples.form.levels,
        )
        if form == samples.form:
            return dataset
        return dataclasses.replace(dataset, samples=samples.at(form))
    if dataset.spec.shape == (channels, *size):
        return dataset
    if not isinstance(samples, Tensor):
        raise GanzooError(
            f"data set {dataset.name!r} yields images of shape {dataset.spec.shape} alone, not "
            f"{(channels, *size)}"
        )
    parts = samples.split(_CHUNK)
    told = each(parts, f"resizing {dataset.name}", len(parts))
    fitted = torch.cat([resize(recolour(part, channels), size, fit) for part in told])
    return dataclasses.replace(dataset, samples=fitted)


def tell_of_cut(dataset: Dataset, size: Size, advice: str) -> None:
    """Warn where cutting images to the shape of `size` takes much of them away. advice: what to do
    about it."""
    samples = dataset.samples
    if isinstance(samples, Resizable):
        heights, widths = samples.sides
    else:
        heights, widths = (np.array([side]) for side in dataset.spec.shape[1:])
    ratio = heights * size[1] / (widths * size[0])
    cut = 1 - np.minimum(ratio, 1 / ratio)
    if not (cut > _CUT).any():
        return
    share = f"{int((cut > _CUT).sum())} of {len(cut)}" if len(cut) > 1 else "the"
    worst = int(cut.argmax())
    warnings.warn(
        f"data set {dataset.name!r}: {share} images do not have the shape of {size[0]}x{size[1]} "
        f"(height x width), and the middle of each is kept: {cut[worst]:.0%} of "
        f"{heights[worst]}x{widths[worst]} is cut off. {advice}",
        GanzooWarning,
        stacklevel=4,
    )


def recolour(images: Tensor, channels: int) -> Tensor:
    """(N, C, H, W) with another number of channels. 2 and 4 are 1 and 3 with transparency."""
    have = images.shape[1]
    if have == channels:
        return images
    if have > 4 or channels > 4:
        raise GanzooError(f"images of {have} channels cannot be made into images of {channels}")
    if channels in (2, 4):
        clear = have in (2, 4)
        opaque = torch.full_like(images[:, :1], 255 if images.dtype == torch.uint8 else 1)
        colours = recolour(images[:, :-1] if clear else images, channels - 1)
        return torch.cat([colours, images[:, -1:] if clear else opaque], 1)
    if have in (2, 4):
        return recolour(_over_white(images), channels)
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (images.float() * luma).sum(1, keepdim=True)
    return _like(grey, images)


def _over_white(images: Tensor) -> Tensor:
    low, high = (0.0, 255.0) if images.dtype == torch.uint8 else (-1.0, 1.0)
    values = images.float()
    share = (values[:, -1:] - low) / (high - low)
    return _like(values[:, :-1] * share + high * (1 - share), images)


def resize(images: Tensor, size: Size, fit: Fit = "crop") -> Tensor:
    """(N, C, H, W), scaled to `size`; see `Form.fit`."""
    height, width = images.shape[-2:]
    high, wide = size
    if fit == "pad" and (height, width) != size:
        scale = min(high / height, wide / width)
        down, across = (max(1, round(length * scale)) for length in (height, width))
        black = 0 if images.dtype == torch.uint8 else -1
        whole = images.new_full((*images.shape[:2], high, wide), black)
        top, left = (high - down) // 2, (wide - across) // 2
        whole[..., top : top + down, left : left + across] = _scaled(images, (down, across))
        return whole
    if fit == "crop":
        across = min(width, max(1, round(height * wide / high)))
        down = min(height, max(1, round(width * high / wide)))
        top, left = (height - down) // 2, (width - across) // 2
        images = images[..., top : top + down, left : left + across]
    return _scaled(images, size).contiguous()


def _scaled(images: Tensor, size: Size) -> Tensor:
    if images.shape[-2:] == size:
        return images
    scaled = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
    return _like(scaled, images)


def _like(values: Tensor, images: Tensor) -> Tensor:
    if images.dtype == torch.uint8:
        return values.round().clamp(0, 255).to(torch.uint8)
    return values.to(images.dtype)
