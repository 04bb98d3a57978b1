"""From what the user names, ``mnist``, ``mnist:test``, a path or ``path:test``, to a data set."""

from __future__ import annotations

import gzip
import inspect
import itertools
import os
import warnings
import zlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.catalogue import cause_of
from ganzoo.data.dataset import Dataset
from ganzoo.entries import DatasetEntry, ReaderEntry
from ganzoo.entry import Entry
from ganzoo.errors import GanzooError, GanzooWarning, plain, unknown
from ganzoo.files import user_path
from ganzoo.options import make
from ganzoo.plugins import catalogue
from ganzoo.sources.columns import MapStyle
from ganzoo.sources.given import from_tensor, tensor_of
from ganzoo.sources.hub import is_on_hub, load_from_hub
from ganzoo.sources.labels import latin, readable
from ganzoo.sources.mapstyle import check_map_style, from_dataset
from ganzoo.sources.options import Data, check_others, options_of
from ganzoo.spec import SampleSpec

Samples = str | os.PathLike[str] | Tensor | NDArray[Any] | Dataset | MapStyle
"""Data: a name, a path or ``hf://datasets/OWNER/NAME``, each also with ``:split``, a tensor or an
array of NumPy (see `from_tensor`), a `Dataset`, or a map-style data set of torch or of Hugging Face
(see `from_dataset`)."""

_LOOKED_AT: Final = 1000  # files of a folder, to see whose they are
_HEAD: Final = 64  # bytes of a file, to see whose it is


def dataset_of(
    data: Samples,
    labels: Tensor | None = None,
    options: Data | None = None,
    spec: SampleSpec | None = None,
    inputs: bool = False,
) -> Dataset:
    """The data set that a caller gave. labels: of a tensor's samples, see `class_labels`. options:
    how it is read and in what form. spec, inputs: as in `find_dataset`. Raises GanzooError."""
    source = source_of(data)
    options = options or Data()
    if isinstance(data, np.ndarray):
        data = tensor_of(data)
    if labels is not None and not isinstance(data, Tensor):
        raise GanzooError(
            "labels= go with a tensor or an array as data, not with "
            f"{source or type(data).__name__}, which has its own"
        )
    if source is not None:
        return find_dataset(options.model_copy(update={"source": source}), spec, inputs)
    if isinstance(data, Tensor):
        dataset = from_tensor(data, labels, data=options)
    elif isinstance(data, Dataset):
        dataset = data
    else:
        assert isinstance(data, MapStyle)
        dataset = from_dataset(data, data=options)
    check_others(options, dataset.kind, None)
    return dataset


def source_of(data: Samples) -> str | None:
    """How data is named in records, a name or a path; None for data in memory, which has no name.
    Raises GanzooError for anything but data."""
    if isinstance(data, str | os.PathLike):
        return os.fspath(data)
    if not isinstance(data, Tensor | Dataset | np.ndarray):
        check_map_style(data)
    return None


def find_dataset(data: str | Data, spec: SampleSpec | None = None, inputs: bool = False) -> Dataset:
    """The data set of a name, ``name:split``, a path or ``path:split``.

    data: `Data` may name a reader and its options. spec: of an existing model that the data is
    for, so that a reader uses the model's alphabet or columns. inputs: whether a generator works
    from inputs of the data; that of a spec which has inputs does. Raises GanzooError where there is
    no such data, where it cannot be read, or where it has no such option.
    """
    options = data if isinstance(data, Data) else Data.model_construct(source=data)
    source = options.source or ""
    entries = catalogue().entries(DatasetEntry)
    if is_on_hub(source):
        dataset = load_from_hub(source, options)
        check_others(options, dataset.kind, None)
        return dataset
    if options.subset is not None:
        raise GanzooError(f"data.subset={options.subset}: {source} is not on the Hub (hf://)")
    name, colon, split = source.partition(":")
    if name in entries:
        entry = entries[name]
        if options.reader is not None:
            raise GanzooError(f"data.reader={options.reader}: {name} is not a file for it to read")
        if colon and split not in entry.splits:
            raise unknown(f"split of {name}", split, entry.splits)
        if user_path(source).exists():
            _tell(f"{source}: the data set of this name is taken; ./{source} is what lies here")
        dataset = _load(entry, f"the data set {name!r}", split or entry.splits[0])
        check_others(options, dataset.kind, None)
        return dataset
    path, part = _split(source)
    if path.exists():
        inputs = inputs or (spec is not None and spec.inputs is not None)
        return _from_path(path, part, options, {"spec": spec, "inputs": inputs})
    if os.sep in source or path.suffix:
        raise GanzooError(f"{source}: there is no such file or folder")
    raise unknown("data set", name, entries, "A path works too.")


def absolute(data: str) -> str:
    """What names the same data from any folder: a path made absolute, a name as it is."""
    if is_on_hub(data) or data.partition(":")[0] in catalogue().entries(DatasetEntry):
        return data
    path, part = _split(data)
    if not path.exists():
        return data
    whole = str(path.resolve())
    if not readable(whole):
        raise GanzooError(
            f"{plain(latin(whole))}: the path has a name that is not UTF-8, and a run cannot keep "
            "it; rename it"
        )
    return f"{whole}:{part}" if part else whole


def is_there(source: str) -> bool:
    """Whether there is something at the path, or ``path:split``, that names data."""
    return _split(source)[0].exists()


def _split(source: str) -> tuple[Path, str]:
    """The path and the split of ``path:split``. A path that is there may have a colon itself."""
    path = user_path(source)
    before, _, part = source.rpartition(":")
    if path.exists() or not before or os.sep in part or not user_path(before).exists():
        return path, ""
    return user_path(before), part


def _from_path(path: Path, part: str, options: Data, known: dict[str, Any]) -> Dataset:
    if not os.access(path, os.R_OK):
        raise GanzooError(f"{path}: cannot be read: permission denied")
    if not path.is_dir() and not path.is_file():
        raise GanzooError(f"{path}: it is neither a file nor a folder")  # a pipe would never end
    if path.is_file() and path.stat().st_size == 0:
        raise GanzooError(f"{path}: the file is empty")
    reader = _reader(path, options.reader)
    extras = _extras(reader, options, known)
    if part and "split" not in _parameters(reader):
        raise GanzooError(f"{path}:{part}: what the reader {reader.name} reads has no splits")
    if part:
        extras["split"] = part
    dataset = _load(reader, f"the reader {reader.name!r}", path, **extras)
    check_others(options, dataset.kind, reader)
    return dataset


def _reader(path: Path, asked: str | None) -> ReaderEntry:
    """The reader that was asked for, or the one that a file or a folder is for."""
    if asked is not None:
        return catalogue().find(ReaderEntry, asked, "It stands in data.reader.")
    reader = _of_folder(path) if path.is_dir() else _of_file(path)
    if reader is None:
        known = catalogue().entries(ReaderEntry).values()
        raise GanzooError(
            f"{path}: not a kind of data that is read here. These are: "
            + "; ".join(entry.summary or entry.name for entry in known)
        )
    return reader


def _extras(reader: ReaderEntry, data: Data, known: dict[str, Any]) -> dict[str, Any]:
    """What a reader is called with besides the path. known: what it may ask for by name."""
    extras: dict[str, Any] = {}
    if reader.options:
        model = options_of(reader)
        own = {key: value for key, value in data.others.items() if key in model.model_fields}
        extras["options"] = make(model, own, f"the reader {reader.name}", "data.")
    offered = {**known, "data": data}
    return extras | {key: offered[key] for key in _parameters(reader) if key in offered}


def _parameters(reader: ReaderEntry) -> Collection[str]:
    try:
        return inspect.signature(reader.load()).parameters
    except (TypeError, ValueError):  # something built in, or no function at all
        return ()


def _tell(text: str) -> None:
    warnings.warn(text, GanzooWarning, stacklevel=3)


def _load(entry: Entry, maker: str, source: str | Path, **extras: Any) -> Dataset:
    """The data set that a plugin makes of a split or a path. Raises GanzooError that names the
    plugin for its faults, or the file that cannot be read."""
    try:
        dataset = entry.load()(source, **extras)
    except (GanzooError, GanzooWarning, MemoryError):
        raise
    except OSError as error:
        if error.filename is None and isinstance(source, Path):
            raise GanzooError(f"{source}: cannot be read: {error.strerror or error}") from error
        raise
    except Exception as error:
        raise GanzooError(
            f"{maker} raised {cause_of(error)}; this is a bug in its plugin"
        ) from error
    if not isinstance(dataset, Dataset):
        raise GanzooError(
            f"{maker} returned {type(dataset).__name__}, which is not a ganzoo.Dataset; this is a "
            "bug in its plugin"
        )
    return dataset


def _of_file(path: Path) -> ReaderEntry | None:
    """The reader with the longest end that the file's name has, else by how the file begins."""
    readers = catalogue().in_order(ReaderEntry)
    name, chosen, length = path.name.lower(), None, 0
    for reader in readers:
        fitting = [len(end) for end in reader.suffixes if name.endswith(end.lower())]
        if max(fitting, default=0) > length:
            chosen, length = reader, max(fitting)
    if chosen is not None:
        return chosen
    head = _beginning(path)
    return next((r for r in readers if any(head.startswith(begin) for begin in r.begins)), None)


def _beginning(path: Path) -> bytes:
    """The first bytes of a file, unpacked where it is gzipped."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path, "rb") as packed:
                head = packed.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        return b""
    return head


def _of_folder(path: Path) -> ReaderEntry | None:
    """The reader that most of the folder's first files are for, the first one's plugin winning a
    tie; without any such file, the first reader of folders, which says what it misses."""
    names = (
        name.lower()
        for _, _, files in os.walk(path, followlinks=True)
        for name in sorted(files)
        if not name.startswith(".")  # some systems put them beside
    )
    readers = [reader for reader in catalogue().in_order(ReaderEntry) if reader.inside]
    ends = {reader.name: tuple(end.lower() for end in reader.inside) for reader in readers}
    counts: Counter[str] = Counter()
    for file in itertools.islice(names, _LOOKED_AT):
        counts.update(name for name in ends if file.endswith(ends[name]))
    return max(readers, key=lambda reader: counts[reader.name], default=None)
