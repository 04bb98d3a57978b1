"""Every hook a plugin may implement. A hook returns, or yields, light entries: it must not
import torch, so that ``ganzoo list`` stays fast whatever is installed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, get_args, get_type_hints

import pluggy

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    Entry,
    ExtractorEntry,
    KindEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
    OptimizerEntry,
    PenaltyEntry,
    ReaderEntry,
    ScheduleEntry,
)

PROJECT: Final = "ganzoo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ganzoo_architectures() -> Iterable[ArchitectureEntry]:  # type: ignore[empty-body]
    """The architectures of this plugin: what ``ganzoo train NAME`` takes.

    Each of ganzoo's own, in ``plugins/``, comes through it::

        from ganzoo import ArchitectureEntry, hookimpl

        @hookimpl
        def ganzoo_architectures():
            yield ArchitectureEntry("lsgan", "ganzoo_lsgan.networks:LSGAN", "Mao 2017")
    """


@hookspec
def ganzoo_objectives() -> Iterable[ObjectiveEntry]:  # type: ignore[empty-body]
    """The objectives of this plugin: what ``--objective NAME`` takes.

    ``ganzoo_r3gan`` offers its relativistic loss to every architecture by it. An objective that
    one architecture alone can use need not be offered: the architecture names its class.
    """


@hookspec
def ganzoo_penalties() -> Iterable[PenaltyEntry]:  # type: ignore[empty-body]
    """Penalties on the discriminator: what ``--set objective.penalty=NAME`` takes.

    ganzoo's own, ``wgan-gp``, ``r1`` and ``r2``, come through it.
    """


@hookspec
def ganzoo_optimizers() -> Iterable[OptimizerEntry]:  # type: ignore[empty-body]
    """Optimizers: what ``--set training.optimizer=NAME`` takes, for both players or for one.

    ganzoo's own, ``adam``, ``rmsprop`` and ``sgd``, come through it::

        from ganzoo import OptimizerEntry, hookimpl

        @hookimpl
        def ganzoo_optimizers():
            yield OptimizerEntry("lion", "ganzoo_lion.optimizer:lion", "Chen 2023")
    """


@hookspec
def ganzoo_schedules() -> Iterable[ScheduleEntry]:  # type: ignore[empty-body]
    """Schedules of the learning rates: what ``--set training.lr_decay=NAME`` takes.

    ganzoo's own, ``constant`` and ``linear``, come through it.
    """


@hookspec
def ganzoo_augmentations() -> Iterable[AugmentationEntry]:  # type: ignore[empty-body]
    """What is done to samples before the discriminator sees them: the names that
    ``training.augment`` takes.

    ganzoo's own, DiffAugment's ``color``, ``translation`` and ``cutout``, come through it.
    """


@hookspec
def ganzoo_datasets() -> Iterable[DatasetEntry]:  # type: ignore[empty-body]
    """The data sets of this plugin: what ``--data NAME`` and ``--data NAME:SPLIT`` take.

    ``ganzoo_wavegan`` brings ``plucks`` by it, ``ganzoo_ctgan`` ``auto-mpg``.
    """


@hookspec
def ganzoo_readers() -> Iterable[ReaderEntry]:  # type: ignore[empty-body]
    """The readers of this plugin: which files ``--data PATH`` takes.

    ``ganzoo_ctgan`` reads CSV files by it, ``ganzoo_wavegan`` sound::

        from ganzoo import ReaderEntry, hookimpl

        @hookimpl
        def ganzoo_readers():
            yield ReaderEntry("midi", "ganzoo_midi.reader:read", "MIDI files", (".mid",), (".mid",))
    """


@hookspec
def ganzoo_kinds() -> Iterable[KindEntry]:  # type: ignore[empty-body]
    """The kinds of sample of this plugin, each with a way to show samples to a person.

    ``ganzoo_wavegan`` writes sound by it, ``ganzoo_ctgan`` rows of a table.
    """


@hookspec
def ganzoo_models() -> Iterable[ModelEntry]:  # type: ignore[empty-body]
    """Models that come with this plugin: what ``ganzoo sample NAME`` and ``ganzoo.load`` take.

    ganzoo's own bundled models come through it. The target is the model's folder, as
    ``generator.save`` writes it, shipped inside the package::

        from pathlib import Path

        from ganzoo import ModelEntry, hookimpl

        @hookimpl
        def ganzoo_models():
            yield ModelEntry("lsgan-faces", Path(__file__).parent / "models" / "lsgan-faces")
    """


@hookspec
def ganzoo_observers() -> Iterable[ObserverEntry]:  # type: ignore[empty-body]
    """Followers of a run, such as trackers: what ``ganzoo train --observer NAME`` takes.

    ``ganzoo_tensorboard`` is one. It is told when a run starts, logs a step, makes samples,
    writes a checkpoint, is evaluated, is finished and ends; see `Observer`.
    """


@hookspec
def ganzoo_extractors() -> Iterable[ExtractorEntry]:  # type: ignore[empty-body]
    """The extractors of features of this plugin: what ``ganzoo evaluate --features NAME`` takes.

    ganzoo's own are small classifiers, Inception, and the values themselves. A kind of sample
    that is no picture wants one of its own::

        from ganzoo import ExtractorEntry, hookimpl

        @hookimpl
        def ganzoo_extractors():
            yield ExtractorEntry(
                "tones", "ganzoo_midi.tones:Tones", "notes by their pitch", kinds=("midi",)
            )
    """


@hookspec
def ganzoo_commands() -> Iterable[CommandEntry]:  # type: ignore[empty-body]
    """Further commands: ``ganzoo NAME``.

    All of ganzoo's own come through it, and ``ganzoo tensorboard``. The summary stands in
    ``ganzoo --help``; the command is imported when it is called.
    """


def _yielded(hook: object) -> type[Entry]:
    (entry,) = get_args(get_type_hints(hook)["return"])
    assert isinstance(entry, type) and issubclass(entry, Entry)
    return entry


#: The kind of entry that each hook yields, as its specification above says.
HOOKS: Final[dict[str, type[Entry]]] = {
    name: _yielded(hook) for name, hook in list(globals().items()) if name.startswith("ganzoo_")
}
