"""Checks of data sets and of readers."""

from __future__ import annotations

import contextlib
import inspect
import socket
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.entries import DatasetEntry, KindEntry, ReaderEntry
from ganzoo.errors import GanzooError, GanzooWarning, WorkFailed, one_line
from ganzoo.kinds import kind_of
from ganzoo.plugins import catalogue
from ganzoo.spec import ImageSizes
from ganzoo.targets import import_object
from ganzoo.testing.check import Fault, NotHere, calling

_LOOKED_AT: Final = 8  # samples that are read one by one


def dataset(entry: DatasetEntry) -> None:
    """Each split is a ganzoo.Dataset whose samples, labels and kind are what it says of them.

    One that has to be downloaded first is left alone.
    """
    load = entry.load()
    for split in entry.splits:
        where = f"{entry.name}:{split}"
        try:
            with _no_network() as refused:
                loaded = load(split)
        except (Exception, SystemExit) as error:
            if isinstance(error, WorkFailed) or refused:
                raise NotHere(f"{where} has to be downloaded first") from error
            if isinstance(error, GanzooError) and not _by_dataset(error):
                raise NotHere(str(error)) from error  # the user can mend it: an extra to install
            came = f"{type(error).__name__}: {one_line(error)}"
            raise Fault(where, "a ganzoo.Dataset", came) from error
        check_dataset(where, loaded)


@contextlib.contextmanager
def _no_network() -> Iterator[list[object]]:
    """Refuse connections to other machines; the list has those that were asked for."""
    refused: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def no_connection(self: socket.socket, address: Any) -> None:
        if self.family == getattr(socket, "AF_UNIX", None):
            return connect(self, address)
        refused.append(address)
        raise OSError("a check downloads nothing")

    def no_address(host: Any, *args: Any, **kwargs: Any) -> Any:
        refused.append(host)
        raise OSError("a check downloads nothing")

    socket.socket.connect = no_connection  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = no_address
    try:
        yield refused
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.getaddrinfo = look_up


def _by_dataset(error: Exception) -> bool:
    """Whether a Dataset refused what it was given."""
    code = Dataset.__post_init__.__code__
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code is code for frame, _ in frames)


def check_dataset(where: str, loaded: object) -> None:
    """Raise Fault where this is not a Dataset, or not what it says of itself."""
    if not isinstance(loaded, Dataset):
        raise Fault(where, "a ganzoo.Dataset", repr(loaded)[:80])
    with calling(f"{where}: its kind"):
        kind_of(loaded.spec)
    if loaded.labels is not None:
        _check_labels(where, loaded, loaded.labels)
    samples = loaded.samples
    if not isinstance(samples, Tensor):
        samples = _read(where, loaded)
    if samples.dtype != torch.uint8 and not samples.is_floating_point():
        raise Fault(where, "samples of uint8 or floating point", str(samples.dtype))
    if not samples.isfinite().all():
        raise Fault(where, "finite values", "NaN or infinity")
    least, most = float(samples.min()), float(samples.max())
    if samples.dtype != torch.uint8 and not (
        (loaded.low is None or least >= loaded.low - 1e-3)
        and (loaded.high is None or most <= loaded.high + 1e-3)
    ):
        expected = f"values in [{loaded.low}, {loaded.high}], as low and high say"
        raise Fault(where, expected, f"{least:.3g} to {most:.3g}")


def _check_labels(where: str, loaded: Dataset, labels: Tensor) -> None:
    if labels.dtype != torch.int64:
        raise Fault(where, "labels of int64", str(labels.dtype))
    if labels.shape != (len(loaded),):
        expected = f"labels of shape ({len(loaded)},)"
        raise Fault(where, expected, str(tuple(labels.shape)))
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= len(loaded.classes):
        expected = f"labels from 0 to {len(loaded.classes) - 1}, the classes' numbers"
        raise Fault(where, expected, f"{least} to {most}")


def _read(where: str, loaded: Dataset) -> Tensor:
    """A few of samples that are read one by one."""
    lazy: Any = loaded.samples
    with calling(f"{where}: its samples"):
        count = min(len(lazy), _LOOKED_AT)
        numbers = sorted({*range(count // 2), *range(len(lazy) - count // 2, len(lazy))} or {0})
        samples = [lazy[number] for number in numbers]
        fingerprints = lazy.fingerprint(), lazy.fingerprint()
        names = [lazy.name(number) for number in numbers]
    for sample in samples:
        if not isinstance(sample, Tensor) or tuple(sample.shape) != loaded.spec.shape:
            came = str(tuple(sample.shape)) if isinstance(sample, Tensor) else repr(sample)[:80]
            raise Fault(f"{where}: its samples", f"tensors of shape {loaded.spec.shape}", came)
    if fingerprints[0] != fingerprints[1] or not all(isinstance(name, str) for name in names):
        raise Fault(f"{where}: its samples", "names, and the same fingerprint twice", "others")
    return torch.stack(samples)


def reader(entry: ReaderEntry) -> None:
    """Of a broken file, and of one that a kind writes with the same suffix, a ganzoo.Dataset is
    made, or ganzoo.GanzooError names it. What is in files that no kind writes cannot be tried."""
    read = entry.load()
    with tempfile.TemporaryDirectory(prefix="ganzoo-check-") as folder:
        for number, (suffix, content) in enumerate((*_broken(entry), *_written(entry))):
            place = Path(folder) / str(number)
            place.mkdir()
            file = place / f"sample{suffix}"
            file.write_bytes(content)
            _try_to_read(entry, read, file, place if suffix in entry.inside else file)


def _try_to_read(entry: ReaderEntry, read: Any, file: Path, path: Path) -> None:
    where = f"{entry.name}: a file {file.name}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)  # it may tell what it guesses
            loaded = read(path, **_extras(entry, read))
    except GanzooError as error:
        if file.name not in str(error) and str(path) not in str(error):
            raise Fault(where, "an error that names the file", one_line(error)) from error
    except (Exception, SystemExit) as error:
        came = f"{type(error).__name__}: {one_line(error)}"
        raise Fault(where, "a Dataset, or ganzoo.GanzooError", came) from error
    else:
        check_dataset(where, loaded)


def _extras(entry: ReaderEntry, read: Any) -> dict[str, Any]:
    """What it is called with besides the path, as the one that finds data does."""
    extras: dict[str, Any] = {}
    if entry.options:
        extras["options"] = import_object(entry.options)()
    if "spec" in inspect.signature(read).parameters:
        extras["spec"] = None
    return extras


def _broken(entry: ReaderEntry) -> Iterator[tuple[str, bytes]]:
    for suffix in (*entry.suffixes, *entry.inside[:1]):
        yield suffix, b"\x00nothing of the kind\xff" * 9


def _written(entry: ReaderEntry) -> Iterator[tuple[str, bytes]]:
    """Files that kinds write and that the reader is for, each with its suffix."""
    for kind_entry in catalogue().entries(KindEntry).values():
        kind = kind_entry.load()
        for suffix in kind.suffixes:
            if suffix in (*entry.suffixes, *entry.inside):
                spec = kind.examples(ImageSizes((8,)))[0]
                rng = torch.Generator().manual_seed(0)
                samples = torch.rand(4, *spec.shape, generator=rng) * 2 - 1
                yield suffix, kind(spec).render(samples, suffix)
