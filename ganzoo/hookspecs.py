"""Every hook a plugin may implement. A hook returns, or yields, light entries: it must not
import torch, so that ``ganzoo list`` stays fast whatever is installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pluggy

from ganzoo.entries import (
    ArchitectureEntry,
    CommandEntry,
    DatasetEntry,
    KindEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
    ReaderEntry,
)

PROJECT: Final = "ganzoo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ganzoo_architectures() -> Iterable[ArchitectureEntry]:  # type: ignore[empty-body]
    """The architectures of this plugin: what ``ganzoo train NAME`` takes."""


@hookspec
def ganzoo_objectives() -> Iterable[ObjectiveEntry]:  # type: ignore[empty-body]
    """The objectives of this plugin: what ``--objective NAME`` takes."""


@hookspec
def ganzoo_datasets() -> Iterable[DatasetEntry]:  # type: ignore[empty-body]
    """The data sets of this plugin: what ``--data NAME`` takes."""


@hookspec
def ganzoo_readers() -> Iterable[ReaderEntry]:  # type: ignore[empty-body]
    """The readers of this plugin: which files ``--data PATH`` takes besides images."""


@hookspec
def ganzoo_kinds() -> Iterable[KindEntry]:  # type: ignore[empty-body]
    """The kinds of sample of this plugin, each with a way to show samples to a person."""


@hookspec
def ganzoo_models() -> Iterable[ModelEntry]:  # type: ignore[empty-body]
    """Models that come with this plugin: what ``ganzoo sample NAME`` and ``ganzoo.load`` take."""


@hookspec
def ganzoo_observers() -> Iterable[ObserverEntry]:  # type: ignore[empty-body]
    """Followers of a run, such as trackers: what ``ganzoo train --observer NAME`` takes."""


@hookspec
def ganzoo_commands() -> Iterable[CommandEntry]:  # type: ignore[empty-body]
    """Further commands: ``ganzoo NAME``. One with the name of ganzoo's own is not reached."""
