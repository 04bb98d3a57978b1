"""The kind of images: shown as one grid, brought to a size, mirrored, kept as uint8."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Collection, Sequence
from typing import ClassVar

import torch
from PIL import Image as PILImage
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import free_memory
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds import Kind
from ganzoo.kinds.image.fit import fit_images
from ganzoo.kinds.image.items import ImageItems
from ganzoo.kinds.image.layout import Layout
from ganzoo.kinds.image.options import ImageOptions
from ganzoo.sources.mapstyle import Items
from ganzoo.spec import SampleSpec

GAP = 2  # pixels between the pictures of a grid
_LARGEST_SIDE = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}  # pixels
CHANNELS = (1, 3)
USUAL = {1: "mnist-convnet", 3: "cifar-convnet"}  # extractors by the number of channels


class Image(Kind):
    """A grid of pictures, as square as it can be, filled row by row."""

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".jpeg", ".webp")
    pipeline_tag: ClassVar[str | None] = "unconditional-image-generation"
    Options: ClassVar[type[ImageOptions]] = ImageOptions

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        if len(spec.shape) != 3 or spec.shape[0] not in CHANNELS:
            raise ValueError(f"images have a shape such as (3, 32, 32), not {spec.shape}")

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        """Squares of each of `sizes`, smallest first, grey and in colour."""
        return [
            SampleSpec("image", (channels, size, size))
            for size in sorted(sizes or (16, 28))
            for channels in (1, 3)
        ]

    @classmethod
    def from_tensor(cls, name: str, samples: Tensor, labels: Tensor | None) -> Dataset | None:
        """uint8, or floats in [-1, 1] or [0, 1], of one of the layouts that images have."""
        layout = Layout.of(samples, name)
        if layout is None:
            return None
        if layout.unit:
            _tell_unit(name)
        return Dataset(name, layout.apply(samples), labels)

    @classmethod
    def from_items(
        cls, name: str, items: Items, labels: Tensor | None, classes: tuple[str, ...]
    ) -> Dataset | None:
        """Pictures of any sizes, or tensors of one of the layouts that images have."""
        images = ImageItems.of(items, name)
        if images is None:
            return None
        if images.unit:
            _tell_unit(name)
        return Dataset(name, images, labels, classes)

    @classmethod
    def fit(cls, dataset: Dataset, options: ImageOptions, sizes: Collection[int] = ()) -> Dataset:
        """The middle square at `options.image_size`: else its own size, the next larger one of
        `sizes`, or the largest."""
        channels, height, width = dataset.spec.shape
        size = options.image_size or _nearest(sizes, min(height, width))
        if sizes and size not in sizes:
            known = ", ".join(str(one) for one in sizes)
            raise GanzooError(f"it cannot do images of {size} pixels; it can do {known}")
        needed, free = len(dataset) * 3 * size * size, free_memory()
        if isinstance(dataset.samples, Tensor) and needed > free:
            raise GanzooError(
                f"--image-size {size}: {len(dataset)} such images take up to {needed >> 30} GiB, "
                f"and {free >> 30} GiB are free"
            )
        return fit_images(dataset, size, options.channels or channels)

    @classmethod
    def fit_inputs(
        cls, inputs: Dataset, options: ImageOptions, sizes: Collection[int] = ()
    ) -> Dataset:
        """At the samples' size; they keep their own channels."""
        return cls.fit(inputs, options.model_copy(update={"channels": None}), sizes)

    def match(self, dataset: Dataset, whose: str = "the model", does: str = "makes") -> Dataset:
        """Images of the same channels, brought to the same size."""
        self._check_kind(dataset, whose, does)
        channels, height, width = self.spec.shape
        theirs = dataset.spec.shape[0]
        if theirs != channels:
            raise GanzooError(
                f"{whose} {does} images of {channels} channel{'s' * (channels > 1)}, but those of "
                f"the data set {dataset.name!r} have {theirs}; give data of the same"
            )
        if height == width:
            return fit_images(dataset, height, channels)
        return super().match(dataset, whose, does)

    def store(self, samples: Tensor) -> Tensor:
        """uint8, by rounding."""
        if samples.dtype == torch.uint8:
            return samples
        low = -1.0 if self.spec.low is None else self.spec.low
        high = 1.0 if self.spec.high is None else self.spec.high
        return ((samples - low) * (255 / (high - low))).round().clamp(0, 255).to(torch.uint8)

    def mirror(self, samples: Tensor) -> Tensor:
        """Left and right exchanged."""
        return samples.flip(-1)

    def usual_extractor(self) -> str | None:
        """A classifier of digits for one channel, of CIFAR-10 for three."""
        return USUAL[self.spec.shape[0]]

    def pictures(self, samples: Tensor) -> list[PILImage.Image]:
        return [to_picture(image) for image in to_bytes(samples)]

    def cannot_hold(self, suffix: str, count: int) -> str:
        """A JPEG or a WebP has a largest side."""
        most = _LARGEST_SIDE.get(suffix)
        _, height, width = self.spec.shape
        rows, columns = _table(count)
        high, wide = rows * (height + GAP) + GAP, columns * (width + GAP) + GAP
        if most is None or max(high, wide) <= most:
            return ""
        return (
            f"a grid of {count} samples has {wide}x{high} pixels, and {suffix} takes up to {most} "
            "a side; write a .png, or fewer samples"
        )

    def render(self, samples: Tensor, suffix: str) -> bytes:
        buffer = io.BytesIO()
        formats = {".jpg": "JPEG", ".jpeg": "JPEG"}
        to_picture(grid(samples)).save(buffer, formats.get(suffix, suffix[1:].upper()))
        return buffer.getvalue()


def _tell_unit(name: str) -> None:
    warnings.warn(
        f"data {name!r}: its values lie from 0 to 1, which is taken for black to white; they are "
        "brought to -1 to 1",
        GanzooWarning,
        stacklevel=7,
    )


def _nearest(sizes: Collection[int], native: int) -> int:
    """The native size where any is taken or it is one; else the next larger, or the largest."""
    known = sorted(sizes)
    return next((size for size in known if size >= native), known[-1]) if known else native


def to_bytes(samples: Tensor) -> Tensor:
    """[-1, 1] to uint8, values outside clipped."""
    return samples.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def to_picture(image: Tensor) -> PILImage.Image:
    """A (C, H, W) uint8 tensor as a picture; C is 1 or 3."""
    array = image.permute(1, 2, 0).contiguous().cpu().numpy()
    return PILImage.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def _table(count: int) -> tuple[int, int]:
    """Rows and columns of a grid of `count` pictures."""
    columns = math.ceil(math.sqrt(count))
    return math.ceil(count / columns), columns


def grid(samples: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1] as one (C, rows, columns) uint8 picture."""
    images = to_bytes(samples)
    count, channels, height, width = images.shape
    rows, columns = _table(count)
    high, wide = height + GAP, width + GAP
    sheet = torch.zeros(channels, rows * high + GAP, columns * wide + GAP, dtype=torch.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * high + GAP, index % columns * wide + GAP
        sheet[:, top : top + height, left : left + width] = image
    return sheet
