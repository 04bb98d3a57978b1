"""Batches where the model trains, in an order that depends on the seed and the position alone."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.utils import data as torch_data

from ganzoo.data.dataset import Dataset, LazySamples, as_floats
from ganzoo.data.reading import fault_of, none_readable, read_one
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.spec import SampleSpec

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
    together. workers: that decode what does not fit in memory. The last, incomplete batch of an
    epoch is left out.
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

    def __post_init__(self) -> None:
        data = self.dataset
        lazy = not isinstance(data.samples, Tensor) or isinstance(data.inputs, LazySamples)
        self.resident = None if lazy else self._kept(data.samples)
        self.inputs = None if lazy or data.inputs is None else self._kept(data.inputs)
        self.labels = None if data.labels is None else data.labels.to(self.device)
        self.per_epoch = len(data) // self.batch_size

    def start(self, position: int) -> Iterator[Batch]:
        """Batches from the `position`-th on."""
        if self.resident is None:
            yield from self._stream(position)
            return
        for index, other in self._indices(position, self.resident.device):
            labels = None if self.labels is None else self.labels[index.to(self.device)]
            real = self.resident[index].to(self.device)
            inputs = self.inputs
            if inputs is not None:
                inputs = inputs[other.to(inputs.device)].to(self.device)
            yield self._prepare(real, labels, inputs)

    def peek(self, count: int) -> Batch:
        """The first `count` samples, read in this process, to try things on: neither mirrored nor
        dequantized, so that no random number is drawn."""
        data, inputs = self.dataset, self.dataset.inputs
        turns = len(data) if inputs is None else len(inputs)
        read = [_Readable(data)[index % len(data), index % turns] for index in range(count)]
        chosen = torch.tensor([number for _, _, number, _ in read], device=self.device)
        labels = None if self.labels is None else self.labels[chosen]
        real, others = (
            _laid_out(as_floats(torch.stack(side).to(self.device)))
            for side in ([sample for sample, *_ in read], [other for _, other, *_ in read])
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

    def _indices(self, position: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """For each batch, the numbers of this process's samples and of their inputs, which are the
        same where they are pairs."""
        share = self.batch_size // self.world
        own = self._own_order(position, share) if not self.dataset.paired else None
        while True:
            epoch, first = divmod(position, self.per_epoch)
            order = self._shuffled(len(self.dataset), epoch, 0)
            if device.type == "cuda":
                order = order.pin_memory()  # a copy from unpinned memory would wait
            order = order.to(device, non_blocking=True)
            for batch in range(first, self.per_epoch):
                begin = batch * self.batch_size + self.rank * share
                index = order[begin : begin + share]
                yield index, index if own is None else next(own)
                position += 1

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
        shuffle = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch + apart)
        return torch.randperm(count, generator=shuffle)

    def _stream(self, position: int) -> Iterator[Batch]:
        pinned = self.device.type == "cuda"
        loader = torch_data.DataLoader(
            _Readable(self.dataset),
            batch_sampler=_Lists(self._indices(position, torch.device("cpu"))),
            num_workers=self.workers,
            pin_memory=pinned,
            worker_init_fn=_ignore_signals,
            # Else the loader draws from the global generator, and a resumed run draws once more.
            generator=torch.Generator(),
        )
        reported: set[str] = set()
        for samples, inputs, index, faults in self._read(loader):
            for fault in set(faults) - {""} - reported:
                reported.add(fault)
                warnings.warn(
                    f"data set {self.dataset.name!r}: a sample cannot be read, the next one takes "
                    f"its place ({len(reported)} so far): {fault}",
                    GanzooWarning,
                    stacklevel=2,
                )
            labels = (
                None
                if self.labels is None
                else self.labels[index.to(self.device, non_blocking=pinned)]
            )
            samples, inputs = (
                side.to(self.device, non_blocking=pinned) for side in (samples, inputs)
            )
            yield self._prepare(
                samples, labels, inputs if self.dataset.inputs is not None else None
            )

    def _read(self, loader: Iterable[Any]) -> Iterator[Any]:
        try:
            yield from loader
        except GanzooError as error:  # raised in a worker, with its traceback as the text
            text = str(error).strip().splitlines()[-1].removeprefix("ganzoo.errors.GanzooError: ")
            raise GanzooError(text) from None

    def _prepare(self, samples: Tensor, labels: Tensor | None, inputs: Tensor | None) -> Batch:
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
            inputs = _laid_out(inputs)
        return Batch(_laid_out(real), labels, inputs)

    def _draw(self, count: int, *shape: int) -> Tensor:
        # Made for the whole batch and cut, so that two processes see what one would.
        drawn = torch.rand(count * self.world, *shape, generator=self.rng, device=self.device)
        return drawn[self.rank * count : (self.rank + 1) * count]


def _mirrored(samples: Tensor, coin: Tensor, mirror: Mirror) -> Tensor:
    coin = coin.view(-1, *[1] * (samples.dim() - 1))
    return torch.where(coin < 0.5, mirror(samples), samples)


def _laid_out(samples: Tensor) -> Tensor:
    if samples.dim() == 4:
        return samples.contiguous(memory_format=torch.channels_last)
    return samples


class _Lists(torch_data.Sampler[list[tuple[int, int]]]):
    def __init__(self, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for index, other in self.batches:
            yield list(zip(index.tolist(), other.tolist(), strict=True))


class _Readable(torch_data.Dataset[tuple[Tensor, Tensor, int, str]]):
    """Reads a sample and its input in a worker. A broken one is replaced by the next that can be
    read; of a pair, both are."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.spec = dataset, dataset.spec

    def __getitem__(self, numbers: tuple[int, int]) -> tuple[Tensor, Tensor, int, str]:
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
        fault, count = "", len(sides[0][0])
        for offset in range(count):
            chosen = (index + offset) % count
            parts = []
            try:
                for samples, spec in sides:
                    parts.append(read_one(samples, chosen, spec))
                return parts, chosen, fault
            except (OSError, ValueError) as error:
                fault = fault or fault_of(sides[len(parts)][0], chosen, error)
        raise none_readable(self.dataset.name, count, fault)


def _ignore_signals(worker: int) -> None:
    # Ctrl-C and a scheduler's SIGTERM reach the whole process group; the main process finishes
    # its step first, then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
