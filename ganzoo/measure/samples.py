"""The features of samples that a generator makes, that a data set holds, or of noise."""

from __future__ import annotations

import warnings
from typing import Final

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import fault_of, none_readable, read_one
from ganzoo.errors import GanzooWarning, WorkFailed
from ganzoo.kinds import kind_of
from ganzoo.measure.features import Extractor, Features
from ganzoo.sampler import Sampler
from ganzoo.spec import SampleSpec

GENERATED: Final = 250  # samples that are made at once: large pictures take much memory
DECODED: Final = 1000  # samples that are read at once


def features_of_generator(
    extractor: Extractor, sampler: Sampler, count: int, seed: int
) -> Features:
    """The features of `count` samples of a generator, the classes taking turns.

    Raises WorkFailed where they are not finite or all the same.
    """
    parts: list[Features] = []
    first: Tensor | None = None
    varied = False
    for samples in sampler.stream(count, seed, GENERATED):
        if not samples.isfinite().all():
            raise WorkFailed(
                "the samples are not finite, so nothing can be measured: the generator's weights "
                "have diverged"
            )
        first = samples[:1] if first is None else first
        varied = varied or not bool((samples == first).all())
        parts.append(extractor(kind_of(sampler.spec).store(samples)))
    if not varied:
        raise WorkFailed(
            f"all {count} samples are the same: the generator has collapsed, and nothing can be "
            "measured of it"
        )
    return Features.joined(parts)


def features_of_data(extractor: Extractor, dataset: Dataset) -> Features:
    """The features of a data set's samples, in their order.

    Samples that cannot be read are left out, with a warning. Raises GanzooError where none can be
    read, or where values lie outside the data set's range.
    """
    parts: list[Features] = []
    faults: list[str] = []
    for part in torch.arange(len(dataset)).split(DECODED):
        samples = _read(dataset, part, faults)
        if samples is not None:
            parts.append(extractor(kind_of(dataset.spec).store(samples)))
    if not parts:
        raise none_readable(dataset.name, len(dataset), faults[0])
    if faults:
        warnings.warn(
            f"data set {dataset.name!r}: {len(faults)} of {len(dataset)} samples cannot be read "
            f"and are left out: {faults[0]}" + (", ..." if len(faults) > 1 else ""),
            GanzooWarning,
            stacklevel=2,
        )
    return Features.joined(parts)


def features_of_noise(extractor: Extractor, dataset: Dataset, count: int) -> Features:
    """The features of uniform noise over the range of the samples; where they have none, between
    the least and the largest value that each of their numbers has in the data."""
    rng = torch.Generator().manual_seed(0)
    spec, samples = dataset.spec, dataset.samples
    low, high = spec.low, spec.high
    least, most = torch.tensor(low or 0.0), torch.tensor(high or 0.0)
    if low is None or high is None:
        assert isinstance(samples, Tensor)  # only images are read one by one
        least, most = samples.amin(0), samples.amax(0)
    parts = []
    for begin in range(0, count, DECODED):
        drawn = torch.rand(min(DECODED, count - begin), *spec.shape, generator=rng)
        parts.append(extractor(kind_of(spec).store(drawn * (most - least) + least)))
    return Features.joined(parts)


def other_details(ours: SampleSpec, theirs: SampleSpec) -> bool:
    """Whether two specs say that their samples mean different things: other columns, another
    sample rate. One without details says nothing."""
    return bool(ours.details and theirs.details and ours.details != theirs.details)


def _read(dataset: Dataset, index: Tensor, faults: list[str]) -> Tensor | None:
    if isinstance(dataset.samples, Tensor):
        return dataset.samples[index]
    readable = []
    for number in index.tolist():
        try:
            readable.append(read_one(dataset.samples, number, dataset.spec))
        except (OSError, ValueError) as error:
            faults.append(fault_of(dataset.samples, number, error))
    return torch.stack(readable) if readable else None
