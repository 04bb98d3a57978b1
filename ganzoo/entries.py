"""Entries: what a plugin's hooks return. Light to make; the code behind one is imported on use."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError


@dataclass(frozen=True)
class Entry:
    """A name, where the code behind it is, and one line about it.

    name: what the user types, such as ``dcgan``.
    target: ``"module:attribute"``, imported when first used, or the object itself.
    summary: one line for ``ganzoo list``.
    """

    name: str
    target: str | Any
    summary: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"{type(self).__name__}: name must be a text, not {self.name!r}")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: a name has letters, digits, '-', '_' and '.'"
            )
        if not isinstance(self.summary, str):
            raise TypeError(f"{type(self).__name__} {self.name!r}: summary must be a text")
        if isinstance(self.target, str) and self.target.count(":") != 1:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: target must be 'module:attribute', "
                f"not {self.target!r}"
            )

    def load(self) -> Any:
        """The object behind the entry. Raises GanzooError where it cannot be imported."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            # What a module prints when imported must not end up in the output of --json.
            with contextlib.redirect_stdout(sys.stderr):
                value: Any = importlib.import_module(module)
            for part in attribute.split("."):
                value = getattr(value, part)
        except (Exception, SystemExit) as error:
            raise GanzooError(
                f"{self.name!r} cannot be used: importing {self.target} raised "
                f"{type(error).__name__}: {error}"
            ) from error
        return value


def _texts(value: Any) -> bool:
    """Whether a value is a tuple of texts, none of them empty."""
    return isinstance(value, tuple) and all(isinstance(text, str) and text for text in value)


@dataclass(frozen=True)
class ArchitectureEntry(Entry):
    """An architecture; the target is a subclass of `ganzoo.Architecture`."""


@dataclass(frozen=True)
class ObjectiveEntry(Entry):
    """An objective; the target is a subclass of `ganzoo.Objective`."""


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """A data set; the target is called with the split and returns a `ganzoo.Dataset`.

    splits: the names after the colon in ``--data name:split``, the default first.
    hub: its identifier on the Hugging Face Hub, for the cards of models trained on it.
    features: the extractor that samples are usually compared with it by; see `ExtractorEntry`.
    """

    splits: tuple[str, ...] = ("train",)
    hub: str = ""
    features: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.splits or not _texts(self.splits):
            raise TypeError(
                f"DatasetEntry {self.name!r}: splits must be a tuple of names, not {self.splits!r}"
            )


@dataclass(frozen=True)
class ReaderEntry(Entry):
    """A reader of files; the target is called with a ``pathlib.Path`` and returns a
    `ganzoo.Dataset`, or raises `ganzoo.GanzooError` that names the file and what is wrong.

    suffixes: the ends of the names of files that it reads, such as ``.csv``. inside: the ends of
    those that it reads out of a folder: ``--data FOLDER`` goes to the reader that most of the
    folder's files are for. In small letters; the case of a file's name does not matter.
    """

    suffixes: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        ends = (self.suffixes, self.inside)
        if not all(_texts(part) for part in ends) or not any(ends):
            raise TypeError(
                f"ReaderEntry {self.name!r}: suffixes or inside must be a tuple of file names' "
                f"ends, such as ('.csv',), not {self.suffixes!r} and {self.inside!r}"
            )


@dataclass(frozen=True)
class ObserverEntry(Entry):
    """A follower of runs; the target is a subclass of `ganzoo.Observer`, made anew for each run
    that asks for it: ``ganzoo train ... --observer NAME``."""


@dataclass(frozen=True)
class ExtractorEntry(Entry):
    """An extractor of features, which samples are compared by: ``ganzoo evaluate --features
    NAME``. The target is called with the ``pathlib.Path`` of a file of weights, or None, and
    returns a `ganzoo.Extractor`: a subclass of it is one.

    kinds: the kinds of sample that it takes; empty: any. channels: of images, the numbers of
    channels whose usual extractor it is.
    """

    kinds: tuple[str, ...] = ("image",)
    channels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _texts(self.kinds):
            raise TypeError(
                f"ExtractorEntry {self.name!r}: kinds must be a tuple of names, not {self.kinds!r}"
            )
        if not isinstance(self.channels, tuple):
            raise TypeError(
                f"ExtractorEntry {self.name!r}: channels must be a tuple, not {self.channels!r}"
            )


@dataclass(frozen=True)
class CommandEntry(Entry):
    """A command, ``ganzoo NAME``; the target is a ``click.Command``."""


@dataclass(frozen=True)
class KindEntry(Entry):
    """A kind of sample (image, points, ...); the target is a subclass of `ganzoo.Kind`."""


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A model that comes with a plugin; the target is its folder, a ``pathlib.Path``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.target, Path):
            raise TypeError(f"ModelEntry {self.name!r}: target must be a Path, not {self.target!r}")
