"""Points in the plane, shown as a scatter plot, and two data sets of them. They are synthetic:
small, and it is plain which modes a generator misses."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from PIL import Image as PILImage
from PIL import ImageDraw
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.kinds import ANY_SIZE, Kind
from ganzoo.kinds.pictures import FILMS, STILLS, still
from ganzoo.spec import ImageSizes, SampleSpec

SIDE = 512  # pixels
FINER = 3  # the plot is drawn so many times larger, and made smaller: its dots have smooth edges
REACH = 1.5  # the plot shows [-REACH, REACH] in both directions
COUNT = 50_000
SPREAD = 0.05


class Points(Kind):
    """A scatter plot of the first two coordinates, with the centres of the modes where known."""

    suffixes: ClassVar[tuple[str, ...]] = STILLS
    moving: ClassVar[tuple[str, ...]] = FILMS
    at_once: ClassVar[int] = 256
    preview: ClassVar[str] = ".png"
    several: ClassVar[str] = "points"

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        if len(spec.shape) != 1 or spec.shape[0] < 2:
            raise ValueError(f"points have a shape such as (2,), not {spec.shape}")
        try:
            self.centres = [(float(x), float(y)) for x, y in spec.details.get("centres", ())]
        except (TypeError, ValueError, OverflowError):
            raise ValueError("details.centres must be a list of pairs of numbers") from None

    @classmethod
    def examples(cls, sizes: ImageSizes = ANY_SIZE) -> list[SampleSpec]:
        """Points in the plane, as the data sets have them."""
        return [SampleSpec("points", (2,), None, None)]

    @classmethod
    def from_tensor(cls, name: str, samples: Tensor, labels: Tensor | None) -> Dataset | None:
        """Floating point (N, 2)."""
        if samples.dtype == torch.uint8 or samples.dim() != 2 or samples.shape[1] != 2:
            return None
        return Dataset(name, samples, labels, (), "points", None, None)

    def show(self, samples: Tensor, columns: int | None = None, scale: int = 1) -> PILImage.Image:
        """All points in one plot."""
        side = SIDE * scale
        picture = PILImage.new("RGB", (FINER * side, FINER * side), "white")
        draw = ImageDraw.Draw(picture)
        for x, y in self.centres:
            _dot(draw, x, y, 14 / SIDE, "#f2c9a1")
        for x, y in samples[:, :2].tolist():
            _dot(draw, x, y, 2.5 / SIDE, "#1f4e8c")
        return picture.resize((side, side), PILImage.Resampling.BOX)

    def render(self, samples: Tensor, suffix: str) -> bytes:
        return still(self.show(samples), suffix)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, fill: str) -> None:
    """A dot of the radius `size`, a part of the plot's side."""
    side = draw.im.size[0]
    column, row, radius = side / 2 * (1 + x / REACH), side / 2 * (1 - y / REACH), size * side
    draw.ellipse((column - radius, row - radius, column + radius, row + radius), fill=fill)


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
