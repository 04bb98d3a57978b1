"""What a worker process does: it reads a batch of samples that are not in memory."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import data as torch_data

from ganzoo.data.dataset import Dataset, LazySamples
from ganzoo.data.decoded import Decoded
from ganzoo.data.reading import Fault, none_readable, read_one
from ganzoo.spec import SampleSpec


class Lists(torch_data.Sampler[list[tuple[int, int]]]):
    """Batches of numbers, of samples and of their inputs, as a data loader asks for them."""

    def __init__(self, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for index, other in self.batches:
            yield list(zip(index.tolist(), other.tolist(), strict=True))


class Read(NamedTuple):
    """A batch as a worker has read it: samples and inputs, (N, ...), inputs empty where there are
    none; the numbers of the samples, (N,) int64; what was broken among them, and what is wrong
    with the place where they are kept, in words."""

    samples: Tensor
    inputs: Tensor
    numbers: Tensor
    faults: list[str]
    troubles: list[str]


def as_read(read: Any) -> Any:
    """A batch as it is: it has been put together already."""
    return read


class Readable(torch_data.Dataset[Read]):
    """Reads the samples and inputs of a batch in a worker. A broken one is replaced by the next
    that can be read; of a pair, both are."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.spec = dataset, dataset.spec

    def __getitems__(self, numbers: list[tuple[int, int]]) -> Read:
        return self.read(numbers)

    def read(self, numbers: list[tuple[int, int]]) -> Read:
        """Samples and inputs of these numbers."""
        samples, inputs, index, faults = zip(*map(self._one, numbers), strict=True)
        troubles = _troubles(self.dataset.samples) + _troubles(self.dataset.inputs)
        return Read(
            torch_data.default_collate(list(samples)),  # in a worker, straight into shared memory
            torch_data.default_collate(list(inputs)),
            torch.tensor(index),
            [fault for fault in faults if fault],
            troubles,
        )

    def _one(self, numbers: tuple[int, int]) -> tuple[Tensor, Tensor, int, str]:
        data, (index, other) = self.dataset, numbers
        samples = (data.samples, self.spec)
        if data.inputs is None or data.input_spec is None:
            (sample,), index, fault = self._read([samples], index)
            return sample, torch.empty(0), index, fault
        inputs = (data.inputs, data.input_spec)
        if data.paired:
            (sample, partner), index, fault = self._read([samples, inputs], index)
            return sample, partner, index, fault
        (sample,), index, fault = self._read([samples], index)
        (partner,), _, other_fault = self._read([inputs], other)
        return sample, partner, index, fault or other_fault

    def _read(
        self, sides: list[tuple[Tensor | LazySamples, SampleSpec]], index: int
    ) -> tuple[list[Tensor], int, str]:
        """What is at `index` on each side, or at the next number without a fault."""
        faults: list[Fault] = []
        count = len(sides[0][0])
        for offset in range(count):
            chosen = (index + offset) % count
            parts = []
            try:
                for samples, spec in sides:
                    parts.append(read_one(samples, chosen, spec))
                return parts, chosen, str(faults[0]) if faults else ""
            except (OSError, ValueError) as error:
                faults.append(Fault.of(sides[len(parts)][0], chosen, error))
        raise none_readable(self.dataset.name, count, faults)


def _troubles(samples: Tensor | LazySamples | None) -> list[str]:
    """What went wrong since the last time with the place where samples are kept."""
    if not isinstance(samples, Decoded):
        return []
    troubles = list(samples.troubles)
    samples.troubles.clear()
    return troubles


def ignore_signals(worker: int) -> None:
    """What a worker does first."""
    # Ctrl-C and a scheduler's SIGTERM reach the whole process group; the main process finishes
    # its step first, then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
