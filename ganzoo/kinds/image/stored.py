"""Image files in a folder or in a zip: what they are called, and their bytes.

There may be millions of them, and every worker process looks at the list. So it lies in a few
arrays: of a list of Python's texts and numbers, each worker would end up with a copy of its own.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import GanzooError

_LARGEST: Final = 1 << 29  # bytes of one image file; a larger one is a fault or an attack
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # or encrypted
_LOCAL: Final = struct.Struct("<4s22xHH")  # a member's own header: signature, lengths that follow
_ENCRYPTED: Final = 1
_MOST: Final = (1 << 63) - 1

Numbers = NDArray[np.int64]


class Names:
    """Texts, one after the other."""

    def __init__(self, names: Iterable[str]) -> None:
        texts = [name.encode("utf-8", "surrogateescape") for name in names]
        self.text = b"".join(texts)
        self.ends: Numbers = np.cumsum([0, *map(len, texts)])

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, index: int) -> str:
        return self.text[self.ends[index] : self.ends[index + 1]].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))


class Stored(Protocol):
    """Files below `root`, with their names there and their sizes in bytes."""

    root: Path
    names: Names
    sizes: Numbers

    def open(self, index: int) -> IO[bytes]:
        """A file, to be read. Raises OSError or ValueError where it cannot be."""

    def version(self) -> str:
        """A SHA-256 that changes when a file does; no file is read for it."""


class FolderFiles:
    """Files of a folder. times: of the last change of each one's content and of its entry, which
    a program that restores the first cannot set, in nanoseconds, (N, 2)."""

    def __init__(
        self, root: Path, names: list[str], sizes: list[int], times: list[tuple[int, int]]
    ) -> None:
        self.root, self.names = root, Names(names)
        self.sizes: Numbers = np.array(sizes, np.int64)
        self.times: Numbers = np.array(times, np.int64)

    def open(self, index: int) -> IO[bytes]:
        _check_size(int(self.sizes[index]))
        return (self.root / self.names[index]).open("rb")

    def version(self) -> str:
        return _digest(self.names, self.sizes, self.times)


class ZipFiles:
    """Files of a zip. members: of each one its place, packed size, method, CRC-32 and flags,
    (N, 5). Each is read on its own, so that no process or thread waits for another."""

    def __init__(self, root: Path, members: list[zipfile.ZipInfo]) -> None:
        self.root, self.names = root, Names(member.filename for member in members)
        self.sizes = _numbers([m.file_size] for m in members)[:, 0]
        self.members = _numbers(
            [m.header_offset, m.compress_size, m.compress_type, m.CRC, m.flag_bits] for m in members
        )
        self.times = times_of(root.stat())

    def open(self, index: int) -> IO[bytes]:
        _check_size(int(max(self.sizes[index], self.members[index, 1])))
        try:
            return io.BytesIO(self._read(index))
        except _DAMAGED as error:
            raise ValueError(str(error)) from error

    def version(self) -> str:
        return _digest(self.names, self.sizes, self.members, np.array(self.times, np.int64))

    def _read(self, index: int) -> bytes:
        place, packed, method, crc, flags = map(int, self.members[index])
        if flags & _ENCRYPTED:
            raise ValueError("it is encrypted")
        if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(self.root) as archive:  # slow: it reads the whole directory
                return archive.read(self.names[index])
        with self.root.open("rb", buffering=0) as file:
            file.seek(place)
            header = file.read(_LOCAL.size)
            if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
                raise ValueError("it is not where the zip's directory says")
            _, name, extra = _LOCAL.unpack(header)
            file.seek(place + _LOCAL.size + name + extra)
            content = file.read(packed)
        if method == zipfile.ZIP_DEFLATED:
            content = zlib.decompressobj(-15).decompress(content, int(self.sizes[index]) or 1)
        if len(content) != self.sizes[index] or zlib.crc32(content) != crc:
            raise ValueError("its CRC-32 in the zip is another one")
        return content


def in_folder(path: Path, wanted: Callable[[str], bool]) -> FolderFiles:
    """The files of a folder and its subfolders whose names are `wanted`, also those that links lead
    to; no pipes, which would never end. Raises GanzooError where a folder cannot be read."""
    names, sizes, times, seen = [], [], [], set()
    for folder, subfolders, files in os.walk(path, followlinks=True, onerror=_refuse):
        real = os.path.realpath(folder)  # a link may lead to a folder that was walked already
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders.sort()
        within = Path(folder).relative_to(path).as_posix()
        for file in sorted(files):
            name = file if within == "." else f"{within}/{file}"
            found = _stat(f"{folder}{os.sep}{file}") if wanted(name) else None
            if found is not None:
                names.append(name)
                sizes.append(found.st_size if stat.S_ISREG(found.st_mode) else 0)
                times.append(times_of(found))
    return FolderFiles(path, names, sizes, times)


def in_zip(path: Path, wanted: Callable[[str], bool]) -> ZipFiles:
    """The files in a zip whose names are `wanted`. Raises GanzooError where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if wanted(member.filename)]
        return ZipFiles(path, sorted(members, key=lambda member: member.filename))
    except (zipfile.BadZipFile, OSError) as error:
        raise GanzooError(f"{path}: not a readable zip: {error}") from None


def times_of(found: os.stat_result) -> tuple[int, int]:
    """When a file's content was last changed, and its entry: copying programs restore the first
    alone."""
    return found.st_mtime_ns, found.st_ctime_ns


def _stat(path: str) -> os.stat_result | None:
    """Of a file, or of a link that leads nowhere; None for anything else."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path for each of a million takes seconds
    except OSError:
        found = os.lstat(path)
        return found if stat.S_ISLNK(found.st_mode) else None
    return found if stat.S_ISREG(found.st_mode) else None


def _refuse(error: OSError) -> None:
    raise GanzooError(f"{error.filename}: cannot be read: {error.strerror}")


def _check_size(size: int) -> None:
    if size > _LARGEST:
        raise ValueError(f"{size} bytes are too many for one image")


def _numbers(rows: Iterable[Iterable[int]]) -> Numbers:
    """A zip may say any number of 64 bits without a sign."""
    return np.array([[min(number, _MOST) for number in row] for row in rows], np.int64)


def _digest(names: Names, *arrays: Numbers) -> str:
    digest = hashlib.sha256(names.text)
    for array in (names.ends, *arrays):
        digest.update(array.tobytes())
    return digest.hexdigest()
