"""What ``import ganzoo`` offers for measuring: evaluate a model, compare two sets of samples."""

from __future__ import annotations

import functools
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from numbers import Integral
from pathlib import Path
from typing import ClassVar, Final

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import Dataset
from ganzoo.devices import find_device, usual_settings
from ganzoo.errors import GanzooError
from ganzoo.figure_name import FigureName
from ganzoo.files import user_path
from ganzoo.measure.extractors import AUTO, extractor_of, find_extractor
from ganzoo.measure.features import Extractor
from ganzoo.measure.figures import Reference, check_enough, class_figures, distances
from ganzoo.measure.samples import (
    Task,
    features_of_data,
    features_of_generator,
    features_of_noise,
)
from ganzoo.models.generator import Generator
from ganzoo.models.load import load
from ganzoo.models.measured import target_of, write_figures
from ganzoo.models.records import DataRecord, Measured
from ganzoo.sampler import MOST_SAMPLES
from ganzoo.sources.find import Samples, absolute, dataset_of, source_of

MOST_SEEDS: Final = 100


@usual_settings()
def evaluate(
    model: str | os.PathLike[str] | Generator,
    data: Samples,
    *,
    samples: int = 10_000,
    seeds: int = 3,
    seed: int = 0,
    features: str | os.PathLike[str] = AUTO,
    weights: str | os.PathLike[str] | None = None,
    step: int | None = None,
    architecture: type[Architecture] | None = None,
    device: str = "auto",
) -> dict[str, Measured]:
    """Measure a model against real data, and return the figures by their names.

    model, step, architecture: as in `ganzoo.load`, or a generator. samples: how many are made with
    each of `seeds` seeds, from `seed` on; a figure is the mean over them, its spread their standard
    deviation. A generator that works from inputs is given those of the data, at most `samples`.
    features: the extractor, see ``ganzoo list``, or a file of one; auto: the data set's usual one.
    weights: a file for it. device: as in `ganzoo.train`; a generator stays where it is.

    The figures of a model folder, a run's model or one of the local registry are written into its
    ``metrics.json`` and its card. Those of a bundled model, of the Hub, of a step or of a
    generator in memory are only returned.

    Raises GanzooError for what the caller can mend; WorkFailed where the samples are not finite
    or all the same.
    """
    if not isinstance(seeds, Integral) or not 1 <= seeds <= MOST_SEEDS:
        raise GanzooError(f"seeds {seeds!r}: it takes 1 to {MOST_SEEDS}")
    if not isinstance(samples, Integral) or not 1 <= samples <= MOST_SAMPLES:
        raise GanzooError(f"{samples} samples asked for; at least 1, at most {MOST_SAMPLES}")
    target = None
    if isinstance(model, Generator):
        generator = model
    else:
        target = target_of(model) if step is None else None
        where = find_device(device)
        generator = load(model, step=step, architecture=architecture, device=where)
    called = source_of(data)
    source = None if called is None else absolute(called)
    read = dataset_of(data, spec=generator.spec)
    dataset = generator.kind.match(read, generator.name or "the generator")
    task = Task.of(generator, dataset, samples)
    extractor = find_extractor(features, source, generator.spec, _path(weights))
    extractor.to(generator.device)
    record = DataRecord.of(dataset, source, dataset.fingerprint())
    real = _Real.of((extractor.name, record.sha256, repr(dataset.spec)), extractor, dataset)
    record = record.model_copy(update={"samples": len(real.reference.features)})
    # The usual extractor for the kind of samples may have classes of the same names, such as
    # numbers, that are not the data's.
    same_classes = features != AUTO or extractor_of(source) is not None
    figures = [
        _figures(extractor, generator, real.reference, task, number, same_classes)
        for number in range(seed, seed + seeds)
    ]
    method = _Method(extractor, task, range(seed, seed + seeds), real, record)
    measured = {
        str(FigureName(name, extractor.name)): method.measured(name, figures) for name in figures[0]
    }
    if target is not None:
        write_figures(target, generator, measured)
    return measured


@usual_settings()
def compare(
    made: Samples,
    real: Samples,
    *,
    features: str | os.PathLike[str] = AUTO,
    weights: str | os.PathLike[str] | None = None,
) -> dict[str, float]:
    """The figures of one set of samples against another, by their names: ``fid[mnist-convnet]``.

    made: for example what another program has written. Both are data as `ganzoo.train` takes it,
    of the same kind and shape. Raises GanzooError where they are not, or where there are too few.
    """
    fake_data, real_data = dataset_of(made), dataset_of(real)
    _check_alike(fake_data, real_data)
    extractor = find_extractor(features, source_of(real), real_data.spec, _path(weights))
    fake = features_of_data(extractor, fake_data)
    check_enough(fake, f"data set {fake_data.name!r}")
    reference = Reference.of(features_of_data(extractor, real_data), extractor)
    check_enough(reference.features, f"data set {real_data.name!r}")
    figures = distances(fake, reference) | class_figures(fake, reference)
    return {str(FigureName(name, extractor.name)): value for name, value in figures.items()}


def table(figures: Mapping[str, Measured]) -> list[list[str]]:
    """Figures as rows of a table, the first with the titles of the columns."""
    rows = [["", "value", "spread", "real:real", "noise"]]
    for name, m in figures.items():
        cells = (m.value, m.spread, m.floor, m.ceiling)
        rows.append([name, *("" if cell is None else f"{cell:.5g}" for cell in cells)])
    return rows


def notes(figures: Mapping[str, Measured]) -> list[str]:
    """How figures of quality were measured, once for all that were measured alike."""
    return list(
        dict.fromkeys(
            f"{m.how}, {m.data.source or m.data.name}; {m.features}"
            for m in figures.values()
            if m.data
        )
    )


@dataclass(frozen=True)
class _Method:
    """How figures were measured, for their records."""

    extractor: Extractor
    task: Task
    seeds: range
    real: _Real
    data: DataRecord

    def measured(self, name: str, figures: Sequence[dict[str, float]]) -> Measured:
        """The record of one figure, from those of each seed."""
        values = [of_seed[name] for of_seed in figures]
        spread = statistics.stdev(values) if len(values) > 1 else None
        first, last, count = self.seeds[0], self.seeds[-1], len(self.real.reference.features)
        seeds = f"seed {first}" if first == last else f"each of the seeds {first} to {last}"
        return Measured(
            value=_rounded(statistics.fmean(values)),
            spread=None if spread is None else _rounded(spread, 2),
            floor=self.real.floor.get(name),
            ceiling=self.real.ceiling(self.task.count).get(name),
            how=f"{self.task.count} samples of {seeds}, against {count} real ones",
            features=f"{self.extractor.name}: {self.extractor.about}",
            by=f"torch-fidelity {version('torch-fidelity')}" if name in self.real.floor else "",
            data=self.data,
        )


def _figures(
    extractor: Extractor,
    generator: Generator,
    real: Reference,
    task: Task,
    seed: int,
    same_classes: bool,
) -> dict[str, float]:
    """The figures of one seed. same_classes: the extractor's classes are those of the data."""
    fake = features_of_generator(extractor, generator, task, seed)
    check_enough(fake, f"samples={task.count}")
    figures = distances(fake, real) | class_figures(fake, real)
    classes = generator.spec.classes
    if same_classes and fake.classes is not None and classes and classes == extractor.classes:
        agreement = fake.classes == task.asked(generator)
        figures["label_agreement"] = agreement.double().mean().item()
    return figures


class _Real:
    """The real samples' side, kept for the next model: features, and what bounds the figures.

    key: tells which extractor and data it is of.
    """

    newest: ClassVar[_Real | None] = None

    def __init__(self, key: tuple[object, ...], extractor: Extractor, dataset: Dataset) -> None:
        self.key, self.extractor, self.dataset = key, extractor, dataset
        self._ceilings: dict[int, dict[str, float]] = {}
        features = features_of_data(extractor, dataset)
        check_enough(features, f"data set {dataset.name!r}", times=2)
        self.reference = Reference.of(features, extractor)

    @classmethod
    def of(cls, key: tuple[object, ...], extractor: Extractor, dataset: Dataset) -> _Real:
        """The kept one where it has the same key, else a new one."""
        if cls.newest is None or cls.newest.key != key:
            cls.newest = cls(key, extractor, dataset)
        return cls.newest

    @functools.cached_property
    def floor(self) -> dict[str, float]:
        """The distances of one half of the real samples from the other."""
        mixed = self.reference.features.shuffled()
        half = len(mixed) // 2
        figures = distances(mixed[:half], replace(self.reference, features=mixed[half:]))
        return {name: _rounded(value) for name, value in figures.items()}

    def ceiling(self, samples: int) -> dict[str, float]:
        """The distances of this many samples of noise from them."""
        if samples not in self._ceilings:
            noise = features_of_noise(self.extractor, self.dataset, samples)
            figures = distances(noise, self.reference)
            self._ceilings[samples] = {name: _rounded(value) for name, value in figures.items()}
        return self._ceilings[samples]


def _check_alike(fake: Dataset, real: Dataset) -> None:
    """Raise GanzooError where two sets of samples cannot be compared as they are."""
    ours, theirs = fake.spec, real.spec
    alike = ours.kind == theirs.kind and ours.shape == theirs.shape
    # One without details, such as columns or a sample rate, says nothing of them.
    other_details = ours.details and theirs.details and ours.details != theirs.details
    if not alike or other_details:
        raise GanzooError(
            f"data set {fake.name!r} has samples of kind {ours.kind} {ours.shape}, and "
            f"{real.name!r} of kind {theirs.kind} {theirs.shape}: they must be alike"
        )


def _path(weights: str | os.PathLike[str] | None) -> Path | None:
    return None if weights is None else user_path(weights)


def _rounded(value: float, digits: int = 5) -> float:
    """To this many significant digits: more are chance."""
    return float(f"{value:.{digits}g}")
