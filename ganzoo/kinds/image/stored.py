"""Image files in a folder or in a zip: what they are called, and their bytes.

There may be millions of them, and every worker process looks at the list. So it lies in a few
arrays: of a list of Python's texts and numbers, each worker would end up with a copy of its own.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol, Self, cast

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import GanzooError

_LARGEST: Final = 1 << 29  # bytes of one image file; a larger one is a fault or an attack
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # or encrypted
_LOCAL: Final = struct.Struct("<4s22xHH")  # a member's own header: signature, lengths that follow
_ENCRYPTED: Final = 1
_UTF8: Final = 0x800
_OF_SYSTEMS: Final = ("thumbs.db", "desktop.ini")
TABLES: Final = (".csv", ".tsv", ".jsonl", ".ndjson", "dataset.json")  # that may hold labels
HEAD: Final = 4096  # bytes of a file that are read to see what is in it
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


class Sieve:
    """Takes files by the ends of their names, and remembers what it left out.

    ends: in small letters. left: how many files of each other end there were. tables: the names of
    those that may hold labels. Hidden files, and those that systems put beside others, are nothing.
    """

    def __init__(self, ends: tuple[str, ...]) -> None:
        self.ends = ends
        self.left: Counter[str] = Counter()
        self.tables: list[str] = []

    def __call__(self, name: str) -> bool:
        lower = name.lower()
        if lower.endswith(self.ends):
            return not _hidden(name)
        base = lower.rpartition("/")[2]
        if base and base not in _OF_SYSTEMS and not _hidden(name):
            _, dot, end = base.rpartition(".")
            self.left[f".{end}" if dot else "no end"] += 1
            if lower.endswith(TABLES):
                self.tables.append(name)
        return False

    def drop(self, folders: Iterable[str]) -> None:
        """Forget the tables in these folders, whose images are not taken."""
        within = tuple(f"{folder}/" for folder in folders)
        for name in [name for name in self.tables if name.startswith(within)]:
            self.tables.remove(name)
            self.left[f".{name.rpartition('.')[2].lower()}"] -= 1


class Stored(Protocol):
    """Files below `root`, with their names there and their sizes in bytes. beside: what else lies
    there."""

    root: Path
    names: Names
    sizes: Numbers
    beside: Sieve

    def open(self, index: int) -> IO[bytes]:
        """A file, to be read. Raises OSError or ValueError where it cannot be."""

    def head(self, index: int) -> bytes:
        """The first bytes of a file, at least `HEAD` of them where it has as many. Raises as `open`
        does."""

    def read(self, name: str) -> bytes:
        """What is in a file beside them. Raises OSError or ValueError."""

    def some(self, index: list[int]) -> Self:
        """Those of these numbers."""

    def version(self) -> str:
        """A SHA-256 that changes when a file does; no file is read for it."""


class FolderFiles:
    """Files of a folder. times: of the last change of each one's content and of its entry, which
    a program that restores the first cannot set, in nanoseconds, (N, 2)."""

    def __init__(
        self,
        root: Path,
        names: list[str],
        sizes: list[int],
        times: list[tuple[int, int]],
        beside: Sieve,
    ) -> None:
        self.root, self.names, self.beside = root, Names(names), beside
        self.sizes: Numbers = np.array(sizes, np.int64)
        self.times: Numbers = np.array(times, np.int64)
        self._folder = os.fspath(root)

    def open(self, index: int) -> IO[bytes]:
        _check_size(int(self.sizes[index]))
        return cast(IO[bytes], io.FileIO(os.path.join(self._folder, self.names[index])))  # noqa: PTH118

    def head(self, index: int) -> bytes:
        with self.open(index) as file:
            return file.read(HEAD)

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def some(self, index: list[int]) -> Self:
        chosen = copy.copy(self)
        chosen.names = Names(self.names[i] for i in index)
        chosen.sizes, chosen.times = self.sizes[index], self.times[index]
        return chosen

    def version(self) -> str:
        return _digest(self.names, self.sizes, self.times)


class ZipFiles:
    """Files of a zip. members: of each one its place, packed size, method, CRC-32 and flags,
    (N, 5). Each is read on its own, so that no process or thread waits for another."""

    def __init__(self, root: Path, named: list[tuple[str, zipfile.ZipInfo]], beside: Sieve) -> None:
        self.root, self.names, self.beside = root, Names(name for name, _ in named), beside
        members = [member for _, member in named]
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

    def head(self, index: int) -> bytes:
        try:
            return self._read(index, HEAD)
        except _DAMAGED as error:
            raise ValueError(str(error)) from error

    def read(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.root) as archive:
                (member,) = [m for m in archive.infolist() if _name(m) == name][-1:]
                _check_size(member.file_size)
                return archive.read(member)
        except _DAMAGED as error:
            raise ValueError(str(error)) from error

    def some(self, index: list[int]) -> Self:
        chosen = copy.copy(self)
        chosen.names = Names(self.names[i] for i in index)
        chosen.sizes, chosen.members = self.sizes[index], self.members[index]
        return chosen

    def version(self) -> str:
        return _digest(self.names, self.sizes, self.members, np.array(self.times, np.int64))

    def _read(self, index: int, most: int | None = None) -> bytes:
        """What is in a member, or the first `most` bytes of it."""
        place, packed, method, crc, flags = map(int, self.members[index])
        if flags & _ENCRYPTED:
            raise ValueError("it is encrypted")
        if method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(self.root) as archive:  # slow: it reads the whole directory
                (member,) = [m for m in archive.infolist() if m.header_offset == place][:1]
                return archive.read(member)
        with self.root.open("rb", buffering=0) as file:
            file.seek(place)
            header = file.read(_LOCAL.size)
            if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
                raise ValueError("it is not where the zip's directory says")
            _, name, extra = _LOCAL.unpack(header)
            file.seek(place + _LOCAL.size + name + extra)
            content = file.read(packed if most is None else min(packed, most))
        size = int(self.sizes[index]) if most is None else min(int(self.sizes[index]), most)
        if method == zipfile.ZIP_DEFLATED:
            content = zlib.decompressobj(-15).decompress(content, size or 1)
        if most is None and (len(content) != size or zlib.crc32(content) != crc):
            raise ValueError("its CRC-32 in the zip is another one")
        return content


def in_folder(path: Path, wanted: Sieve) -> FolderFiles:
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
    return FolderFiles(path, names, sizes, times, wanted)


def in_zip(path: Path, wanted: Sieve) -> ZipFiles:
    """The files in a zip whose names are `wanted`. Raises GanzooError where it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            named = [(_name(member), member) for member in archive.infolist()]
        taken = [pair for pair in named if wanted(pair[0])]
        return ZipFiles(path, sorted(taken, key=lambda pair: pair[0]), wanted)
    except (zipfile.BadZipFile, OSError) as error:
        raise GanzooError(f"{path}: not a readable zip: {error}") from None


def _name(member: zipfile.ZipInfo) -> str:
    """A member's name. Some programs write backslashes, or UTF-8 without saying so."""
    name = member.filename
    if not member.flag_bits & _UTF8 and not name.isascii():
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/").removeprefix("./")


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


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
