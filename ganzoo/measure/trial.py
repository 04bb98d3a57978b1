"""Figures beyond distances between features: what their functions are given, and return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, as_floats
from ganzoo.data.reading import Fault, in_words
from ganzoo.entries import FigureEntry
from ganzoo.errors import GanzooError, one_line
from ganzoo.figure_name import FigureName
from ganzoo.kinds import kind_of
from ganzoo.measure.features import Extractor, Features
from ganzoo.measure.samples import read_rows
from ganzoo.models.generator import Generator
from ganzoo.plugins import catalogue


@dataclass(frozen=True)
class Figure:
    """One figure of quality, of one seed.

    floor: the same figure of real samples. ceiling: that of noise, or of the simplest thing that
    one could do, such as giving the input back; ceiling_of: in a word or two, for the words that
    stand beside a figure that is no better. higher_is_better: which of two models a figure
    favours. caution: why it says little, in a few words that stand beside it: "too few samples".
    how: what was done, besides the samples, seeds and data, which are told anyway. by: the library
    that computed it, and its version.
    """

    value: float
    floor: float | None = None
    ceiling: float | None = None
    higher_is_better: bool = False
    ceiling_of: str = "noise"
    caution: str = ""
    how: str = ""
    by: str = ""


@dataclass(frozen=True)
class Trial:
    """The samples that a generator made of one seed, and the data that they are held against.

    made: (N, *shape), as files hold them: images as uint8. labels: (N,) int64, the class that each
    was asked for; None where the generator is not conditional. rows: (N,) int64, of a generator
    that works from inputs: the place in the data of the input that each was made from; else None.
    extractors: those that the samples are compared by; seen, seen_real: what each made of the
    samples, and of the real ones. sha256: the data's fingerprint. kept: what a figure wants to find
    again for the next seed; it begins empty for each entry.
    """

    generator: Generator
    dataset: Dataset
    made: Tensor
    seed: int
    labels: Tensor | None = None
    rows: Tensor | None = None
    extractors: Sequence[Extractor] = ()
    seen: Sequence[Features] = ()
    seen_real: Sequence[Features] = ()
    sha256: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def samples(self) -> Tensor:
        """The samples as the generator makes them: float32 (N, *shape) in the range of its spec."""
        spec = self.generator.spec
        return as_floats(self.made, spec.low, spec.high)

    def real(self, rows: Tensor | None = None) -> Tensor:
        """The real samples of these rows, or all that can be read: float32 (M, *shape).

        Raises GanzooError where one of `rows` cannot be read.
        """
        return _floats(self.dataset, rows)

    def inputs(self) -> Tensor:
        """What each sample was made from: float32 (N, *input shape), in the range of its spec.

        Raises GanzooError where the data has no inputs, or one of them cannot be read.
        """
        inputs, spec = self.dataset.of_inputs(), self.generator.spec.inputs
        if inputs is None or spec is None or self.rows is None:
            raise GanzooError(f"data set {self.dataset.name!r}: it has no inputs")
        # Of the size, say, that the generator was trained with.
        return _floats(kind_of(spec).match(inputs, does="works from"), self.rows)


def _floats(dataset: Dataset, rows: Tensor | None) -> Tensor:
    faults: list[Fault] = []
    index = torch.arange(len(dataset)) if rows is None else rows
    read = read_rows(dataset.samples, dataset.spec, index, faults)
    if faults and rows is not None:
        raise GanzooError(f"data set {dataset.name!r}: cannot be read: {in_words(faults)}")
    return as_floats(read, dataset.low, dataset.high)


def entries_for(generator: Generator, asked: tuple[str, ...] = ()) -> list[FigureEntry]:
    """The figures that are measured of a generator without being asked for, and those `asked` for.

    Raises GanzooError for a name that there is not, or that is not for such a generator.
    """
    known = catalogue().entries(FigureEntry)
    for name in asked:
        entry = catalogue().find(FigureEntry, name)
        if not _is_for(entry, generator):
            what = " and ".join((*entry.architectures, *entry.kinds))
            raise GanzooError(
                f"the figure {name!r} is for {what}, not {generator.name} of kind "
                f"{generator.spec.kind}"
            )
    return [
        entry
        for entry in known.values()
        if _is_for(entry, generator) and (entry.name in asked or not entry.asked)
    ]


def _is_for(entry: FigureEntry, generator: Generator) -> bool:
    of_kind = not entry.kinds or generator.spec.kind in entry.kinds
    return of_kind and (not entry.architectures or generator.name in entry.architectures)


def figures_of(entry: FigureEntry, trial: Trial) -> dict[str, Figure]:
    """The figures of one entry, by their whole names: a bare name gets the entry's.

    Raises GanzooError that names the entry for a fault of its plugin.
    """
    try:
        figures = {_whole(name, entry): f for name, f in entry.load()(trial).items()}
        for name, figure in figures.items():
            if FigureName.parse(name) is None or not isinstance(figure, Figure):
                raise TypeError(f"{name!r}: {figure!r} is no ganzoo.Figure with a name of letters")
    except GanzooError:
        raise
    except Exception as error:
        raise GanzooError(
            f"the figure {entry.name!r} cannot be measured: {type(error).__name__}: "
            f"{one_line(error)}; this is a bug in its plugin"
        ) from error
    return figures


def _whole(name: str, entry: FigureEntry) -> str:
    return name if FigureName.parse(name) else str(FigureName(name, entry.name))
