"""Decoded samples kept on the disk, so that the next epoch and the next run need not decode them.

A file of the cache has a header and then, for each sample, one record of the same size: its bytes
and a CRC-32. Records are read and written on their own, at their places, by any number of workers
and runs at a time; all write the same bytes. What a killed process or a power cut left of a record
does not fit its CRC, and is decoded anew. The file is not mapped into memory: a full disk would
kill the process there, and here it is an error that can be told.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import struct
import time
import warnings
import weakref
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from ganzoo.data.dataset import Dataset, LazySamples
from ganzoo.errors import GanzooWarning
from ganzoo.files import remove_leftovers, write_bytes
from ganzoo.home import decoded_home

_FORMAT: Final = 1
_HEADER: Final = 4096  # bytes before the first record
_CRC: Final = struct.Struct("<I")
_SUFFIX: Final = ".samples"
_UNUSED: Final = 30 * 24 * 3600.0  # seconds after which a file that no run opened is removed
_WITHOUT: Final = "they are decoded each time. Make room there, or give --set data.cache=no"


@runtime_checkable
class Keepable(LazySamples, Protocol):
    """Lazy samples whose decoding is worth keeping."""

    def origin(self) -> str:
        """What they are read from, such as a path: of each, the newest version alone is kept."""

    def version(self) -> str:
        """A SHA-256 over all that decides what is decoded but shape and dtype: names, sizes, times
        of change, the decoder. Unlike the fingerprint, it may change where the samples do not."""


class Decoded:
    """Samples that are read from a file of the cache where they were decoded before.

    What is wrong with the file is told once, and done without: in the main process by a
    `GanzooWarning`, in a worker in `troubles`, for the one who reads to tell.
    """

    def __init__(self, samples: Keepable, path: Path) -> None:
        """path: of a file that `_header` begins. Raises OSError where it cannot be opened."""
        self.samples, self.path = samples, path
        self.origin = samples.origin()
        self._was_there = Path(self.origin).exists()
        self.troubles: list[str] = []
        self._told: set[str] = set()
        self._size = _bytes_of(samples)
        self._open()

    def _open(self) -> None:
        # Positions are given with each read, so that forked workers can share it.
        file = os.open(self.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        weakref.finalize(self, os.close, file)
        self._file: int | None = file
        self._writing = True

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with contextlib.suppress(OSError):  # removed meanwhile
            self._open()

    @property
    def gone(self) -> bool:
        """Whether what they were read from was there and is not any more."""
        return self._was_there and not Path(self.origin).exists()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.samples.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.samples.dtype

    def __len__(self) -> int:
        return len(self.samples)

    def name(self, index: int) -> str:
        return self.samples.name(index)

    def fingerprint(self) -> str:
        return self.samples.fingerprint()

    def __getitem__(self, index: int) -> Tensor:
        kept, damaged = self._kept(index)
        if kept is not None:
            return kept
        sample = self.samples[index]
        if damaged and self._kept(index)[0] is None:  # and not just being written by another
            self._tell(
                f"{self.path}: kept samples in it are damaged and are decoded anew; where that "
                "comes again, the disk may be failing"
            )
        if (sample.dtype, tuple(sample.shape)) == (self.dtype, self.shape):
            self._keep(index, sample)
        return sample

    def _kept(self, index: int) -> tuple[Tensor | None, bool]:
        """The sample where it is in the file, and whether there is something else in its place."""
        if self._file is None:
            return None, False
        try:
            record = os.pread(self._file, self._size + _CRC.size, self._place(index))
        except OSError as error:
            self._file = None
            self._tell(f"{self.path}: kept samples cannot be read: {error.strerror}; {_WITHOUT}")
            return None, False
        if len(record) < self._size + _CRC.size:
            return None, True
        content = bytearray(record[: self._size])
        (crc,) = _CRC.unpack_from(record, self._size)
        if crc == _crc(index, content):
            return torch.frombuffer(content, dtype=self.dtype).view(self.shape), False
        return None, crc != 0  # which is written last: without it, the record was never finished

    def _keep(self, index: int, sample: Tensor) -> None:
        if self._file is None or not self._writing:
            return
        content = sample.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        record = content + _CRC.pack(_crc(index, content))
        try:
            if os.pwrite(self._file, record, self._place(index)) < len(record):
                raise OSError(0, "no space left")
        except OSError as error:
            self._writing = False
            self._tell(f"{self.path}: samples cannot be kept: {error.strerror}; {_WITHOUT}")

    def _place(self, index: int) -> int:
        return _HEADER + index * (self._size + _CRC.size)

    def _tell(self, trouble: str) -> None:
        if trouble in self._told:
            return
        self._told.add(trouble)
        if get_worker_info() is None:
            warnings.warn(trouble, GanzooWarning, stacklevel=2)
        else:
            self.troubles.append(trouble)


def keep_decoded(dataset: Dataset, cache: Literal["auto", "yes"]) -> tuple[Dataset, list[str]]:
    """The data set, with samples and inputs that are decoded once and then read from the cache
    where that is possible; and lines that say what was decided.

    cache: yes: also where the file would take more than half of the free disk space. What is wrong
    with the cache is a `GanzooWarning`: the samples are then as they were.
    """
    samples, notes = _keep(dataset.samples, dataset.name, cache)
    inputs = dataset.inputs
    if inputs is not None:
        inputs, more = _keep(inputs, f"{dataset.name} (inputs)", cache)
        notes += more
    return replace(dataset, samples=samples, inputs=inputs), notes


def _keep(
    samples: Tensor | LazySamples, name: str, cache: str
) -> tuple[Tensor | LazySamples, list[str]]:
    if not isinstance(samples, Keepable) or not hasattr(os, "pread"):
        return samples, []
    folder, header, notes = decoded_home(), _header(samples), []
    path = folder / _file_name(samples, name, header)
    size = _HEADER + len(samples) * (_bytes_of(samples) + _CRC.size)
    try:
        if not _sound(path, header, size):
            folder.mkdir(parents=True, exist_ok=True)
            _prune(path)
            free = shutil.disk_usage(folder).free
            if cache == "auto" and size > free // 2:
                return samples, [
                    f"Decoded samples of {name} are not kept: they would take {_in_words(size)}, "
                    f"and {_in_words(free)} are free in {folder} (--set data.cache=yes keeps them)"
                ]
            write_bytes(path, header, size)
            notes = [f"Decoded samples of {name} are kept in {path}, up to {_in_words(size)}"]
        os.utime(path)  # when it was last used
        return Decoded(samples, path), notes
    except OSError as error:
        _warn(f"decoded samples cannot be kept in {folder}: {error.strerror or error}; {_WITHOUT}")
        return samples, []


def _sound(path: Path, header: bytes, size: int) -> bool:
    """Whether the file is there, and is what it should be; a damaged one is told."""
    try:
        with path.open("rb") as file:
            begin = file.read(_HEADER)
        if begin == header and path.stat().st_size == size:
            return True
    except FileNotFoundError:
        return False
    _warn(f"{path} is damaged: it is made again, and its samples are decoded again")
    return False


def _header(samples: Keepable) -> bytes:
    """What the file is, as JSON and spaces."""
    values = {
        "format": _FORMAT,
        "version": samples.version(),
        "samples": len(samples),
        "shape": list(samples.shape),
        "dtype": str(samples.dtype),
    }
    return json.dumps(values).encode().ljust(_HEADER - 1) + b"\n"


def _file_name(samples: Keepable, name: str, header: bytes) -> str:
    """The data's name for a reader, where it lies, its version, and all of the header."""
    hashed = [
        hashlib.sha256(part).hexdigest()
        for part in (os.fsencode(samples.origin()), samples.version().encode(), header)
    ]
    shown = re.sub(r"[^\w.]+", "_", name, flags=re.ASCII)[:50]
    return "-".join([shown, *(part[:12] for part in hashed)]) + _SUFFIX


def _prune(path: Path) -> None:
    """Remove the files of former versions of the data that `path` is to be of, and those that were
    not used for long. A run that reads one can go on doing so."""
    *_, origin, version, _ = path.name.split("-")
    for other in path.parent.glob(f"*{_SUFFIX}"):
        parts = other.name.split("-")[-3:-1]
        former = parts[:1] == [origin] and parts != [origin, version]
        with contextlib.suppress(OSError):
            if former or time.time() - other.stat().st_mtime > _UNUSED:
                other.unlink()
    remove_leftovers(path.parent, seconds=3600)


def _warn(text: str) -> None:
    warnings.warn(text, GanzooWarning, stacklevel=6)


def _crc(index: int, content: bytes | bytearray) -> int:
    """Of a sample and its number; never 0, which stands where nothing was written."""
    return zlib.crc32(content, index & 0xFFFFFFFF) or 1


def _bytes_of(samples: LazySamples) -> int:
    return samples.dtype.itemsize * math.prod(samples.shape)


def _in_words(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.1f} MiB"
