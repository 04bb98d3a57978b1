"""Folders and zips of image files. Subfolders are classes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.entries import ReaderEntry
from ganzoo.errors import GanzooError
from ganzoo.plugins import catalogue

_LARGEST: Final = 1 << 29  # bytes of one image file; a larger one is a fault or an attack
_LOOKED_AT: Final = 100  # files whose headers are read, to see whether there is colour
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # or encrypted


class ImageFiles:
    """Image files in a folder or a zip, decoded one at a time to uint8 (channels, size, size)."""

    def __init__(self, root: Path, names: list[str], sizes: list[int]) -> None:
        self.root, self.names, self.sizes = root, names, sizes
        self.size, self.channels = 0, 0
        self._zip: tuple[int, zipfile.ZipFile] | None = None

    def at(self, size: int, channels: int) -> ImageFiles:
        """The same files, decoded to another size and number of channels (1 or 3)."""
        files = ImageFiles(self.root, self.names, self.sizes)
        files.size, files.channels = size, channels
        return files

    def native(self) -> tuple[int, int]:
        """Channels and short side: the side of the first image that can be opened, and 3 channels
        where it or one of those that lie evenly apart is in colour."""
        first = next(self._headers(range(len(self))), None)
        if first is None:
            if len(self) == 1:
                raise GanzooError(f"{self.root / self.names[0]}: not an image that can be read")
            raise GanzooError(f"{self.root}: none of its {len(self)} images can be read")
        channels, side = first
        apart = range(0, len(self), -(-len(self) // _LOOKED_AT))
        if channels == 1 and any(other == 3 for other, _ in self._headers(apart)):
            channels = 3
        return channels, side

    def _headers(self, indices: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Channels and short side of those that can be opened; their pixels are not read."""
        for index in indices:
            try:
                with self._open(index) as file, Image.open(file) as image:
                    yield (1 if is_grey(image) else 3), min(image.size)
            except (*_DAMAGED, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                continue

    @property
    def shape(self) -> tuple[int, ...]:
        return self.channels, self.size, self.size

    @property
    def dtype(self) -> torch.dtype:
        return torch.uint8

    @property
    def one_by_one(self) -> bool:
        """Whether several threads would wait for each other: a zip is read through one handle."""
        return not self.root.is_dir()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        try:
            with Image.open(io.BytesIO(self._read(index))) as image:
                return pixels(image, self.size, self.channels)
        except UnidentifiedImageError as error:
            raise ValueError("not an image") from error
        except (SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(str(error)) from error

    def name(self, index: int) -> str:
        return self.names[index]

    def fingerprint(self) -> str:
        lines = (f"{name} {size}\n" for name, size in zip(self.names, self.sizes, strict=True))
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def _read(self, index: int) -> bytes:
        """A file's bytes. Raises OSError or ValueError where it cannot be read."""
        try:
            with self._open(index) as file:
                return file.read()
        except _DAMAGED as error:
            raise ValueError(str(error)) from error

    def _open(self, index: int) -> IO[bytes]:
        if self.sizes[index] > _LARGEST:
            raise ValueError(f"{self.sizes[index]} bytes are too many for one image")
        if self.root.is_dir():
            return (self.root / self.names[index]).open("rb")
        # A worker process must not share the parent's file position: one handle a process.
        if self._zip is None or self._zip[0] != os.getpid():
            self._zip = (os.getpid(), zipfile.ZipFile(self.root))
        return self._zip[1].open(self.names[index])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_zip": None}


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
        return _dataset(path.parent, [path.name], [path.stat().st_size], path.stem)
    names, sizes, seen = [], [], set()
    for folder, subfolders, files in os.walk(path, followlinks=True, onerror=_refuse):
        real = Path(folder).resolve()  # a link may lead to a folder that was walked already
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        for file in sorted(files):
            full = Path(folder, file)
            if full.is_file() or full.is_symlink():  # no pipe, which would never end
                names.append(full.relative_to(path).as_posix())
                sizes.append(full.stat().st_size if full.is_file() else 0)
    return _dataset(path, names, sizes)


def _refuse(error: OSError) -> None:
    raise GanzooError(f"{error.filename}: cannot be read: {error.strerror}")


def image_zip(path: Path) -> Dataset:
    """The images in a zip, read in place; nothing is extracted."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
    except (zipfile.BadZipFile, OSError) as error:
        raise GanzooError(f"{path}: not a readable zip: {error}") from None
    return _dataset(path, [m.filename for m in members], [m.file_size for m in members])


def _dataset(path: Path, names: list[str], sizes: list[int], name: str = "") -> Dataset:
    ends = catalogue().entries(ReaderEntry)["images"].inside
    kept = [
        (name, size)
        for name, size in zip(names, sizes, strict=True)
        if name.lower().endswith(ends) and not _hidden(name)
    ]
    if not kept:
        kinds = ", ".join(suffix[1:] for suffix in ends)
        raise GanzooError(f"{path}: no images in it. Images are files that end in {kinds}.")
    files = ImageFiles(path, [name for name, _ in kept], [size for _, size in kept])
    labels, classes = _classes(files.names)
    channels, size = files.native()
    return Dataset(name or path.stem, files.at(size, channels), labels, classes)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _classes(names: list[str]) -> tuple[Tensor | None, tuple[str, ...]]:
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
