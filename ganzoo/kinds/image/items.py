"""Images that a map-style data set gives, brought to a size one at a time."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganzoo.kinds.image.fit import recolour, resize
from ganzoo.kinds.image.layout import Layout
from ganzoo.kinds.image.levels import levels_of
from ganzoo.kinds.image.options import ImageOptions
from ganzoo.kinds.image.pixels import Form, deep_values, pixels
from ganzoo.kinds.image.stored import Numbers
from ganzoo.kinds.image.survey import is_deep, is_grey
from ganzoo.sources.mapstyle import Items, Value, describe


class ImageItems:
    """Pictures or tensors of any size, brought to a form; uint8, or floats in [-1, 1].

    sides: heights and widths of some of them. unit: floats are from 0 to 1. deep: there are
    pictures of more than 8 bits. channels: a number that tensors may have besides 1 and 3.
    """

    def __init__(
        self,
        items: Items,
        form: Form,
        sides: tuple[Numbers, Numbers],
        dtype: torch.dtype = torch.uint8,
        unit: bool = False,
        deep: bool = False,
        channels: int | None = None,
    ) -> None:
        self.items, self.form, self.sides = items, form, sides
        self.dtype, self.unit, self.deep, self.channels = dtype, unit, deep, channels

    @classmethod
    def of(cls, items: Items, name: str, options: ImageOptions) -> ImageItems | None:
        """The images at the middle of the sizes of a few, where those are all images."""
        some = items.some
        pictures = [value for value in some if isinstance(value, Image.Image)]
        if len(pictures) == len(some):
            return cls._of_pictures(items, pictures, name, options)
        layouts, shapes = [], []
        for value in some:
            if not isinstance(value, Tensor) or value.dtype != some[0].dtype:  # type: ignore[union-attr]
                return None
            layout = Layout.of(value[None], name, options.channels)
            if layout is None:
                return None
            layouts.append(layout)
            shapes.append(layout.apply(value[None]).shape[1:])
        channels, *size = shapes[0]
        sides = (np.array([h for _, h, _ in shapes]), np.array([w for _, _, w in shapes]))
        unit = all(layout.unit for layout in layouts)
        assert isinstance(some[0], Tensor)
        form, known = Form((size[0], size[1]), channels), options.channels
        return cls(items, form, sides, some[0].dtype, unit, channels=known)

    @classmethod
    def _of_pictures(
        cls, items: Items, pictures: list[Image.Image], name: str, options: ImageOptions
    ) -> ImageItems:
        channels = 1 if all(is_grey(picture) for picture in pictures) else 3
        sides = tuple(np.array([p.size[axis] for p in pictures]) for axis in (1, 0))
        side = int(np.sort(np.minimum(*sides))[len(pictures) // 2])
        form, deep = Form((side, side), channels), any(map(is_deep, pictures))
        if deep:
            levels = options.levels or levels_of(
                f"data {name!r}", range(len(items)), len(items), lambda i: _deep(items[i])
            )
            form = replace(form, levels=levels or form.levels)
        return cls(items, form, (sides[0], sides[1]), deep=deep)

    def at(self, form: Form) -> ImageItems:
        """The same images, brought to another form."""
        other = copy.copy(self)
        other.form = form
        return other

    @property
    def shape(self) -> tuple[int, ...]:
        return self.form.channels, *self.form.size

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Tensor:
        value, form = self.items[index], self.form
        if isinstance(value, Image.Image):
            self._check(self.dtype == torch.uint8, value)
            return pixels(value.copy(), form)
        layout = Layout.of(value[None], self.items.whose, self.channels)
        self._check(layout is not None and value.dtype == self.dtype, value)
        assert layout is not None
        image = Layout(layout.flat, layout.last, self.unit).apply(value[None])
        return resize(recolour(image, form.channels), form.size, form.fit)[0]

    def _check(self, fits: bool, value: Value) -> None:
        if not fits:
            raise ValueError(f"{describe(value)}, where others are {self.dtype} {self.shape}")

    def name(self, index: int) -> str:
        return self.items.name(index)

    def fingerprint(self) -> str:
        return self.items.fingerprint()


def _deep(value: Value) -> NDArray[Any] | None:
    return deep_values(value) if isinstance(value, Image.Image) else None
