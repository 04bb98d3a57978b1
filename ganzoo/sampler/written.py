"""Samples as files: one for all of them, or one each in a folder of their own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, cannot_write
from ganzoo.files import fill_folder, user_path, write_bytes, write_new
from ganzoo.kinds import NUMBERS, Kind
from ganzoo.kinds.pictures import still
from ganzoo.progress import each


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a user means a folder: it is there, or the path ends as a folder's."""
    ends = ("/", os.sep, os.altsep or "/")
    return os.fspath(path).endswith(ends) or user_path(path).is_dir()


def check_folder(path: Path) -> None:
    """Raise GanzooError where files cannot go to a folder of their own. Nothing is made."""
    if not path.is_dir():
        if os.path.lexists(path):
            raise GanzooError(f"{path} is not a folder; name another one for files of their own")
        check_parent(path)
        return
    with os.scandir(path) as entries:
        found = next(entries, None)
    if found is not None:
        raise GanzooError(
            f"{path} is not empty: {found.name} is in it. Files go to a folder of their own; name "
            "one that is new or empty"
        )
    if not os.access(path, os.W_OK):
        raise GanzooError(f"{path}: cannot be written: no permission for it")


def check_parent(file: Path) -> None:
    """Raise GanzooError where nothing can be written beside `file`."""
    if not file.parent.is_dir():
        raise GanzooError(f"{file}: there is no folder {file.parent}")
    if not os.access(file.parent, os.W_OK):
        raise GanzooError(f"{file}: cannot be written: no permission for {file.parent}")


def endings(kind: Kind) -> list[str]:
    """The ends of names of files that samples of a kind are written to, the usual one first."""
    return list(dict.fromkeys([*kind.suffixes, *NUMBERS]))


def as_suffix(kind: Kind, text: str) -> str:
    """The end of a file's name that a user gave, with or without its dot, in small letters. Raises
    GanzooError for one that the kind does not write."""
    suffix = f".{text.lower().removeprefix('.')}"
    if suffix not in endings(kind):
        raise GanzooError(
            f"format {text!r}: {kind.spec.kind} samples are written as {', '.join(endings(kind))}"
        )
    return suffix


def check_shown(kind: Kind, suffix: str, columns: int | None, scale: int) -> None:
    """Raise GanzooError where columns and a scale mean nothing, or are out of range."""
    for name, value in (("columns", columns), ("scale", scale)):
        if value is not None and value < 1:
            raise GanzooError(f"{name} {value}: it takes at least 1")
    asked = [*(["columns"] if columns is not None else []), *(["scale"] if scale != 1 else [])]
    if asked and suffix in NUMBERS:
        raise GanzooError(f"{asked[0]}: a {suffix} holds numbers; write a picture")
    if asked and type(kind).show is Kind.show:
        raise GanzooError(f"{asked[0]}: {kind.spec.kind} samples are not shown in pictures")
    if columns is not None and not kind.in_rows:
        raise GanzooError(f"columns: {kind.spec.kind} samples do not lie in rows")


def checked_file(
    kind: Kind,
    path: str | os.PathLike[str],
    count: int,
    columns: int | None = None,
    scale: int = 1,
) -> tuple[Path, str]:
    """The file that `count` samples are to be written to, and the end of its name in small
    letters; nothing is computed for it.

    Raises GanzooError for an end that this kind of sample does not write, for more samples than
    such a file holds, and where no file can be written.
    """
    file = user_path(path)
    suffix = file.suffix.lower()
    if suffix not in endings(kind):
        ends = ", ".join(endings(kind))
        raise GanzooError(
            f"{file}: {kind.spec.kind} samples are written as {ends}; for a file each, name a "
            f"folder: {file}{os.sep}"
        )
    check_parent(file)
    check_shown(kind, suffix, columns, scale)
    fault = kind.cannot_hold(suffix, count, columns, scale) if suffix in kind.suffixes else ""
    if fault:
        raise GanzooError(f"{file}: {fault}")
    return file, suffix


def content(
    kind: Kind, samples: Tensor, suffix: str, columns: int | None = None, scale: int = 1
) -> bytes:
    """What a file with this end holds. samples: (N, *shape) float32 on the CPU."""
    if suffix in kind.suffixes and (columns is not None or scale != 1):
        return still(kind.show(samples, columns, scale), suffix)
    if suffix in kind.suffixes:
        return kind.render(samples, suffix)
    return Kind.render(kind, samples, suffix)


def write_file(file: Path, make: Callable[[], bytes]) -> Path:
    """Write what `make` returns. Raises GanzooError where it cannot be made or written."""
    try:
        write_bytes(file, make())
    except OSError as error:
        raise cannot_write(file, error) from None
    except ValueError as error:  # Pillow has it for too large a picture
        raise GanzooError(f"{file}: cannot be written: {error}") from None
    return file


def write_free(stem: str, suffix: str, made: bytes, beside: str = "") -> Path:
    """Write to the first of ``STEM.png``, ``STEM-2.png``, ... that is free here. beside: the end of
    another file of the same name, which must be free as well."""
    for number in itertools.count(1):
        file = Path(f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        if os.path.lexists(file) or (beside and os.path.lexists(file.with_suffix(beside))):
            continue
        try:
            write_new(file, made)
        except FileExistsError:  # another process was quicker
            continue
        except OSError as error:
            raise cannot_write(file, error) from None
        return file
    raise AssertionError("there is always a free number")


def write_each(
    kind: Kind,
    batches: Iterable[Tensor],
    names: Iterable[str],
    folder: Path,
    suffix: str,
    scale: int = 1,
    total: int | None = None,
) -> Path:
    """Write a file for each sample, called ``NAME.png``, a batch in memory at a time. The files
    appear together, once all are written. Raises GanzooError where they cannot be written."""
    samples = itertools.chain.from_iterable(batch.split(1) for batch in batches)
    told = each(zip(names, samples, strict=False), f"writing {folder.name}", total)

    def fill(inside: Path) -> None:
        for name, sample in told:
            file = inside / f"{name}{suffix}"
            file.write_bytes(content(kind, sample, suffix, None, scale))

    try:
        fill_folder(folder, fill)
    except OSError as error:
        raise cannot_write(folder, error) from None
    except ValueError as error:
        raise GanzooError(f"{folder}: cannot be written: {error}") from None
    return folder


def numbered(count: int, stem: str = "") -> Iterable[str]:
    """The names of `count` files, which sort in order."""
    digits = max(4, len(str(count - 1)))
    return (f"{stem}{number:0{digits}d}" for number in range(count))


def by_class(samples: Tensor, classes: int, blank: float) -> tuple[Tensor, int]:
    """Samples whose `classes` took turns, in rows of one class each, and how many lie in a row.
    What is missing at the end of a row is blank."""
    columns = -(-len(samples) // classes)
    missing = columns * classes - len(samples)
    filled = torch.cat([samples, samples.new_full((missing, *samples.shape[1:]), blank)])
    return filled.unflatten(0, (columns, classes)).transpose(0, 1).flatten(0, 1), columns
