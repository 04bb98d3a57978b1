"""The seeds of an evaluation: what is measured for each, and one record from all."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ganzoo.entries import FigureEntry
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.figure_name import FigureName
from ganzoo.measure.figures import caution
from ganzoo.measure.real import Real
from ganzoo.measure.samples import Task, features_of_generator
from ganzoo.measure.trial import Figure, Trial, figures_of
from ganzoo.models.generator import Generator
from ganzoo.models.records import DataRecord, Measured


@dataclass(frozen=True)
class Trials:
    """What is measured of a generator, for each of several seeds.

    entries: the figures besides the distances; asked: the names of those that the user wants.
    same_classes: for each extractor, whether its classes are those of the data. kept: for each
    entry, what it keeps from seed to seed. failed: the names of those that could not be measured.
    """

    generator: Generator
    task: Task
    real: Real
    entries: list[FigureEntry]
    asked: tuple[str, ...]
    same_classes: list[bool]
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def measured(self, seeds: range, data: DataRecord) -> dict[str, Measured]:
        """The records of all figures by their names, from those of each seed."""
        found = [self.figures(seed) for seed in seeds]
        named = dict.fromkeys(name for of_seed in found for name in of_seed)
        return {name: self._record(name, found, seeds, data) for name in named}

    def figures(self, seed: int) -> dict[str, Figure]:
        """The figures of one seed, by their names."""
        kept: list[Tensor] | None = [] if self.entries else None
        extractors, generator = self.real.extractors, self.generator
        seen = features_of_generator(extractors, generator, self.task, seed, kept)
        labels = self.task.asked(generator) if generator.architecture.conditional else None
        asked = [labels if same else None for same in self.same_classes]
        figures = self.real.figures(seen, asked)
        if kept is None:
            return figures
        trial = Trial(
            generator,
            self.real.dataset,
            torch.cat(kept),
            seed,
            labels,
            self.task.rows,
            extractors,
            seen,
            [reference.features for reference in self.real.references],
            self.real.sha256,
        )
        for entry in self.entries:
            if entry.name not in self.failed:
                figures |= self._of_entry(entry, trial)
        return figures

    def _of_entry(self, entry: FigureEntry, trial: Trial) -> dict[str, Figure]:
        """The figures of one entry; none, with a warning, where it fails and nobody asked for
        it."""
        try:
            kept = self.kept.setdefault(entry.name, {})
            return figures_of(entry, replace(trial, kept=kept))
        except GanzooError as error:
            if entry.name in self.asked:
                raise
            warnings.warn(f"not measured: {error}", GanzooWarning, stacklevel=6)
            self.failed.add(entry.name)
            return {}

    def _record(
        self, name: str, found: Sequence[Mapping[str, Figure]], seeds: range, data: DataRecord
    ) -> Measured:
        figures = [of_seed[name] for of_seed in found if name in of_seed]
        values, first = [figure.value for figure in figures], figures[0]
        spread = statistics.stdev(values) if len(values) > 1 else None
        value = _rounded(statistics.fmean(values))
        floor, ceiling = (_mean(figures, bound) for bound in ("floor", "ceiling"))
        how = f"{self.task.count} samples of {_words(seeds)}, against {data.samples} real"
        return Measured(
            value=value,
            spread=None if spread is None else _rounded(spread, 2),
            floor=floor,
            ceiling=ceiling,
            caution=first.caution
            or caution(value, ceiling, first.higher_is_better, first.ceiling_of),
            how=", ".join(filter(None, (f"{how} ones", first.how))),
            features=self._features(name),
            by=first.by,
            data=data,
        )

    def _features(self, name: str) -> str:
        figure = FigureName.parse(name)
        assert figure is not None
        about = {extractor.name: extractor.about for extractor in self.real.extractors}
        about = {entry.name: entry.summary for entry in self.entries} | about
        return f"{figure.features}: {about.get(figure.features, '')}"


def _words(seeds: range) -> str:
    first, last = seeds[0], seeds[-1]
    return f"seed {first}" if first == last else f"each of the seeds {first} to {last}"


def _mean(figures: Sequence[Figure], bound: str) -> float | None:
    """The mean of a bound over the seeds; None where one has none."""
    values = [getattr(figure, bound) for figure in figures]
    return None if None in values else _rounded(statistics.fmean(values))


def _rounded(value: float, digits: int = 5) -> float:
    """To this many significant digits: more are chance."""
    return float(f"{value:.{digits}g}")
