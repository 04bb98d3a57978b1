"""The training samples that are nearest to a generated one: whether a generator repeats them."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from ganzoo.data.dataset import as_floats
from ganzoo.data.reading import spread_samples
from ganzoo.entries import DatasetEntry
from ganzoo.errors import GanzooError
from ganzoo.models.generator import Generator
from ganzoo.models.references import RunReference, reference_to
from ganzoo.plugins import catalogue
from ganzoo.sources.find import find_dataset
from ganzoo.sources.options import Data

MOST: Final = 10_000  # training samples that are kept in memory, evenly from all


class TrainingSamples:
    """The samples that a generator was trained on, as far as the data is found again.

    name: of the data set. samples: (N, *shape), as files hold them. total: how many the data set
    has; N is 10,000 at most. Raises GanzooError where it cannot be said what the data was, or it is
    not here any more.
    """

    def __init__(self, generator: Generator) -> None:
        dataset = find_dataset(_data_of(generator), generator.spec)
        dataset = generator.kind.match(dataset)
        self.name, self.total = dataset.name, len(dataset)
        self.samples = generator.kind.store(spread_samples(dataset, MOST)[0])
        self._kind = generator.kind

    def nearest(self, samples: Tensor, count: int = 8) -> Tensor:
        """The places in `samples` of this set that are nearest to each of `samples`, (N, *shape):
        (N, count), the nearest first, by the Euclidean distance between their values."""
        given = self._kind.store(samples).flatten(1).float()
        own = self.samples.flatten(1).float()
        return torch.cdist(given, own).topk(min(count, len(own)), largest=False).indices

    def at(self, places: Tensor) -> Tensor:
        """The samples at `places`, (N,), as a network gives them: float32 (N, *shape)."""
        spec = self._kind.spec
        return as_floats(self.samples[places], spec.low, spec.high)


def _data_of(generator: Generator) -> Data:
    """What data the generator was trained on. A run knows it whole; a model by its name alone."""
    reference = reference_to(generator.source) if generator.source else None
    if isinstance(reference, RunReference):
        data = reference.run.config.data
        if data.source is None:
            raise GanzooError("it was trained on data in memory, which no file has")
        return data
    record = generator.training.get("data")
    source = record.get("source") if isinstance(record, dict) else None
    if not isinstance(source, str) or not source:
        raise GanzooError("the model does not say what it was trained on")
    if source.partition(":")[0] not in catalogue().entries(DatasetEntry):
        raise GanzooError(f"it was trained on {source}, a file or folder of another place or time")
    return Data.model_construct(source=source)
