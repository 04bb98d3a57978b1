"""The kinds of entry that a plugin's hooks return. Light to make; the code behind one is imported
on use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ganzoo.entry import Entry, are_texts, check_options


@dataclass(frozen=True)
class ArchitectureEntry(Entry):
    """An architecture; the target is a subclass of `ganzoo.Architecture`."""

    label: ClassVar[str] = "architecture"
    use: ClassVar[str] = "ganzoo train NAME --data DATA"
    base: ClassVar[str] = "ganzoo.architecture:Architecture"


@dataclass(frozen=True)
class ObjectiveEntry(Entry):
    """An objective; the target is a subclass of `ganzoo.Objective`.

    helps: the illnesses of a game that it is a remedy for, by the names that
    ``docs/health.md`` gives them; the advice on a sick run names the objectives that help.
    """

    label: ClassVar[str] = "objective"
    use: ClassVar[str] = "ganzoo train ARCH --objective NAME"
    base: ClassVar[str] = "ganzoo.objectives:Objective"
    check: ClassVar[str] = "ganzoo.testing.entries:objective"
    several: ClassVar[tuple[str, ...]] = ("helps",)

    helps: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetEntry(Entry):
    """A data set; the target is called with the split and returns a `ganzoo.Dataset`.

    splits: the names after the colon in ``--data name:split``, the default first.
    hub: its identifier on the Hugging Face Hub, for the cards of models trained on it.
    features: the extractors that samples are compared with it by; see `ExtractorEntry`. The first
    is the one that recipes may look at, and the only one that a training looks at. The others are
    witnesses, which no recipe has seen.
    """

    label: ClassVar[str] = "data set"
    use: ClassVar[str] = "ganzoo train ARCH --data NAME"
    check: ClassVar[str] = "ganzoo.testing.data:dataset"
    several: ClassVar[tuple[str, ...]] = ("splits", "features")

    splits: tuple[str, ...] = ("train",)
    hub: str = ""
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.splits:
            raise TypeError(f"DatasetEntry {self.name!r}: splits must be a tuple of names, not ()")


@dataclass(frozen=True)
class ReaderEntry(Entry):
    """A reader of files; the target is called with a ``pathlib.Path`` and returns a
    `ganzoo.Dataset`, or raises `ganzoo.GanzooError` that names the file and what is wrong.

    suffixes: the ends of the names of files that it reads, such as ``.csv``. inside: the ends of
    those that it reads out of a folder: ``--data FOLDER`` goes to the reader that most of the
    folder's files are for. In small letters; the case of a file's name does not matter. begins:
    the first bytes, unpacked where it is gzipped, of files that it reads whatever their names.
    Where two readers are for the same, that of the plugin that comes first is taken.

    options: ``"module:Class"``, a subclass of `ganzoo.Options` in a module that needs no torch,
    with a default for each option: what ``--set data.OPTION=VALUE`` may give. The target is then
    called with ``options=`` as well. Where it has a parameter ``spec``, it is given the
    `ganzoo.SampleSpec` of the model that the data is for, whatever its kind, or None; where it has
    ``data``, all options of data; with ``inputs``, whether the generator that the data is for works
    from inputs. With a parameter ``split``, ``--data PATH:SPLIT`` is taken, too: it is given where
    it is asked for.
    """

    label: ClassVar[str] = "reader"
    use: ClassVar[str] = "--set data.reader=NAME"
    listed: ClassVar[bool] = False
    check: ClassVar[str] = "ganzoo.testing.data:reader"

    suffixes: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    options: str = ""
    begins: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        ends = (self.suffixes, self.inside)
        if not all(are_texts(part) for part in ends) or not (any(ends) or self.begins):
            raise TypeError(
                f"ReaderEntry {self.name!r}: suffixes or inside must be a tuple of file names' "
                f"ends, such as ('.csv',), not {self.suffixes!r} and {self.inside!r}"
            )
        check_options(self, self.options)


@dataclass(frozen=True)
class ObserverEntry(Entry):
    """A follower of runs; the target is a subclass of `ganzoo.Observer`, made anew for each run
    that asks for it: ``ganzoo train ... --observer NAME``."""

    label: ClassVar[str] = "observer"
    use: ClassVar[str] = "ganzoo train ARCH --observer NAME"
    base: ClassVar[str] = "ganzoo.engine.observers:Observer"
    check: ClassVar[str] = "ganzoo.testing.entries:observer"


@dataclass(frozen=True)
class ExtractorEntry(Entry):
    """An extractor of features, which samples are compared by: ``ganzoo evaluate --features
    NAME``. The target is called with the ``pathlib.Path`` of a file of weights, or None, and
    returns a `ganzoo.Extractor`: a subclass of it is one.

    kinds: the kinds of sample that it takes; empty: any. The usual ones of a kind are
    those which `Kind.usual_extractors` names; see `Extractor.takes`, too.
    """

    label: ClassVar[str] = "extractor"
    use: ClassVar[str] = "ganzoo evaluate MODEL --data DATA --features NAME"
    check: ClassVar[str] = "ganzoo.testing.entries:extractor"
    several: ClassVar[tuple[str, ...]] = ("kinds",)

    kinds: tuple[str, ...] = ("image",)


@dataclass(frozen=True)
class FigureEntry(Entry):
    """Figures of quality that are no distances between features, such as a perplexity, or the
    error on held-out pairs. The target is called with a `ganzoo.Trial`, once for each seed of
    ``ganzoo evaluate``, and returns its figures by name, ``{"l1": ganzoo.Figure(0.1)}``; they are
    written down as ``l1[NAME]``, or as ``l1[mnist-convnet]`` where that is what it returns. It
    returns {} where it has nothing to say of a model or its data, and raises `ganzoo.GanzooError`
    where they cannot be measured.

    kinds, architectures: the kinds of sample and the architectures that it is for; empty: any.
    asked: it is measured only where it is asked for, ``--figures NAME``, because it takes long.
    """

    label: ClassVar[str] = "figure"
    use: ClassVar[str] = "ganzoo evaluate MODEL --data DATA --figures NAME"
    several: ClassVar[tuple[str, ...]] = ("kinds", "architectures")

    kinds: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    asked: bool = False


@dataclass(frozen=True)
class CommandEntry(Entry):
    """A command, ``ganzoo NAME``; the target is a ``click.Command``."""

    label: ClassVar[str] = "command"
    use: ClassVar[str] = "ganzoo NAME --help"
    listed: ClassVar[bool] = False
    base: ClassVar[str] = "click:Command"
    instances: ClassVar[bool] = True
    check: ClassVar[str] = "ganzoo.testing.entries:command"


@dataclass(frozen=True)
class KindEntry(Entry):
    """A kind of sample (image, points, ...); the target is a subclass of `ganzoo.Kind`.

    options: where the kind's own options of data (``--set data.NAME=VALUE``) are, a subclass of
    `ganzoo.Options`, as ``"module:Class"``. Its module must import no torch.
    """

    label: ClassVar[str] = "kind of sample"
    listed: ClassVar[bool] = False
    base: ClassVar[str] = "ganzoo.kinds:Kind"
    check: ClassVar[str] = "ganzoo.testing.entries:kind"

    options: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_options(self, self.options)


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A model that comes with a plugin; the target is its folder, a ``pathlib.Path``."""

    label: ClassVar[str] = "model"
    use: ClassVar[str] = "ganzoo sample NAME"
    base: ClassVar[str] = "pathlib:Path"
    instances: ClassVar[bool] = True
    check: ClassVar[str] = "ganzoo.testing.entries:model"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.target, Path):
            raise TypeError(f"ModelEntry {self.name!r}: target must be a Path, not {self.target!r}")


@dataclass(frozen=True)
class OptimizerEntry(Entry):
    """An optimizer: ``--set training.optimizer=NAME``. The target is called as
    ``target(parameters, lr, training, player)`` and returns a ``torch.optim.Optimizer``.

    parameters: a list. lr: a number. training: the run's `ganzoo.Training`. player:
    ``"generator"`` or ``"discriminator"``.
    """

    label: ClassVar[str] = "optimizer"
    use: ClassVar[str] = "ganzoo train ARCH --set training.optimizer=NAME"
    check: ClassVar[str] = "ganzoo.testing.entries:optimizer"


@dataclass(frozen=True)
class ScheduleEntry(Entry):
    """A schedule of the learning rates: ``--set training.lr_decay=NAME``. The target is called as
    ``target(step, training)`` and returns the factor that the rates are multiplied by.

    step: the step that is next, from 0. training: the run's `ganzoo.Training`.
    """

    label: ClassVar[str] = "schedule"
    use: ClassVar[str] = "ganzoo train ARCH --set training.lr_decay=NAME"
    check: ClassVar[str] = "ganzoo.testing.entries:schedule"


@dataclass(frozen=True)
class PenaltyEntry(Entry):
    """A penalty on the discriminator: ``--set objective.penalty=NAME``. The target is called with
    the `ganzoo.Game` and returns one number, a tensor that gradients go through.

    at: ``real`` or ``fake`` where the target asks for `Game.score_gradient` of the game's own
    batch, once. Penalties on both are then computed in one pass, which is faster.
    """

    label: ClassVar[str] = "penalty"
    use: ClassVar[str] = "ganzoo train ARCH --set objective.penalty=NAME"
    check: ClassVar[str] = "ganzoo.testing.entries:penalty"

    at: Literal["", "real", "fake"] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.at not in ("", "real", "fake"):
            raise ValueError(
                f"PenaltyEntry {self.name!r}: at must be 'real' or 'fake', not {self.at!r}"
            )


@dataclass(frozen=True)
class AugmentationEntry(Entry):
    """What is done to samples, real and fake, before the discriminator sees them:
    ``--set training.augment='["NAME"]'``. The target is called as ``target(samples, draws)`` and
    returns new samples of the same shape, through which a gradient passes.

    samples: (N, *shape). draws: (N, K) from [0, 1), all that is random in it; K is the entry's
    `draws`. kinds: the kinds of sample that it is for; empty: any. adaptive: whether
    ``training.ada_target`` takes it where ``training.augment`` names none. A change that can be
    told from the changed samples, done to a part of them, is one that does not leak into what the
    generator makes (Karras 2020, arXiv:2006.06676, section 2.2).
    """

    label: ClassVar[str] = "augmentation"
    use: ClassVar[str] = "ganzoo train ARCH --set 'training.augment=[\"NAME\"]'"
    check: ClassVar[str] = "ganzoo.testing.entries:augmentation"
    several: ClassVar[tuple[str, ...]] = ("kinds",)

    draws: int = 1
    kinds: tuple[str, ...] = ("image",)
    adaptive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.draws, int) or self.draws < 0:
            raise TypeError(
                f"AugmentationEntry {self.name!r}: draws must be a number, not {self.draws!r}"
            )
