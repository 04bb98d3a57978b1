"""Points in the plane, shown as a scatter plot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import ClassVar

from PIL import Image as PILImage
from PIL import ImageDraw
from torch import Tensor

from ganzoo.kinds import Kind
from ganzoo.spec import SampleSpec

SIDE = 512  # pixels
REACH = 1.5  # the plot shows [-REACH, REACH] in both directions


class Points(Kind):
    """A scatter plot of the first two coordinates, with the centres of the modes where known."""

    suffixes: ClassVar[tuple[str, ...]] = (".png", ".npz")

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        if len(spec.shape) != 1 or spec.shape[0] < 2:
            raise ValueError(f"points have a shape such as (2,), not {spec.shape}")
        try:
            self.centres = [(float(x), float(y)) for x, y in spec.details.get("centres", ())]
        except (TypeError, ValueError, OverflowError):
            raise ValueError("details.centres must be a list of pairs of numbers") from None

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        """Points in the plane, as the data sets have them."""
        return [SampleSpec("points", (2,), None, None)]

    def render(self, samples: Tensor, suffix: str) -> bytes:
        if suffix == ".npz":
            return super().render(samples, suffix)
        picture = PILImage.new("RGB", (SIDE, SIDE), "white")
        draw = ImageDraw.Draw(picture)
        for x, y in self.centres:
            self._dot(draw, x, y, 14, "#f2c9a1")
        for x, y in samples[:, :2].tolist():
            self._dot(draw, x, y, 2, "#1f4e8c")
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()

    def _dot(self, draw: ImageDraw.ImageDraw, x: float, y: float, size: float, fill: str) -> None:
        column, row = SIDE / 2 * (1 + x / REACH), SIDE / 2 * (1 - y / REACH)
        draw.ellipse((column - size, row - size, column + size, row + size), fill=fill)
