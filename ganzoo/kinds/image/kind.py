"""The kind of images: shown as one grid, brought to a size, mirrored, kept as uint8."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any, ClassVar, Final

import torch
from PIL import Image as PILImage
from torch import Tensor

from ganzoo.core_entries import DIGITS, PHOTOS
from ganzoo.data.dataset import Dataset, as_levels
from ganzoo.data.reading import free_memory
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds import ANY_SIZE, Kind
from ganzoo.kinds.image.fit import fit_images, tell_of_cut
from ganzoo.kinds.image.items import ImageItems
from ganzoo.kinds.image.layout import Layout
from ganzoo.kinds.image.options import ImageOptions, as_size, sides
from ganzoo.kinds.image.survey import LARGEST
from ganzoo.kinds.pictures import FILMS, LARGEST_SIDE, STILLS, enlarged, still
from ganzoo.sources.mapstyle import Items
from ganzoo.spec import ImageSizes, SampleSpec

ON_CPU: Final = 64  # pixels of a side that a CPU trains at where nothing else is asked for
GAP = 2  # pixels between the pictures of a grid
USUAL = {1: DIGITS, 3: PHOTOS}  # extractors by the number of channels

_NONE: Final = ImageOptions()


class Image(Kind):
    """A grid of pictures, as square as it can be, filled row by row; of one, the picture alone."""

    suffixes: ClassVar[tuple[str, ...]] = STILLS
    moving: ClassVar[tuple[str, ...]] = FILMS
    in_rows: ClassVar[bool] = True
    preview: ClassVar[str] = ".png"
    apart: ClassVar[bool] = True
    several: ClassVar[str] = "images"
    pipeline_tag: ClassVar[str | None] = "unconditional-image-generation"
    Options: ClassVar[type[ImageOptions]] = ImageOptions

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        if len(spec.shape) != 3 or (spec.shape[0] > 4 and spec.shape[2] <= 4):
            raise ValueError(
                f"images have a shape such as (3, 32, 32), channels first, not {spec.shape}"
            )

    @classmethod
    def examples(cls, sizes: ImageSizes = ANY_SIZE) -> list[SampleSpec]:
        """Squares of each of `sizes`, smallest first, grey and in colour, and a rectangle in colour
        where they have any."""
        specs = [
            SampleSpec("image", (channels, size, size))
            for size in (sizes or (16, 28))
            for channels in (1, 3)
        ]
        side = max(8, sizes.multiple)
        return [*specs, SampleSpec("image", (3, side, 2 * side))] if sizes.multiple else specs

    @classmethod
    def from_tensor(
        cls, name: str, samples: Tensor, labels: Tensor | None, options: ImageOptions = _NONE
    ) -> Dataset | None:
        """uint8, or floats in [-1, 1] or [0, 1], of one of the layouts that images have."""
        layout = Layout.of(samples, name, options.channels)
        if layout is None:
            return None
        if layout.unit:
            _tell_unit(name)
        return Dataset(name, layout.apply(samples), labels)

    @classmethod
    def from_items(
        cls,
        name: str,
        items: Items,
        labels: Tensor | None,
        classes: tuple[str, ...],
        options: ImageOptions = _NONE,
    ) -> Dataset | None:
        """Pictures of any sizes, or tensors of one of the layouts that images have."""
        images = ImageItems.of(items, name, options)
        if images is None:
            return None
        if images.unit:
            _tell_unit(name)
        details = {"levels": list(images.form.levels)} if images.deep else {}
        return Dataset(name, images, labels, classes, details=details)

    @classmethod
    def affordable(
        cls, dataset: Dataset, options: ImageOptions, sizes: ImageSizes, device: str
    ) -> tuple[dict[str, Any], str]:
        """On a CPU, `ON_CPU` pixels, or the largest of `sizes` that is no larger."""
        if device != "cpu" or options.image_size is not None or len(dataset.spec.shape) != 3:
            return {}, ""
        usual = sizes.nearest(min(dataset.spec.shape[1:]))
        small = max((size for size in sizes if size <= ON_CPU), default=ON_CPU)
        if usual <= small or not sizes.take(small, small):
            return {}, ""
        return {"image_size": small}, (
            f"images of {usual} pixels take a CPU very long: it trains at {small} "
            f"(--image-size {usual} trains at {usual})"
        )

    @classmethod
    def fit(cls, dataset: Dataset, options: ImageOptions, sizes: ImageSizes = ANY_SIZE) -> Dataset:
        """At `options.image_size`: else as a square of its own size, the next larger one of
        `sizes`, or the largest. Where shapes differ, see `Form.fit`; cutting much off is told."""
        channels, height, width = dataset.spec.shape
        size = sides(options.image_size or sizes.nearest(min(height, width)))
        shown = "x".join(map(str, size)) if size[0] != size[1] else f"{size[0]} pixels"
        turned = options.direction == "BtoA"
        if turned and (dataset.input_spec is None or "direction" not in dataset.input_spec.details):
            raise GanzooError(
                f"data.direction=BtoA: the data set {dataset.name!r} cannot be turned around; that "
                "is for files in two folders A and B, or side by side, and an architecture that "
                "works from inputs"
            )
        if not sizes.take(*size):
            raise GanzooError(f"it cannot make images of {shown}; it can make {sizes}")
        needed, free = len(dataset) * 3 * size[0] * size[1], free_memory()
        if isinstance(dataset.samples, Tensor) and needed > free:
            raise GanzooError(
                f"--image-size {as_size(*size)}: {len(dataset)} such images take up to "
                f"{needed >> 30} GiB, and {free >> 30} GiB are free"
            )
        if options.fit is None:
            tell_of_cut(
                dataset,
                size,
                "--set data.fit=pad keeps all with black bars, data.fit=stretch distorts, "
                "--image-size HxW makes images of another shape",
            )
        fitted = fit_images(
            dataset, size, options.channels or channels, options.fit or "crop", options.levels
        )
        details = dict(dataset.details)
        if options.levels is not None and "levels" in details:
            details["levels"] = list(options.levels)
        if options.fit not in (None, "crop"):
            details["fit"] = options.fit
        return replace(fitted, details=details)

    @classmethod
    def settled(cls, fitted: Dataset) -> dict[str, Any]:
        """The size, and what is black and white in images of more than 8 bits."""
        _, height, width = fitted.spec.shape
        found: dict[str, Any] = {"image_size": as_size(height, width)}
        levels = fitted.details.get("levels")
        return found if levels is None else found | {"levels": levels}

    @classmethod
    def like(
        cls, spec: SampleSpec, dataset: Dataset, sizes: ImageSizes = ANY_SIZE
    ) -> dict[str, Any]:
        """The size, how other shapes are fitted to it, and black and white of more than 8 bits; and
        the channels where the data set has fewer: colours are not taken away."""
        channels, height, width = spec.shape
        keys = [key for key in ("fit", "levels") if key in spec.details]
        found: dict[str, Any] = {key: spec.details[key] for key in keys}
        if "levels" not in dataset.details:
            found.pop("levels", None)
        if sizes.take(height, width):
            found["image_size"] = as_size(height, width)
        if channels > dataset.spec.shape[0]:
            found["channels"] = channels
        return found

    @classmethod
    def fit_inputs(
        cls, inputs: Dataset, options: ImageOptions, sizes: ImageSizes = ANY_SIZE
    ) -> Dataset:
        """At the samples' size; they keep their own channels."""
        own = options.model_copy(update={"channels": None, "direction": None})
        return cls.fit(inputs, own, sizes)

    def match(self, dataset: Dataset, whose: str = "the model", does: str = "makes") -> Dataset:
        """Images of the same channels, brought to the same form as those that it was trained on."""
        self._check_kind(dataset, whose, does)
        channels, height, width = self.spec.shape
        theirs = dataset.spec.shape[0]
        opaque = channels in (2, 4) and theirs == channels - 1
        if theirs != channels and not opaque:
            raise GanzooError(
                f"{whose} {does} images of {channels} channel{'s' * (channels > 1)}, but those of "
                f"the data set {dataset.name!r} have {theirs}; give data of the same"
            )
        fit, levels = (self.spec.details.get(key) for key in ("fit", "levels"))
        if fit is None:
            advice = "Crop them to that shape beforehand to choose the part"
            tell_of_cut(dataset, (height, width), advice)
        levels = None if levels is None else (float(levels[0]), float(levels[1]))
        return fit_images(dataset, (height, width), channels, fit or "crop", levels)

    def store(self, samples: Tensor) -> Tensor:
        """uint8, by rounding."""
        if samples.dtype == torch.uint8:
            return samples
        levels = as_levels(samples, self.spec.low, self.spec.high)
        return levels.round().clamp(0, 255).to(torch.uint8)

    def mirror(self, samples: Tensor) -> Tensor:
        """Left and right exchanged."""
        return samples.flip(-1)

    def usual_extractors(self) -> tuple[str, ...]:
        """Classifiers of digits for one channel, of CIFAR-10 for three; none for others."""
        return USUAL.get(self.spec.shape[0], ())

    def pictures(self, samples: Tensor) -> list[PILImage.Image]:
        return [to_picture(image) for image in to_bytes(samples)]

    def cannot_hold(
        self, suffix: str, count: int, columns: int | None = None, scale: int = 1
    ) -> str:
        """A picture has a largest side, and a largest area."""
        width, height = (side * scale for side in _sheet(count, columns, *self.spec.shape[1:]))
        most = LARGEST_SIDE.get(suffix)
        if most is not None and max(width, height) > most:
            limit = f"{suffix} takes up to {most} a side; write a .png, or fewer samples"
        elif width * height > LARGEST:
            limit = f"up to {LARGEST // 1_000_000} million are written; make it smaller"
        else:
            return ""
        return f"a picture of {count} samples has {width}x{height} pixels, and {limit}"

    def show(self, samples: Tensor, columns: int | None = None, scale: int = 1) -> PILImage.Image:
        return enlarged(to_picture(grid(samples, columns)), scale)

    def render(self, samples: Tensor, suffix: str) -> bytes:
        return still(self.show(samples), suffix)


def _tell_unit(name: str) -> None:
    warnings.warn(
        f"data {name!r}: its values lie from 0 to 1, which is taken to mean black to white; they "
        "are scaled to -1 to 1",
        GanzooWarning,
        stacklevel=7,
    )


def to_bytes(samples: Tensor) -> Tensor:
    """[-1, 1] to uint8, values outside clipped."""
    return samples.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def to_picture(image: Tensor) -> PILImage.Image:
    """A (C, H, W) uint8 tensor as a picture: grey, in colour, with transparency where C is 2 or 4;
    more than 4 channels lie beside each other in grey."""
    if len(image) > 4:
        image = torch.cat(list(image), 1)[None]
    array = image.permute(1, 2, 0).contiguous().cpu().numpy()
    return PILImage.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def _columns(count: int) -> int:
    """How many of `count` pictures lie in a row: the table is nearly square, and full if it can."""
    least = math.isqrt(count - 1) + 1
    full = (n for n in range(least, int(1.6 * math.sqrt(count)) + 1) if count % n == 0)
    return next(full, least)


def _sheet(count: int, columns: int | None, height: int, width: int) -> tuple[int, int]:
    """Width and height of a grid in pixels; one picture has no frame."""
    if count == 1:
        return width, height
    columns = columns or _columns(count)
    rows = math.ceil(count / columns)
    return columns * (width + GAP) + GAP, rows * (height + GAP) + GAP


def grid(samples: Tensor, columns: int | None = None) -> Tensor:
    """(N, C, H, W) in [-1, 1] as one (C, height, width) uint8 picture, filled row by row, as square
    as it can be unless `columns` are given; of one, without a frame."""
    images = to_bytes(samples)
    count, channels, height, width = images.shape
    if count == 1:
        return images[0]
    columns = columns or _columns(count)
    sheet_width, sheet_height = _sheet(count, columns, height, width)
    sheet = torch.zeros(channels, sheet_height, sheet_width, dtype=torch.uint8)
    for index, image in enumerate(images):
        top = index // columns * (height + GAP) + GAP
        left = index % columns * (width + GAP) + GAP
        sheet[:, top : top + height, left : left + width] = image
    return sheet
