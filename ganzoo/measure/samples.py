"""The features of samples that a generator makes, that a data set holds, or of noise."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, LazySamples
from ganzoo.data.reading import Fault, in_words, none_readable, read_one
from ganzoo.errors import GanzooError, GanzooWarning, WorkFailed
from ganzoo.kinds import kind_of
from ganzoo.measure.features import Extractor, Features
from ganzoo.progress import bar
from ganzoo.sampler import Sampler
from ganzoo.spec import SampleSpec

GENERATED: Final = 250  # samples that are made at once: large pictures take much memory
DECODED: Final = 1000  # samples that are read at once


def rows(count: int, of: int) -> Tensor:
    """`count` rows out of `of`, evenly from all of them: data sets are often sorted by class."""
    return torch.arange(count) * of // count


@dataclass(frozen=True)
class Task:
    """What a generator is asked to make, to be compared with a data set.

    count: of samples. data: what it works from, where that is no latent: inputs, or the real
    samples that the architecture makes inputs from. labels: (count,), of those; None: the classes
    take turns.
    """

    count: int
    data: Dataset | None = None
    derived: bool = False
    labels: Tensor | None = None

    @classmethod
    def of(cls, sampler: Sampler, dataset: Dataset, count: int) -> Task:
        """The task of making `count` samples like those of `dataset`; fewer where it has fewer
        inputs. Raises GanzooError where it has none, and the generator needs them."""
        needed = sampler.architecture.input_spec
        if needed is None:
            return cls(count)
        inputs = dataset.of_inputs()
        if inputs is not None:
            whose = sampler.name or "the generator"
            data = kind_of(needed).match(inputs, whose, "works from")
        elif sampler.spec.inputs is None:
            data = dataset
        else:
            raise GanzooError(
                f"{sampler.name or 'the generator'} works from inputs, and the data set "
                f"{dataset.name!r} has none; give data with inputs"
            )
        count = min(count, len(data))
        derived = data is dataset
        labels = None
        if dataset.labels is not None and dataset.classes == sampler.spec.classes:
            labels = dataset.labels[rows(count, len(data))] if derived or dataset.paired else None
        return cls(count, data, derived, labels if sampler.architecture.conditional else None)

    @property
    def rows(self) -> Tensor | None:
        """(count,): the place in `data` that each sample is made from."""
        return None if self.data is None else rows(self.count, len(self.data))

    def asked(self, sampler: Sampler) -> Tensor:
        """The class that each sample of a conditional generator should be of, (count,)."""
        return sampler.turns(self.count) if self.labels is None else self.labels

    def samples(self, sampler: Sampler, seed: int) -> Iterator[Tensor]:
        """The samples, a batch at a time."""
        if self.data is None:
            yield from sampler.stream(self.count, seed, GENERATED)
            return
        chosen = rows(self.count, len(self.data))
        for number, place in enumerate(torch.arange(self.count).split(DECODED)):
            index, labels = chosen[place], None if self.labels is None else self.labels[place]
            part_seed = seed + (number << 32)  # other noise for each part
            inputs = self._inputs(sampler, self.data, index, labels, part_seed)
            classes = sampler.spec.classes
            names = None if labels is None else [classes[label] for label in labels.tolist()]
            yield from sampler.stream(len(index), part_seed, GENERATED, names, inputs)

    def _inputs(
        self, sampler: Sampler, data: Dataset, index: Tensor, labels: Tensor | None, seed: int
    ) -> Tensor:
        faults: list[Fault] = []
        samples = _scaled(read_rows(data.samples, data.spec, index, faults))
        if faults:
            raise GanzooError(f"data set {data.name!r}: a generator works from it: {faults[0]}")
        if not self.derived:
            return samples
        rng = torch.Generator(sampler.device).manual_seed(seed)
        labels = None if labels is None else labels.to(sampler.device)
        return sampler.architecture.condition(samples.to(sampler.device), labels, rng).cpu()


def features_of_generator(
    extractors: Sequence[Extractor],
    sampler: Sampler,
    task: Task,
    seed: int,
    keep: list[Tensor] | None = None,
) -> list[Features]:
    """The features of the samples that a generator makes, by each of `extractors`.

    keep: a list that the samples are added to, a batch at a time, as files hold them. Raises
    WorkFailed where the samples are not finite or all the same.
    """
    parts: list[list[Features]] = []
    first: Tensor | None = None
    varied = False
    with bar(f"measuring seed {seed}", task.count) as advance:
        for samples in task.samples(sampler, seed):
            if not samples.isfinite().all():
                raise WorkFailed(
                    "the samples are not finite, so nothing can be measured: the generator's "
                    "weights have diverged"
                )
            first = samples[:1] if first is None else first
            varied = varied or not bool((samples == first).all())
            stored = sampler.kind.store(samples)
            parts.append([extractor(stored) for extractor in extractors])
            if keep is not None:
                keep.append(stored)
            advance(len(samples))
    if not varied:
        raise WorkFailed(
            f"all {task.count} samples are the same: the generator has collapsed, and nothing can "
            "be measured of it"
        )
    return _joined(parts)


def _joined(parts: list[list[Features]]) -> list[Features]:
    """From the features of each batch by each extractor, those of each extractor."""
    return [Features.joined(list(of_one)) for of_one in zip(*parts, strict=True)]


def features_of_data(extractors: Sequence[Extractor], dataset: Dataset) -> list[Features]:
    """The features of a data set's samples, in their order, by each of `extractors`.

    Samples that cannot be read are left out, with a warning. Raises GanzooError where none can be
    read.
    """
    spec, kind = dataset.spec, kind_of(dataset.spec)
    parts: list[list[Features]] = []
    faults: list[Fault] = []
    with bar(f"measuring {dataset.name}", len(dataset)) as advance:
        for index in torch.arange(len(dataset)).split(DECODED):
            samples = read_rows(dataset.samples, spec, index, faults)
            if len(samples):
                stored = kind.store(samples)
                parts.append([extractor(stored) for extractor in extractors])
            advance(len(index))
    if not parts:
        raise none_readable(dataset.name, len(dataset), faults)
    if faults:
        warnings.warn(
            f"data set {dataset.name!r}: {len(faults)} of {len(dataset)} samples cannot be read "
            f"and are left out: {in_words(faults)}",
            GanzooWarning,
            stacklevel=2,
        )
    return _joined(parts)


def features_of_noise(
    extractors: Sequence[Extractor], dataset: Dataset, count: int
) -> list[Features]:
    """The features, by each of `extractors`, of uniform noise over the range of the samples; where
    they have none, between the least and the largest value that each number has in the data."""
    rng = torch.Generator().manual_seed(0)
    spec, kind = dataset.spec, kind_of(dataset.spec)
    low, high = spec.low, spec.high
    least, most = torch.tensor(low or 0.0), torch.tensor(high or 0.0)
    if low is None or high is None:
        least, most = _extremes(dataset)
    parts = []
    with bar("measuring noise", count) as advance:
        for begin in range(0, count, DECODED):
            drawn = torch.rand(min(DECODED, count - begin), *spec.shape, generator=rng)
            stored = kind.store(drawn * (most - least) + least)
            parts.append([extractor(stored) for extractor in extractors])
            advance(len(drawn))
    return _joined(parts)


def _extremes(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """The least and the largest value of each number of a sample."""
    least, most = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for index in torch.arange(len(dataset)).split(DECODED):
        samples = _scaled(read_rows(dataset.samples, dataset.spec, index, []))
        if len(samples):
            least = torch.minimum(least, samples.amin(0))
            most = torch.maximum(most, samples.amax(0))
    return least, most


def _scaled(samples: Tensor) -> Tensor:
    """Samples as networks take them: uint8 stands for [-1, 1]."""
    return samples / 127.5 - 1 if samples.dtype == torch.uint8 else samples.float()


def read_rows(
    samples: Tensor | LazySamples, spec: SampleSpec, index: Tensor, faults: list[Fault]
) -> Tensor:
    """The samples of these numbers. Those that cannot be read are left out, and noted in
    `faults`."""
    if isinstance(samples, Tensor):
        return samples[index]
    readable = []
    for number in index.tolist():
        try:
            readable.append(read_one(samples, number, spec))
        except (OSError, ValueError) as error:
            faults.append(Fault.of(samples, number, error))
    return torch.stack(readable) if readable else torch.empty(0, *spec.shape)
