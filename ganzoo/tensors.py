"""Tensors to and from safetensors files."""

from __future__ import annotations

import contextlib
import errno
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, contiguous_format

from ganzoo.errors import GanzooError
from ganzoo.files import umask
from ganzoo.links import open_file

_DTYPES: Final = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}

_POINTER: Final = b"version https://git-lfs"


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: what its header says, and where its bytes begin and end."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Weights:
    """A network's weights where they lie, read no further than their header.

    where: names them in messages. header: each tensor's type and shape. fill: copies them into
    tensors of the same names and shapes.
    """

    where: str
    header: Mapping[str, Tensor | Stored]
    fill: Callable[[Mapping[str, Tensor]], None]

    @classmethod
    def of_file(cls, path: Path, check: Callable[[], None] | None = None) -> Weights:
        """Those in a safetensors file. Raises GanzooError where it is missing or damaged.

        check: what is to be done before they are read; it raises where they are not to be.
        """
        header = read_header(path)

        def fill(own: Mapping[str, Tensor]) -> None:
            if check is not None:
                check()
            fill_tensors(own, path, header)

        return cls(str(path), header, fill)

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, Tensor], where: str) -> Weights:
        """Those that are in memory already."""

        @torch.no_grad()
        def fill(own: Mapping[str, Tensor]) -> None:
            for name, tensor in own.items():
                tensor.copy_(tensors[name])

        return cls(where, tensors, fill)

    def tensors(self, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """All of them, or those of `names`, in memory of their own."""
        own = {
            name: torch.empty(tuple(self.header[name].shape), dtype=self.header[name].dtype)
            for name in (self.header if names is None else dict.fromkeys(names))
        }
        self.fill(own)
        return own


def select(tensors: Mapping[str, Tensor], owner: str) -> dict[str, Tensor]:
    """The tensors of one owner, without its name before theirs."""
    prefix = f"{owner}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors: copied to the CPU, contiguous, none sharing memory.

    Raises OSError where the disk is full or the file cannot be written.
    """
    copies = {
        name: tensor.detach().to("cpu", copy=True, memory_format=contiguous_format)
        for name, tensor in tensors.items()
    }
    try:
        save_file(copies, path, metadata={"format": "pt"})
    except SafetensorError as error:
        # The library's error tells the system's number in its text alone.
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error), str(path)) from error
    with contextlib.suppress(OSError):  # some file systems have no such bits
        path.chmod(0o666 & ~umask())  # the library's file is for its owner alone


def read_header(path: Path) -> dict[str, Stored]:
    """What a safetensors file holds, without its values.

    Raises GanzooError that names the file where it is missing, damaged, or of another format.
    """
    try:
        with open_file(path) as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise GanzooError(f"{path} is a pointer of git-lfs, not the file: git lfs pull")
        with safe_open(path, framework="pt"):
            pass  # the library checks that the header fits the file
        with open_file(path) as file:
            length = int.from_bytes(file.read(8), "little")
            entries = json.loads(file.read(length))
        entries.pop("__metadata__", None)
        return {
            name: Stored(
                _DTYPES[entry["dtype"]],
                tuple(entry["shape"]),
                *(8 + length + offset for offset in entry["data_offsets"]),
            )
            for name, entry in entries.items()
        }
    except KeyError as error:
        raise GanzooError(f"{path}: tensors of type {error} are not read here") from None
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error.strerror}") from None
    except RuntimeError as error:  # of the library's own opening: it was removed just now
        raise GanzooError(f"{path}: cannot be read: {error}") from None
    except (SafetensorError, TypeError, ValueError) as error:
        raise GanzooError(
            f"{path}: cannot be read as safetensors: {error}. Fetch or copy it again."
        ) from None


def load_tensors(path: Path, header: dict[str, Stored] | None = None) -> dict[str, Tensor]:
    """Read a safetensors file. Raises GanzooError that names it where it is missing or damaged."""
    header = read_header(path) if header is None else header
    tensors = {
        name: torch.empty(stored.shape, dtype=stored.dtype) for name, stored in header.items()
    }
    fill_tensors(tensors, path, header)
    return tensors


@torch.no_grad()
def fill_tensors(tensors: Mapping[str, Tensor], path: Path, header: dict[str, Stored]) -> None:
    """Read tensors of a safetensors file into those of the same names and shapes, straight into
    their memory.

    One of another type, or that is not contiguous, is copied into. The file is not mapped, as the
    library does it: a process that maps a file dies when somebody shortens it. Raises GanzooError
    that names the file where it is damaged.
    """
    try:
        with open_file(path) as file:
            for name, tensor in sorted(tensors.items(), key=lambda item: header[item[0]].begin):
                stored = header[name]
                direct = tensor.dtype == stored.dtype and tensor.is_contiguous()
                target = tensor if direct else torch.empty(stored.shape, dtype=stored.dtype)
                if target.nbytes != stored.end - stored.begin:
                    raise GanzooError(f"{path}: {name}: its size is not that of its shape")
                _fill(target, file, stored.begin)
                if not direct:
                    tensor.copy_(target)
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error}") from None


def _fill(tensor: Tensor, file: BinaryIO, begin: int) -> None:
    """Read a contiguous tensor's bytes. Raises OSError where the file ends before."""
    if not tensor.nbytes:
        return
    file.seek(begin)
    left = tensor.detach().reshape(-1).view(torch.uint8).numpy().data
    while left:
        count = file.readinto(left)  # type: ignore[attr-defined]
        if not count:
            raise OSError("the file ends too early")
        left = left[count:]
