"""From what the user names, ``mnist``, ``mnist:test`` or a path, to a data set."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Final

from torch import Tensor

from ganzoo.catalogue import cause_of
from ganzoo.data.arrays import is_idx
from ganzoo.data.dataset import Dataset, from_tensor
from ganzoo.entries import DatasetEntry, Entry, ReaderEntry
from ganzoo.errors import GanzooError, unknown
from ganzoo.files import user_path
from ganzoo.plugins import catalogue

_LOOKED_AT: Final = 1000  # files of a folder, to see whose they are


Samples = str | os.PathLike[str] | Tensor | Dataset
"""Data: a name, ``name:split``, a path, a tensor (see `from_tensor`) or a `Dataset`."""


def dataset_of(data: Samples, labels: Tensor | None = None) -> Dataset:
    """The data set that a caller gave. labels: of a tensor's samples. Raises GanzooError."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Tensor):
        return from_tensor(data, labels)
    return find_dataset(source_of(data) or "")


def source_of(data: Samples) -> str | None:
    """How data is named in records, a name or a path; None for a tensor and a `Dataset`, which have
    none. Raises GanzooError for what is none of these."""
    if isinstance(data, str | os.PathLike):
        return os.fspath(data)
    if isinstance(data, Tensor | Dataset):
        return None
    hint = "; torch.from_numpy makes a tensor of an array" if hasattr(data, "__array__") else ""
    raise GanzooError(
        f"data of type {type(data).__name__}: it takes a name, a path, a tensor or a "
        f"ganzoo.Dataset{hint}"
    )


def find_dataset(data: str) -> Dataset:
    """The data set called `data`. Raises GanzooError where there is none or it cannot be read."""
    entries = catalogue().entries(DatasetEntry)
    name, colon, split = data.partition(":")
    if name in entries:
        entry = entries[name]
        if colon and split not in entry.splits:
            raise unknown(f"split of {name}", split, entry.splits)
        return _made(entry, split or entry.splits[0], f"the data set {name!r}")
    path = user_path(data)
    if path.exists():
        return _from_path(path)
    if os.sep in data or path.suffix:
        raise GanzooError(f"--data {data}: there is no such file or folder")
    raise unknown("data set", name, entries, "A path works too.")


def absolute(data: str) -> str:
    """What names the same data from any folder: a path made absolute, a name as it is."""
    if data.partition(":")[0] in catalogue().entries(DatasetEntry):
        return data
    path = user_path(data)
    return str(path.resolve()) if path.exists() else data


def _from_path(path: Path) -> Dataset:
    if not os.access(path, os.R_OK):
        raise GanzooError(f"{path}: cannot be read: permission denied")
    if not path.is_dir() and not path.is_file():
        raise GanzooError(f"{path}: it is neither a file nor a folder")  # a pipe would never end
    if path.is_file() and path.stat().st_size == 0:
        raise GanzooError(f"{path}: the file is empty")
    reader = _of_folder(path) if path.is_dir() else _of_file(path)
    if reader is None:
        known = catalogue().entries(ReaderEntry).values()
        raise GanzooError(
            f"{path}: not a kind of data that is read here. These are: "
            + "; ".join(entry.summary or entry.name for entry in known)
        )
    return _made(reader, path, f"the reader {reader.name!r}")


def _made(entry: Entry, given: object, maker: str) -> Dataset:
    """What a plugin makes of a split or a path. Raises GanzooError that names it for its faults."""
    try:
        made = entry.load()(given)
    except (GanzooError, OSError, MemoryError):
        raise
    except Exception as error:
        raise GanzooError(
            f"{maker} raised {cause_of(error)}; that is a fault of its plugin"
        ) from error
    if not isinstance(made, Dataset):
        raise GanzooError(
            f"{maker} returned {type(made).__name__}, which is no ganzoo.Dataset; that is a fault "
            "of its plugin"
        )
    return made


def _of_file(path: Path) -> ReaderEntry | None:
    """The reader with the longest end that the file's name has; an IDX file may have any name."""
    readers = catalogue().entries(ReaderEntry)
    ends = {end.lower(): reader for reader in readers.values() for end in reader.suffixes}
    fitting = [end for end in ends if path.name.lower().endswith(end)]
    if fitting:
        return ends[max(fitting, key=len)]
    return readers.get("idx") if is_idx(path) else None


def _of_folder(path: Path) -> ReaderEntry | None:
    """The reader that most of the folder's first files are for; without any, that of images."""
    names = (
        name.lower()
        for _, _, files in os.walk(path, followlinks=True)
        for name in sorted(files)
        if not name.startswith(".")  # some systems put them beside
    )
    readers = catalogue().entries(ReaderEntry)
    inside = {
        name: tuple(end.lower() for end in reader.inside)
        for name, reader in readers.items()
        if reader.inside
    }
    counts: Counter[str] = Counter()
    for file in itertools.islice(names, _LOOKED_AT):
        counts.update(name for name, ends in inside.items() if file.endswith(ends))
    return readers.get(counts.most_common(1)[0][0] if counts else "images")
