"""What ``import ganzoo`` offers for measuring: evaluate a model, compare two sets of samples."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Final

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import Dataset
from ganzoo.devices import find_device, usual_settings
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.figure_name import FigureName
from ganzoo.files import user_path
from ganzoo.measure.extractors import (
    AUTO,
    Named,
    chosen_names,
    extractors_of,
    find_extractors,
)
from ganzoo.measure.features import Extractor
from ganzoo.measure.figures import Reference, check_enough, compared, least
from ganzoo.measure.real import Real
from ganzoo.measure.samples import Task, features_of_data
from ganzoo.measure.trial import entries_for
from ganzoo.measure.trials import Trials
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
    features: Named | Sequence[Named] = AUTO,
    weights: str | os.PathLike[str] | None = None,
    figures: Sequence[str] = (),
    step: int | None = None,
    architecture: type[Architecture] | None = None,
    device: str = "auto",
) -> dict[str, Measured]:
    """Measure a model against real data, and return the figures by their names.

    model, step, architecture: as in `ganzoo.load`, or a generator. samples: how many are made with
    each of `seeds` seeds, from `seed` on; a figure is the mean over them, its spread their standard
    deviation. A generator that works from inputs is given those of the data, at most `samples`.
    features: the extractors, see ``ganzoo list``, or files of them; auto: all that the data set
    names. weights: a file for a single one. figures: more to measure, which are not measured
    without being asked for; see ``ganzoo list figures``. device: as in `ganzoo.train`; a generator
    stays where it is.

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
    check_enough(samples, f"samples={samples}")
    target = None
    if isinstance(model, Generator):
        generator = model
    else:
        target = target_of(model) if step is None else None
        where = find_device(device)
        generator = load(model, step=step, architecture=architecture, device=where)
    entries = entries_for(generator, tuple(figures))
    called = source_of(data)
    source = None if called is None else absolute(called)
    read = dataset_of(data, spec=generator.spec)
    dataset = generator.kind.match(read, generator.name or "the generator")
    task = Task.of(generator, dataset, samples)
    extractors = find_extractors(features, source, generator.spec, _path(weights))
    for extractor in extractors:
        extractor.to(generator.device)
    record = DataRecord.of(dataset, source, dataset.fingerprint())
    real = Real.of(extractors, dataset, str(record.sha256))
    record = record.model_copy(update={"samples": real.count})
    same = [_same_classes(extractor, generator, source, features) for extractor in extractors]
    trials = Trials(generator, task, real, entries, tuple(figures), same)
    measured = trials.measured(range(seed, seed + seeds), record)
    _tell_what_is_missing(real, task.count)
    if target is not None:
        write_figures(target, generator, measured)
    return measured


@usual_settings()
def compare(
    made: Samples,
    real: Samples,
    *,
    features: Named | Sequence[Named] = AUTO,
    weights: str | os.PathLike[str] | None = None,
) -> dict[str, float]:
    """The figures of one set of samples against another, by their names: ``fid[mnist-convnet]``.

    made: for example what another program has written. Both are data as `ganzoo.train` takes it,
    of the same kind and shape. Raises GanzooError where they are not, or where there are too few.
    """
    fake_data, real_data = dataset_of(made), dataset_of(real)
    _check_alike(fake_data, real_data)
    extractors = find_extractors(features, source_of(real), real_data.spec, _path(weights))
    sides = [features_of_data(extractors, data) for data in (fake_data, real_data)]
    for side, data in zip(sides, (fake_data, real_data), strict=True):
        check_enough(len(side[0]), f"data set {data.name!r}")
    return {
        str(FigureName(name, extractor.name)): value
        for extractor, fake, reference in zip(extractors, *sides, strict=True)
        for name, value in compared(fake, Reference.of(reference, extractor)).items()
    }


def table(figures: Mapping[str, Measured]) -> list[list[str]]:
    """Figures as rows of a table, the first with the titles of the columns."""
    rows = [["", "value", "spread", "real:real", "noise", ""]]
    for name, m in figures.items():
        cells = (m.value, m.spread, m.floor, m.ceiling)
        shown = ("" if cell is None else f"{cell:.5g}" for cell in cells)
        rows.append([name, *shown, m.caution])
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


def _tell_what_is_missing(real: Real, samples: int) -> None:
    """Warn where there are too few samples for FID."""
    count = min(samples, real.count)
    lengths = {
        extractor.name: reference.features.values.shape[1]
        for extractor, reference in zip(real.extractors, real.references, strict=True)
    }
    missing = {name: length for name, length in lengths.items() if count < least(length)}
    if missing:
        needed = ", ".join(f"{length} of {name}" for name, length in missing.items())
        warnings.warn(
            f"FID is left out, since {count} samples are too few: it needs more than there are "
            f"features, {needed}; KID does without",
            GanzooWarning,
            stacklevel=3,
        )


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


def _same_classes(
    extractor: Extractor,
    generator: Generator,
    source: str | None,
    features: Named | Sequence[Named],
) -> bool:
    """Whether the extractor's classes are those of the data. Numbers may be anything's."""
    if extractor.classes != generator.spec.classes:
        return False
    chosen = AUTO not in chosen_names(features) or extractor.name in extractors_of(source)
    return chosen or not all(name.isdecimal() for name in extractor.classes)
