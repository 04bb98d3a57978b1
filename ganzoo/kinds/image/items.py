"""Images that a map-style data set gives, brought to a size one at a time."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from ganzoo.kinds.image.files import is_grey, pixels
from ganzoo.kinds.image.fit import recolour, resize
from ganzoo.kinds.image.layout import Layout
from ganzoo.sources.mapstyle import Items, Value, describe


class ImageItems:
    """Pictures or tensors of any size, as (channels, *size); uint8, or floats in [-1, 1].

    unit: floats are from 0 to 1.
    """

    def __init__(
        self, items: Items, size: tuple[int, int], channels: int, dtype: torch.dtype, unit: bool
    ) -> None:
        self.items, self.size, self.channels = items, size, channels
        self.dtype, self.unit = dtype, unit

    @classmethod
    def of(cls, items: Items, name: str) -> ImageItems | None:
        """The images at the size of the first one, where a few items are all images."""
        some = items.some
        pictures = [value for value in some if isinstance(value, Image.Image)]
        if len(pictures) == len(some):
            grey = all(is_grey(picture) for picture in pictures)
            side = min(pictures[0].size)
            return cls(items, (side, side), 1 if grey else 3, torch.uint8, unit=False)
        layouts = []
        for value in some:
            layout = Layout.of(value[None], name) if isinstance(value, Tensor) else None
            if layout is None or value.dtype != some[0].dtype:  # type: ignore[union-attr]
                return None
            layouts.append(layout)
        first = some[0]
        assert isinstance(first, Tensor)
        channels, *size = layouts[0].apply(first[None]).shape[1:]
        unit = all(layout.unit for layout in layouts)
        return cls(items, (size[0], size[1]), channels, first.dtype, unit)

    def at(self, size: int, channels: int) -> ImageItems:
        """The same images, brought to another size and number of channels."""
        return ImageItems(self.items, (size, size), channels, self.dtype, self.unit)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels, *self.size

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Tensor:
        value = self.items[index]
        if isinstance(value, Image.Image):
            self._check(self.dtype == torch.uint8, value)
            return pixels(value.copy(), min(self.size), self.channels)
        layout = Layout.of(value[None], self.items.whose)
        self._check(layout is not None and value.dtype == self.dtype, value)
        assert layout is not None
        image = Layout(layout.flat, layout.last, self.unit).apply(value[None])
        image = recolour(image, self.channels)
        if image.shape[2:] != self.size:
            self._check(self.size[0] == self.size[1], value)
            image = resize(image, self.size[0])
        return image[0]

    def _check(self, fits: bool, value: Value) -> None:
        if not fits:
            raise ValueError(f"{describe(value)}, where others are {self.dtype} {self.shape}")

    def name(self, index: int) -> str:
        return self.items.name(index)

    def fingerprint(self) -> str:
        return self.items.fingerprint()
