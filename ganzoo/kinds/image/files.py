"""Folders and zips of image files. Subfolders are classes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import PIL
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.entries import ReaderEntry
from ganzoo.errors import GanzooError
from ganzoo.kinds.image.stored import FolderFiles, Stored, in_folder, in_zip, times_of
from ganzoo.plugins import catalogue

_DECODING: Final = 1  # counted up when `pixels` gives other pixels of the same file
_LOOKED_AT: Final = 100  # files whose headers are read, to see whether there is colour


class ImageFiles:
    """Image files, decoded one at a time to uint8 (channels, size, size)."""

    def __init__(self, files: Stored, size: int = 0, channels: int = 0) -> None:
        self.files, self.size, self.channels = files, size, channels

    def at(self, size: int, channels: int) -> ImageFiles:
        """The same files, decoded to another size and number of channels (1 or 3)."""
        return ImageFiles(self.files, size, channels)

    def native(self) -> tuple[int, int]:
        """Channels and short side: the side of the first image that can be opened, and 3 channels
        where it or one of those that lie evenly apart is in colour."""
        first = next(self._headers(range(len(self))), None)
        if first is None:
            if len(self) == 1:
                raise GanzooError(
                    f"{self.files.root / self.name(0)}: not an image that can be read"
                )
            raise GanzooError(f"{self.files.root}: none of its {len(self)} images can be read")
        channels, side = first
        apart = range(0, len(self), -(-len(self) // _LOOKED_AT))
        if channels == 1 and any(other == 3 for other, _ in self._headers(apart)):
            channels = 3
        return channels, side

    def _headers(self, indices: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Channels and short side of those that can be opened; their pixels are not read."""
        for index in indices:
            try:
                with self.files.open(index) as file, Image.open(file) as image:
                    yield (1 if is_grey(image) else 3), min(image.size)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                continue

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels, self.size, self.size

    @property
    def dtype(self) -> torch.dtype:
        return torch.uint8

    def __len__(self) -> int:
        return len(self.files.names)

    def __getitem__(self, index: int) -> Tensor:
        try:
            # Read whole before it is decoded: what is wrong with the file is told as such.
            with self.files.open(index) as file:
                content = file.read()
            with Image.open(io.BytesIO(content)) as image:
                return pixels(image, self.size, self.channels)
        except UnidentifiedImageError as error:
            raise ValueError("not an image") from error
        except (SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(str(error)) from error

    def name(self, index: int) -> str:
        return self.files.names[index]

    def fingerprint(self) -> str:
        """Of names and sizes, so that a copy of the files has the same."""
        digest = hashlib.sha256()
        for name, size in zip(self.files.names, self.files.sizes.tolist(), strict=True):
            digest.update(f"{name} {size}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def origin(self) -> str:
        """The folder or the zip."""
        return str(self.files.root.resolve())

    def version(self) -> str:
        """SHA-256 over the state of the files and what decodes them."""
        decoder = f"{self.files.version()} {PIL.__version__} {_DECODING}"
        return hashlib.sha256(decoder.encode()).hexdigest()


def is_grey(image: Image.Image) -> bool:
    """Whether a picture is without colour."""
    return image.mode in ("1", "L", "LA") or image.mode.startswith("I")


def pixels(image: Image.Image, size: int, channels: int) -> Tensor:
    """The middle square of a picture, turned upright, as uint8 (channels, size, size).

    Raises ValueError for pixels whose range is not known.
    """
    image.draft("RGB" if channels == 3 else "L", (size, size))
    _turn_upright(image)
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    image = image.crop((left, top, left + side, top + side))
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is not known")
    if image.mode.startswith("I"):  # 16-bit grey, which PIL's convert would clip
        deep = np.asarray(image).astype(np.float32) / 256
        image = Image.fromarray(deep.clip(0, 255).astype(np.uint8))
    elif image.has_transparency_data:
        image = _over_white(image)
    picture = image.convert("RGB" if channels == 3 else "L")
    if side != size:
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(picture).reshape(size, size, channels)
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def _turn_upright(image: Image.Image) -> None:
    """Turn a photograph as its camera says; one whose EXIF data are damaged stays as it is."""
    image.load()  # what is wrong with its pixels is told
    with contextlib.suppress(SyntaxError, ValueError, LookupError, TypeError, struct.error):
        ImageOps.exif_transpose(image, in_place=True)


def _over_white(image: Image.Image) -> Image.Image:
    """What is seen on white paper: beneath transparent pixels any colour may be hidden."""
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)


def images(path: Path) -> Dataset:
    """One picture; or those in a folder and its subfolders, each of the first level a class."""
    if path.is_file():
        found = path.stat()
        files = FolderFiles(path.parent, [path.name], [found.st_size], [times_of(found)])
        return _dataset(path, files)
    return _dataset(path, in_folder(path, _wanted()))


def image_zip(path: Path) -> Dataset:
    """The images in a zip, read in place; nothing is extracted."""
    return _dataset(path, in_zip(path, _wanted()))


def _wanted() -> Callable[[str], bool]:
    """Whether a file's name is that of an image."""
    ends = _ends()
    return lambda name: name.lower().endswith(ends) and not _hidden(name)


def _ends() -> tuple[str, ...]:
    return catalogue().entries(ReaderEntry)["images"].inside


def _dataset(path: Path, stored: Stored) -> Dataset:
    if not len(stored.names):
        kinds = ", ".join(suffix[1:] for suffix in _ends())
        raise GanzooError(f"{path}: no images in it. Images are files that end in {kinds}.")
    files = ImageFiles(stored)
    labels, classes = _classes(stored.names)
    channels, size = files.native()
    return Dataset(path.stem, files.at(size, channels), labels, classes)


def _hidden(name: str) -> bool:
    # A name may begin with "./", which hides nothing.
    return any(part.startswith((".", "__MACOSX")) and part != "." for part in name.split("/"))


def _classes(names: Iterable[str]) -> tuple[Tensor | None, tuple[str, ...]]:
    """Labels from the first folder in which the paths differ; none where files lie beside it."""
    parts = [PurePosixPath(name).parts for name in names]
    common = 0
    while all(len(p) > common + 1 for p in parts) and len({p[common] for p in parts}) == 1:
        common += 1
    if any(len(p) <= common + 1 for p in parts):
        return None, ()
    classes = sorted({p[common] for p in parts})
    number = {name: index for index, name in enumerate(classes)}
    return torch.tensor([number[p[common]] for p in parts]), tuple(classes)
