"""Samples on their way to an extractor: made by a generator, read from a data set, or noise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from ganzoo.data.batches import none_readable
from ganzoo.data.dataset import Dataset
from ganzoo.data.images import fit_images
from ganzoo.errors import GanzooError, WorkFailed
from ganzoo.metrics.extractor import Extractor, Features
from ganzoo.sampler import Sampler
from ganzoo.spec import SampleSpec

CHUNK: Final = 1000  # samples that are made or decoded at once


def features_made(extractor: Extractor, sampler: Sampler, count: int, seed: int) -> Features:
    """The features of `count` samples of a generator, labels taking turns.

    Raises WorkFailed where they are not finite or all the same.
    """
    parts: list[Features] = []
    first: Tensor | None = None
    varied = False
    for samples in sampler.stream(count, seed, CHUNK):
        if not samples.isfinite().all():
            raise WorkFailed(
                "the samples are not finite, so nothing can be measured: the generator's weights "
                "have diverged"
            )
        first = samples[:1] if first is None else first
        varied = varied or not bool((samples == first).all())
        parts.append(extractor(as_stored(samples, sampler.spec)))
    if not varied:
        raise WorkFailed(
            f"all {count} samples are the same: the generator has collapsed, and nothing can be "
            "measured of it"
        )
    return Features.joined(parts)


def features_read(extractor: Extractor, dataset: Dataset) -> Features:
    """The features of a data set's samples, in their order.

    What cannot be read is left out. Raises GanzooError where nothing can.
    """
    parts = []
    for part in torch.arange(len(dataset)).split(CHUNK):
        samples = _read(dataset, part)
        if samples is not None:
            parts.append(extractor(as_stored(samples, dataset.spec)))
    if not parts:
        raise none_readable(dataset)
    return Features.joined(parts)


def features_of_noise(extractor: Extractor, spec: SampleSpec, count: int) -> Features:
    """The features of noise: uniform over the range, or normal where it has none."""
    rng = torch.Generator().manual_seed(0)
    return Features.joined(
        [extractor(as_stored(samples, spec)) for samples in _noise(spec, count, rng)]
    )


def as_stored(samples: Tensor, spec: SampleSpec) -> Tensor:
    """Samples as files hold them: images as uint8, by rounding; others as they are.

    The range of the spec is mapped, not that of the samples: stretching the fakes' own range is
    a known way to a wrong FID.
    """
    if spec.kind != "image" or samples.dtype == torch.uint8:
        return samples
    low = -1.0 if spec.low is None else spec.low
    high = 1.0 if spec.high is None else spec.high
    return ((samples - low) * (255 / (high - low))).round().clamp(0, 255).to(torch.uint8)


def fitted(dataset: Dataset, spec: SampleSpec, whose: str) -> Dataset:
    """The data as samples of `spec` are compared with: its images at their size.

    Raises GanzooError where they are of another kind, have other channels or another shape.
    """
    if dataset.kind != spec.kind:
        raise GanzooError(
            f"{whose} makes samples of kind {spec.kind}, but the data set {dataset.name!r} is of "
            f"kind {dataset.kind}"
        )
    shape = dataset.spec.shape
    if spec.kind == "image":
        channels, height, width = spec.shape
        if shape[0] != channels:
            raise GanzooError(
                f"{whose} makes images of {channels} channel{'s' * (channels > 1)}, but those of "
                f"the data set {dataset.name!r} have {shape[0]}; give data of the same"
            )
        if height == width:
            return fit_images(dataset, height, channels)
    if shape != spec.shape:
        raise GanzooError(
            f"{whose} makes samples of shape {spec.shape}, but those of the data set "
            f"{dataset.name!r} have {shape}"
        )
    if dataset.details != spec.details:
        raise GanzooError(
            f"{whose} makes other {spec.kind} than the data set {dataset.name!r} has: their "
            "details (columns, sample rate) differ"
        )
    return dataset


def _read(dataset: Dataset, index: Tensor) -> Tensor | None:
    if isinstance(dataset.samples, Tensor):
        return dataset.samples[index]
    found = []
    for number in index.tolist():
        try:
            found.append(dataset.samples[number])
        except (OSError, ValueError):
            continue
    return torch.stack(found) if found else None


def _noise(spec: SampleSpec, count: int, rng: torch.Generator) -> Iterator[Tensor]:
    for begin in range(0, count, CHUNK):
        shape = (min(CHUNK, count - begin), *spec.shape)
        if spec.low is None or spec.high is None:
            yield torch.randn(shape, generator=rng)
        else:
            yield torch.rand(shape, generator=rng) * (spec.high - spec.low) + spec.low
