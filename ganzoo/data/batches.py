"""Batches where the model trains, in an order that depends on the seed and the position alone."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, LazySamples, as_floats
from ganzoo.data.stream import Stream
from ganzoo.data.worker import Read, Readable
from ganzoo.errors import GanzooWarning

#: Added to the seed of the inputs' own order, so that it is another than that of the samples. Of
#: a seed, torch's generator takes the lower 32 bits.
_OF_INPUTS: Final = 0x9E3779B9

Mirror = Callable[[Tensor], Tensor]


class Batch(NamedTuple):
    """Real samples, (N, *shape) float32 in [low, high]; their labels, (N,) int64; and inputs,
    (N, *shape of the input spec) float32; None for what the data set does not have."""

    real: Tensor
    labels: Tensor | None
    inputs: Tensor | None = None


@dataclass
class Batches:
    """Endless batches of real samples, shuffled anew each epoch.

    batch_size: over all processes; this process gets the part of `rank`. seed: of the order.
    rng: for flips and noise, alike in all processes. mirror: makes the mirror image of samples,
    which half of them become; mirror_inputs: of inputs. The halves of a pair are mirrored
    together. workers: that decode what does not fit in memory. layout: of images. weights: how
    often each sample is drawn, (N,), in proportion; an epoch then draws with replacement. The last,
    incomplete batch of an epoch is left out.
    """

    dataset: Dataset
    batch_size: int
    seed: int
    rng: torch.Generator
    device: torch.device
    rank: int = 0
    world: int = 1
    mirror: Mirror | None = None
    mirror_inputs: Mirror | None = None
    dequantize: bool = False
    workers: int = 2
    layout: torch.memory_format = torch.channels_last
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        data = self.dataset
        lazy = not isinstance(data.samples, Tensor) or isinstance(data.inputs, LazySamples)
        self.resident = None if lazy else self._kept(data.samples)
        self.inputs = None if lazy or data.inputs is None else self._kept(data.inputs)
        self.labels = None if data.labels is None else data.labels.to(self.device)
        self.per_epoch = len(data) // self.batch_size
        # Of all samples up to each, the last is 1.
        self._up_to = None if self.weights is None else _shares(self.weights).cumsum(0)
        # Of the batches that were started last. A reference would keep its workers for ever: what
        # ends them when they are given up knows the places, whose generator knows this object.
        self._stream: Callable[[], Stream | None] = lambda: None
        self.broken = 0  # samples that were found so while streaming

    def start(self, position: int) -> Iterator[Batch]:
        """Batches from the `position`-th on."""
        if self.resident is not None:
            places = self.places(position, self.resident.device)
            return (self.take(index, other) for index, other in places)
        self.close()
        places, pinned = self.places(position, torch.device("cpu")), self.device.type == "cuda"
        count = self.batch_size // self.world
        stream = Stream(self.dataset, places, self.workers, pinned, count)
        self._stream = weakref.ref(stream)
        return self._streamed(stream)

    def fetch(self, count: int) -> None:
        """Have the next `count` batches read, of data that streams: what is wrong with data or
        workers shows here, and not between two halves of a step.

        Raises GanzooError where no sample can be read, WorkerDied where workers are at fault.
        """
        stream = self._stream()
        if stream is not None:
            stream.fetch(count)

    def close(self) -> None:
        """End the workers of data that streams."""
        stream = self._stream()
        if stream is not None:
            stream.close()

    def take(self, index: Tensor, other: Tensor) -> Batch:
        """The batch of these places among samples that are kept. All chance is of `rng`."""
        assert self.resident is not None
        labels = None if self.labels is None else self.labels[index.to(self.device)]
        real = self.resident[index].to(self.device)
        inputs = self.inputs
        if inputs is not None:
            inputs = inputs[other.to(inputs.device)].to(self.device)
        return self._prepare(real, labels, inputs)

    def peek(self, count: int) -> Batch:
        """The first `count` samples, read in this process, to try things on: neither mirrored nor
        dequantized, so that no random number is drawn."""
        data, inputs = self.dataset, self.dataset.inputs
        turns = len(data) if inputs is None else len(inputs)
        read = Readable(data).read([(i % len(data), i % turns) for i in range(count)])
        labels = None if self.labels is None else self.labels[read.numbers.to(self.device)]
        real, others = (
            self._laid_out(as_floats(side.to(self.device))) for side in (read.samples, read.inputs)
        )
        return Batch(real, labels, None if inputs is None else others)

    def _kept(self, samples: Tensor | LazySamples) -> Tensor:
        """Samples where they are kept: on the model's device, unless they would crowd it."""
        assert isinstance(samples, Tensor)
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            if samples.nbytes > free // 4:
                return samples.cpu()
        return samples.to(self.device)

    def places(self, position: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """Where this process's part of each batch from the `position`-th on is: on `device`, the
        numbers of the samples and of their inputs, (N,) int64, the same where they are pairs."""
        share = self.batch_size // self.world
        own = self._own_order(position, share) if not self.dataset.paired else None
        while True:
            epoch, first = divmod(position, self.per_epoch)
            order = self._order(epoch)
            if device.type == "cuda":
                order = order.pin_memory()  # a copy from unpinned memory would wait
            order = order.to(device, non_blocking=True)
            for batch in range(first, self.per_epoch):
                begin = batch * self.batch_size + self.rank * share
                index = order[begin : begin + share]
                yield index, index if own is None else next(own)
                position += 1

    def _order(self, epoch: int) -> Tensor:
        """The numbers of an epoch's samples."""
        count = len(self.dataset)
        if self._up_to is None:
            return self._shuffled(count, epoch, 0)
        chance = torch.Generator().manual_seed(self._seed(epoch))
        drawn = torch.rand(count, generator=chance, dtype=torch.float64)
        return torch.searchsorted(self._up_to, drawn, right=True).clamp_max_(count - 1)

    def _own_order(self, position: int, share: int) -> Iterator[Tensor]:
        """The numbers of inputs that are not paired with samples: epoch after epoch without a gap,
        so that even a few fill a batch."""
        inputs = self.dataset.inputs
        count = 1 if inputs is None else len(inputs)
        known = -1
        order = torch.empty(0, dtype=torch.int64)
        while True:
            begin = position * self.batch_size + self.rank * share
            places = []
            for place in range(begin, begin + share):
                epoch, row = divmod(place, count)
                if epoch != known:
                    known, order = epoch, self._shuffled(count, epoch, _OF_INPUTS)
                places.append(order[row])
            yield torch.stack(places)
            position += 1

    def _shuffled(self, count: int, epoch: int, apart: int) -> Tensor:
        shuffle = torch.Generator().manual_seed(self._seed(epoch) + apart)
        return torch.randperm(count, generator=shuffle)

    def _seed(self, epoch: int) -> int:
        return self.seed * 1_000_003 + epoch

    def _streamed(self, stream: Stream) -> Iterator[Batch]:
        pinned = self.device.type == "cuda"
        told: set[str] = set()
        for read in stream:
            self._tell(read, told)
            labels = (
                None
                if self.labels is None
                else self.labels[read.numbers.to(self.device, non_blocking=pinned)]
            )
            samples, inputs = (
                side.to(self.device, non_blocking=pinned) for side in (read.samples, read.inputs)
            )
            yield self._prepare(
                samples, labels, inputs if self.dataset.inputs is not None else None
            )

    def _tell(self, read: Read, told: set[str]) -> None:
        """Warn of what is wrong with samples and with the place where they are kept, each once."""
        for trouble in set(read.troubles) - told:
            told.add(trouble)
            warnings.warn(trouble, GanzooWarning, stacklevel=3)
        for fault in set(read.faults) - told:
            told.add(fault)
            self.broken += 1
            warnings.warn(
                f"data set {self.dataset.name!r}: a sample cannot be read, the next one takes "
                f"its place ({self.broken} so far): {fault}",
                GanzooWarning,
                stacklevel=3,
            )

    def _prepare(self, samples: Tensor, labels: Tensor | None, inputs: Tensor | None) -> Batch:
        samples = self._laid_out(samples)  # before they are floats, of four times the size
        if self.dequantize and samples.dtype == torch.uint8:
            noise = self._draw(len(samples), *samples.shape[1:])
            real = samples.float().add_(noise).mul_(2 / 256).sub_(1)
        else:
            real = as_floats(samples)
        coin = None
        if self.mirror is not None:
            coin = self._draw(len(real))
            real = _mirrored(real, coin, self.mirror)
        if inputs is not None:
            inputs = as_floats(inputs)
            if self.mirror_inputs is not None:
                if coin is None or not self.dataset.paired:
                    coin = self._draw(len(inputs))
                inputs = _mirrored(inputs, coin, self.mirror_inputs)
            inputs = self._laid_out(inputs)
        return Batch(self._laid_out(real), labels, inputs)

    def _laid_out(self, samples: Tensor) -> Tensor:
        if samples.dim() == 4:
            return samples.contiguous(memory_format=self.layout)
        return samples

    def _draw(self, count: int, *shape: int) -> Tensor:
        # Made for the whole batch and cut, so that two processes see what one would.
        drawn = torch.rand(count * self.world, *shape, generator=self.rng, device=self.device)
        return drawn[self.rank * count : (self.rank + 1) * count]


def _shares(weights: Tensor) -> Tensor:
    """Weights on the CPU that sum up to 1, float64: float32 does not tell a million samples
    apart."""
    exact = weights.detach().cpu().double()
    return exact / exact.sum()


def _mirrored(samples: Tensor, coin: Tensor, mirror: Mirror) -> Tensor:
    coin = coin.view(-1, *[1] * (samples.dim() - 1))
    return torch.where(coin < 0.5, mirror(samples), samples)
