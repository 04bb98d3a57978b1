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
    ExtractorEntry,
    FigureEntry,
    KindEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
    OptimizerEntry,
    PenaltyEntry,
    ReaderEntry,
    ScheduleEntry,
)
from ganzoo.entry import Entry

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

    ``ganzoo_r3gan`` uses it to offer its relativistic loss to every architecture. An objective
    that only one architecture can use need not be offered: the architecture names its class.
    """


@hookspec
def ganzoo_penalties() -> Iterable[PenaltyEntry]:  # type: ignore[empty-body]
    """The penalties of this plugin: what ``--set objective.penalty=NAME`` takes.

    ganzoo's own, ``wgan-gp``, ``r1`` and ``r2``, come through it.
    """


@hookspec
def ganzoo_optimizers() -> Iterable[OptimizerEntry]:  # type: ignore[empty-body]
    """The optimizers of this plugin: what ``--set training.optimizer=NAME`` takes, and
    ``training.generator_optimizer`` and ``training.discriminator_optimizer`` for one player.

    ganzoo's own, ``adam``, ``rmsprop`` and ``sgd``, come through it::

        from ganzoo import OptimizerEntry, hookimpl

        @hookimpl
        def ganzoo_optimizers():
            yield OptimizerEntry("lion", "ganzoo_lion.optimizer:lion", "Chen 2023")
    """


@hookspec
def ganzoo_schedules() -> Iterable[ScheduleEntry]:  # type: ignore[empty-body]
    """The schedules of this plugin, of learning rates: what ``--set training.lr_decay=NAME`` takes.

    ganzoo's own, ``constant`` and ``linear``, come through it.
    """


@hookspec
def ganzoo_augmentations() -> Iterable[AugmentationEntry]:  # type: ignore[empty-body]
    """The augmentations of this plugin: what is done to samples before the discriminator sees
    them, by the names that ``training.augment`` takes.

    ganzoo's own, DiffAugment's ``color``, ``translation`` and ``cutout``, come through it.
    """


@hookspec
def ganzoo_datasets() -> Iterable[DatasetEntry]:  # type: ignore[empty-body]
    """The data sets of this plugin: what ``--data NAME`` and ``--data NAME:SPLIT`` take.

    ``ganzoo_wavegan`` uses it to bring ``plucks``, and ``ganzoo_ctgan`` to bring ``auto-mpg``.
    """


@hookspec
def ganzoo_readers() -> Iterable[ReaderEntry]:  # type: ignore[empty-body]
    """The readers of this plugin: which files ``--data PATH`` takes.

    ``ganzoo_ctgan`` uses it to read CSV files, and ``ganzoo_wavegan`` to read sound::

        from ganzoo import ReaderEntry, hookimpl

        @hookimpl
        def ganzoo_readers():
            yield ReaderEntry("midi", "ganzoo_midi.reader:read", "MIDI files", (".mid",), (".mid",))
    """


@hookspec
def ganzoo_kinds() -> Iterable[KindEntry]:  # type: ignore[empty-body]
    """The kinds of sample of this plugin. A kind says all that ganzoo needs to know of its samples:
    how they are written to a file, read, fitted to an architecture and compared.

    ``ganzoo_wavegan`` uses it for sound, and ``ganzoo_ctgan`` for rows of a table.
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
    """The observers of this plugin, which follow a run: what ``--observer NAME`` takes.

    ``ganzoo_tensorboard``, ``ganzoo_wandb`` and ``ganzoo_mlflow`` are such plugins. An
    observer is called when a run starts, logs a step, warns, makes samples, writes a checkpoint, is
    evaluated, finishes and ends; see `Observer`.
    """


@hookspec
def ganzoo_extractors() -> Iterable[ExtractorEntry]:  # type: ignore[empty-body]
    """The extractors of features of this plugin: what ``ganzoo evaluate --features NAME`` takes.

    ganzoo's own are small classifiers, Inception, and the values themselves. For a kind of sample
    other than pictures, bring one of its own::

        from ganzoo import ExtractorEntry, hookimpl

        @hookimpl
        def ganzoo_extractors():
            yield ExtractorEntry(
                "tones", "ganzoo_midi.tones:Tones", "notes by their pitch", kinds=("midi",)
            )
    """


@hookspec
def ganzoo_figures() -> Iterable[FigureEntry]:  # type: ignore[empty-body]
    """The figures of quality of this plugin, which ``ganzoo evaluate`` measures beside the
    distances between features: they go into metrics.json and the card like those.
    ``ganzoo_translation`` has those of held-out pairs, ``ganzoo_text`` perplexities.

    A figure comes with two that it is compared with: that of real samples, and that of noise or of
    the simplest thing that one could do::

        from ganzoo import Figure, FigureEntry, Trial, hookimpl

        def error(trial: Trial) -> dict[str, Figure]:
            real = trial.real(trial.rows)
            made, given = ((part - real).abs().mean() for part in (trial.samples, trial.inputs()))
            return {"l1": Figure(float(made), floor=0.0, ceiling=float(given))}

        @hookimpl
        def ganzoo_figures():
            yield FigureEntry("pairs", error, "held-out pairs", architectures=("pix2pix",))
    """


@hookspec
def ganzoo_commands() -> Iterable[CommandEntry]:  # type: ignore[empty-body]
    """The commands of this plugin: ``ganzoo NAME``.

    All of ganzoo's own come through it, and ``ganzoo tensorboard``. ``ganzoo --help`` shows the
    summary; the command is imported when it is called.
    """


def _yielded(hook: object) -> type[Entry]:
    (entry,) = get_args(get_type_hints(hook)["return"])
    assert isinstance(entry, type) and issubclass(entry, Entry)
    return entry


#: The kind of entry that each hook yields, as its specification above says.
HOOKS: Final[dict[str, type[Entry]]] = {
    name: _yielded(hook) for name, hook in list(globals().items()) if name.startswith("ganzoo_")
}
