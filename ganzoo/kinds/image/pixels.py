"""A picture as numbers of one size: turned upright, in 8 bits, fitted, in so many channels."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from ganzoo.kinds.image.survey import LARGEST, raw_mode

Fit = Literal["crop", "pad", "stretch"]
Size = tuple[int, int]
"""Height and width in pixels."""

HALVES: Final = ("left", "right")
MODES: Final = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_LARGE: Final = 1 << 24  # pixels of a picture that takes so much memory that one is read at a time
_ORIENTATION: Final = 0x0112  # in EXIF
_SIXTEEN: Final = 65535.0

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Form:
    """What pictures are brought to.

    fit: where their shape is another one, ``crop`` keeps the middle, ``pad`` keeps all and adds
    black bars, ``stretch`` distorts. levels: what is black and white in those of more than 8 bits.
    half: one of `HALVES`, of pictures that hold two.
    """

    size: Size
    channels: int
    fit: Fit = "crop"
    levels: tuple[float, float] = (0.0, _SIXTEEN)
    half: str = ""


def pixels(image: Image.Image, form: Form, content: bytes = b"") -> Tensor:
    """A picture in a form, as uint8 (channels, *size). content: the file's, where it has one.

    Raises ValueError where it is too large, or has values that are not finite.
    """
    width, height = image.size
    check_area(width, height)
    with _one_at_a_time if width * height > _LARGE else contextlib.nullcontext():
        return _pixels(image, form, content)


def check_area(width: int, height: int) -> None:
    """Raise ValueError for a picture that is too large to be decoded: a few bytes may become
    gigabytes."""
    if width * height > LARGEST:
        raise ValueError(too_large(width, height))


def too_large(width: int, height: int) -> str:
    """What is wrong with a picture that is too large."""
    most = LARGEST // 1_000_000
    return f"{width}x{height} pixels are too many: up to {most} million are read; make it smaller"


def _pixels(image: Image.Image, form: Form, content: bytes) -> Tensor:
    values = deep_values(image, content)
    if values is not None:
        turn = image.getexif().get(_ORIENTATION)
        image = _as_levels(values, form.levels)
        if turn is not None:
            image.getexif()[_ORIENTATION] = turn
    else:
        image.draft("RGB" if form.channels > 2 else "L", form.size[::-1])
    _turn_upright(image)
    if form.half:
        image = _half(image, form.half)
    if form.fit == "crop":
        image = _cropped(image, form.size)
    picture = _coloured(image, form.channels)
    height, width = form.size
    if form.fit == "pad":
        picture = _padded(picture, form.size)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    numbers = np.asarray(picture).reshape(height, width, form.channels)
    return torch.from_numpy(numbers.transpose(2, 0, 1).copy())


def deep_values(image: Image.Image, content: bytes = b"") -> NDArray[Any] | None:
    """The values of a picture of more than 8 bits, (H, W, C) float64, the last of 2 or 4 channels
    transparency from 0 to 65535; None for others. content: the file's, where it has one.

    Raises ValueError where they are not finite.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64)[..., None]
        if not np.isfinite(values).all():
            raise ValueError("pixels that are not finite (NaN or infinity)")
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            values = np.concatenate([values, (values != clear) * _SIXTEEN], 2)
        return values
    stored = raw_mode(image)
    if stored is None:
        return None
    return _sixteen_bits(image, content, stored)


def _sixteen_bits(image: Image.Image, content: bytes, stored: str) -> NDArray[Any]:
    """The whole 16 bits of each channel, of which Pillow takes the upper 8: a second reading, told
    that they are stored otherwise, has the lower 8."""
    grey = stored.startswith("LA")
    other = "RGBA" if grey else f"{stored[:-1]}{'B' if stored[-1] in 'LN' else 'L'}"
    upper = None if grey else np.asarray(image).astype(np.float64)
    with Image.open(io.BytesIO(content)) as again:
        again._mode = "RGBA" if grey else again.mode
        again.tile = [_read_as(tile, other) for tile in getattr(again, "tile", ())]
        lower = np.asarray(again).astype(np.float64)
    if upper is None:  # four bytes a pixel: two of grey, two of transparency
        return lower[..., 0::2] * 256 + lower[..., 1::2]
    return upper * 256 + lower


def _read_as(tile: Any, mode: str) -> Any:
    """What Pillow is to read of a file, with the numbers stored in another way."""
    arguments = tile[3]
    return tile._replace(args=mode if isinstance(arguments, str) else (mode, *arguments[1:]))


def _as_levels(values: NDArray[Any], levels: tuple[float, float]) -> Image.Image:
    """Deep values as a picture of 8 bits, black and white at `levels`."""
    low, high = levels
    channels = values.shape[2]
    colours = values[..., : channels - (channels in (2, 4))]
    scaled = (colours - low) * (255 / (high - low))
    parts = (
        [scaled, values[..., channels - 1 :] * (255 / _SIXTEEN)] if channels in (2, 4) else [scaled]
    )
    whole = np.concatenate(parts, 2).round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(whole[..., 0] if channels == 1 else whole)


def _coloured(image: Image.Image, channels: int) -> Image.Image:
    """A picture of 8 bits in so many channels. Beneath transparent pixels any colour may be hidden,
    so without a channel for transparency it is what is seen on white paper."""
    mode = MODES[channels]
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        image = over_white(image) if channels in (1, 3) else image
    elif channels in (2, 4):
        image = image.convert(MODES[channels - 1])  # from CMYK, say, there is no other way
    return image.convert(mode)


def over_white(image: Image.Image) -> Image.Image:
    """What is seen of a picture with transparency on white paper."""
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _half(image: Image.Image, side: str) -> Image.Image:
    width, height = image.size
    middle = width // 2
    return image.crop((0, 0, middle, height) if side == "left" else (middle, 0, width, height))


def _cropped(image: Image.Image, size: Size) -> Image.Image:
    """The largest part in the middle that has the shape of `size`."""
    (width, height), (high, wide) = image.size, size
    across = min(width, max(1, round(height * wide / high)))
    down = min(height, max(1, round(width * high / wide)))
    left, top = (width - across) // 2, (height - down) // 2
    return image.crop((left, top, left + across, top + down))


def _padded(image: Image.Image, size: Size) -> Image.Image:
    """All of a picture, scaled, in the middle of a black one."""
    (width, height), (high, wide) = image.size, size
    scale = min(wide / width, high / height)
    across, down = (max(1, round(length * scale)) for length in (width, height))
    whole = Image.new(image.mode, (wide, high))
    part = image.resize((across, down), Image.Resampling.BILINEAR)
    whole.paste(part, ((wide - across) // 2, (high - down) // 2))
    return whole


def _turn_upright(image: Image.Image) -> None:
    """Turn a photograph as its camera says; one whose EXIF data are damaged stays as it is."""
    image.load()  # what is wrong with its pixels is told
    with contextlib.suppress(SyntaxError, ValueError, LookupError, TypeError, struct.error):
        ImageOps.exif_transpose(image, in_place=True)
