"""What can be asked of images as data. Nothing here needs torch."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ganzoo.options import Options

_LARGEST: Final = 4096  # pixels of a side


def _size(value: Any) -> Any:
    """A size as it is kept: a number for a square, a text such as ``48x64`` for height x width."""
    if isinstance(value, tuple | list) and len(value) == 2:
        value = "x".join(map(str, value))
    found = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", str(value).strip())
    if found is None or isinstance(value, bool | float):
        raise ValueError("it is not a size")
    height, width = int(found[1]), int(found[2] or found[1])
    if not 1 <= min(height, width) <= max(height, width) <= _LARGEST:
        raise ValueError(f"a side has 1 to {_LARGEST} pixels")
    return height if height == width else f"{height}x{width}"


ImageSize = Annotated[
    int | str,
    BeforeValidator(_size),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": _LARGEST}, {"const": "HxW"}]}
    ),
]


def sides(size: int | str) -> tuple[int, int]:
    """Height and width of an `ImageSize`."""
    height, _, width = str(size).partition("x")
    return int(height), int(width or height)


def as_size(height: int, width: int) -> int | str:
    """The `ImageSize` of these sides."""
    return height if height == width else f"{height}x{width}"


class ImageOptions(Options):
    """The form that images are brought to."""

    image_size: ImageSize | None = Field(
        None,
        description="height and width in pixels: N for a square, or HxW where the architecture can",
        json_schema_extra={"flag": "--image-size"},
    )
    channels: int | None = Field(
        None, ge=1, le=64, description="1 for grey, 3 for colour, 4 for colour with transparency"
    )
    fit: Literal["crop", "pad", "stretch"] | None = Field(
        None,
        description="what to do with images of another shape: crop keeps the middle (the default), "
        "pad adds black bars, stretch distorts",
    )
    levels: tuple[float, float] | None = Field(
        None,
        description="values of black and white in images of more than 8 bits [their extremes]",
    )

    direction: Literal["AtoB", "BtoA"] | None = Field(
        None,
        description="of folders A and B, or the left and right half of images, which is translated "
        "into which [AtoB]",
    )

    @model_validator(mode="after")
    def _ordered(self) -> ImageOptions:
        if self.levels is not None and not self.levels[0] < self.levels[1]:
            raise ValueError(f"data.levels={list(self.levels)}: black is below white")
        return self
