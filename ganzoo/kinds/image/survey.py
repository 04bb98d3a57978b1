"""What the headers of image files say: sizes, and what their pixels are. No pixel is read."""

from __future__ import annotations

import io
import re
import struct
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from ganzoo.data.reading import Fault
from ganzoo.kinds.image.stored import HEAD, Numbers, Stored
from ganzoo.progress import each

COLOUR: Final = 1
DEEP: Final = 2  # more than 8 bits a channel
ANIMATED: Final = 4
LARGEST: Final = 90_000_000  # pixels of a picture; Pillow, too, warns of more

_PNG: Final = struct.Struct(">8s4x4sIIBB")  # signature, chunk, width, height, depth, colours
_SIXTEEN: Final = re.compile(r"(?:RGB|RGBA|RGBX|LA);16[BLN]")  # what Pillow calls it
_GREY: Final = (0, 4)  # a PNG's types of colour without colour


@dataclass(frozen=True)
class Survey:
    """Of each file: width, height and flags; all 0 where it cannot be opened, and a fault says why.
    Arrays of shape (N,)."""

    widths: Numbers
    heights: Numbers
    flags: Numbers
    faults: list[Fault]

    def some(self, index: list[int]) -> Survey:
        """Those of these numbers, without the faults."""
        return Survey(self.widths[index], self.heights[index], self.flags[index], [])

    @property
    def readable(self) -> Numbers:
        """The numbers of the files that can be opened and are not too large."""
        pixels = self.widths * self.heights
        return np.flatnonzero((pixels > 0) & (pixels <= LARGEST))

    def short_side(self) -> int:
        """The median of the short sides of those that are readable."""
        sides = np.minimum(self.widths, self.heights)[self.readable]
        return int(np.sort(sides)[len(sides) // 2])

    def count(self, flag: int) -> int:
        """How many of those that are readable have a flag."""
        return int((self.flags[self.readable] & flag > 0).sum())


def survey(files: Stored) -> Survey:
    """Look into the headers of all files."""
    found = np.zeros((len(files.names), 3), np.int64)
    faults: list[Fault] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # faults are told when samples are read
        count = len(files.names)
        for number in each(range(count), f"looking into {files.root.name}", count):
            try:
                found[number] = _header(files, number)
            except UnidentifiedImageError:
                faults.append(Fault(files.names[number], "not an image"))
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                faults.append(Fault(files.names[number], str(error)))
    return Survey(found[:, 0], found[:, 1], found[:, 2], faults)


def _header(files: Stored, number: int) -> tuple[int, int, int]:
    head = files.head(number)
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) > _PNG.size:
        _, chunk, width, height, depth, colours = _PNG.unpack_from(head)
        if chunk == b"IHDR" and width and height:
            flags = (colours not in _GREY) * COLOUR | (depth > 8) * DEEP
            return width, height, flags | (b"acTL" in head.partition(b"IDAT")[0]) * ANIMATED
    found = _of_jpeg(head) if head.startswith(b"\xff\xd8\xff") else None
    if found is not None:
        return found
    try:
        with Image.open(io.BytesIO(head)) as image:  # the first bytes are mostly enough
            if len(head) < HEAD or not isinstance(image, TiffImageFile):
                return *image.size, flags_of(image)
    except (OSError, ValueError, SyntaxError):
        pass
    with files.open(number) as file, Image.open(file) as image:
        return *image.size, flags_of(image)


def _of_jpeg(head: bytes) -> tuple[int, int, int] | None:
    """Width, height and flags of a JPEG whose frame begins within `head`. Pillow would take a tenth
    of the time that reading a small picture takes."""
    place = 2
    while place + 10 <= len(head) and head[place] == 0xFF:
        marker, length = head[place + 1], int.from_bytes(head[place + 2 : place + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, place + 5)
            usual = head[place + 4] == 8 and height and width
            return (width, height, (head[place + 9] > 1) * COLOUR) if usual else None
        if not 0xE0 <= marker <= 0xFE and marker not in (0xC4, 0xDB, 0xDD):
            return None
        place += 2 + length
    return None


def flags_of(image: Image.Image) -> int:
    """The flags of a picture."""
    flags = 0 if is_grey(image) else COLOUR
    if is_deep(image):
        flags |= DEEP
    return flags | ANIMATED if getattr(image, "n_frames", 1) > 1 else flags


def is_grey(image: Image.Image) -> bool:
    """Whether a picture is without colour."""
    return image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I")


def is_deep(image: Image.Image) -> bool:
    """Whether a picture has more than 8 bits a channel."""
    return image.mode == "F" or image.mode.startswith("I") or raw_mode(image) is not None


def raw_mode(image: Image.Image) -> str | None:
    """How the 16 bits of a channel are stored, where Pillow takes the upper 8 of them alone."""
    for tile in getattr(image, "tile", None) or ():
        arguments = tile[3]
        mode = arguments if isinstance(arguments, str) else next(iter(arguments or ()), None)
        if isinstance(mode, str) and _SIXTEEN.fullmatch(mode) and image.format in ("PNG", "TIFF"):
            return mode
    return None
