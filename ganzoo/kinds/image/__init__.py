"""Images, shown as one grid."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from PIL import Image as PILImage
from torch import Tensor

from ganzoo.kinds import Kind
from ganzoo.spec import SampleSpec

GAP = 2  # pixels between the pictures of a grid


class Image(Kind):
    """A grid of pictures, as square as it can be, filled row by row."""

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".jpeg", ".webp")
    pipeline_tag: ClassVar[str | None] = "unconditional-image-generation"

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        """Squares of each of `sizes`, smallest first, grey and in colour."""
        return [
            SampleSpec("image", (channels, size, size))
            for size in sorted(sizes or (16, 28))
            for channels in (1, 3)
        ]

    def usual_extractor(self) -> str | None:
        return {1: "mnist-convnet", 3: "cifar-convnet"}.get(self.spec.shape[0])

    def pictures(self, samples: Tensor) -> list[PILImage.Image]:
        return [to_picture(image) for image in to_bytes(samples)]

    def render(self, samples: Tensor, suffix: str) -> bytes:
        buffer = io.BytesIO()
        formats = {".jpg": "JPEG", ".jpeg": "JPEG"}
        to_picture(grid(samples)).save(buffer, formats.get(suffix, suffix[1:].upper()))
        return buffer.getvalue()


def to_bytes(samples: Tensor) -> Tensor:
    """[-1, 1] to uint8, values outside clipped."""
    return samples.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def to_picture(image: Tensor) -> PILImage.Image:
    """A (C, H, W) uint8 tensor as a picture; C is 1 or 3."""
    array = image.permute(1, 2, 0).contiguous().cpu().numpy()
    return PILImage.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def grid(samples: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1] as one (C, rows, columns) uint8 picture."""
    images = to_bytes(samples)
    count, channels, height, width = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    high, wide = height + GAP, width + GAP
    sheet = torch.zeros(channels, rows * high + GAP, columns * wide + GAP, dtype=torch.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * high + GAP, index % columns * wide + GAP
        sheet[:, top : top + height, left : left + width] = image
    return sheet
