"""Batches where the model trains, in an order that depends on the seed and the position alone."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.utils import data as torch_data

from ganzoo.data.dataset import Dataset, LazySamples
from ganzoo.errors import GanzooError, GanzooWarning

_NAMED: Final = 5  # broken samples that a message names


def read_all(dataset: Dataset) -> Dataset:
    """The data set with every sample decoded into one tensor.

    A broken sample is skipped, with one warning for all; GanzooError where all are broken.
    """
    samples = dataset.samples
    if isinstance(samples, Tensor):
        return dataset
    lazy = samples
    tensor = torch.empty(len(lazy), *lazy.shape, dtype=torch.uint8)

    def read(index: int) -> str | None:
        try:
            tensor[index] = lazy[index]
        except (OSError, ValueError) as error:
            return f"{lazy.name(index)} ({error})"
        return None

    # A zip is read through one handle, a folder's decoders run beside each other.
    with ThreadPoolExecutor(1 if _is_zip(lazy) else os.cpu_count() or 1) as pool:
        faults = list(pool.map(read, range(len(lazy))))
    good = [index for index, fault in enumerate(faults) if fault is None]
    broken = [fault for fault in faults if fault is not None]
    if not good:
        raise none_readable(dataset)
    if not broken:
        return replace(dataset, samples=tensor)
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    warnings.warn(
        f"data set {dataset.name!r}: {len(broken)} of {len(lazy)} samples cannot be read and are "
        f"skipped: {', '.join(broken[:_NAMED])}{more}",
        GanzooWarning,
        stacklevel=2,
    )
    labels = None if dataset.labels is None else dataset.labels[good]
    return replace(dataset, samples=tensor[good], labels=labels)


def none_readable(dataset: Dataset) -> GanzooError:
    """The error where every sample is broken."""
    return GanzooError(f"data set {dataset.name!r}: none of its {len(dataset)} samples can be read")


def _is_zip(samples: LazySamples) -> bool:
    root = getattr(samples, "root", None)
    return root is not None and root.is_file()


class Batch(NamedTuple):
    """Real samples (N, *shape), their labels (N,), and what they are made from, (N, ...)."""

    real: Tensor
    labels: Tensor | None
    inputs: Tensor | None = None


@dataclass
class Batches:
    """Endless batches of real samples, shuffled anew each epoch.

    batch_size: over all processes; this process gets the part of `rank`. seed: of the order.
    rng: for flips and noise, alike in all processes. workers: that decode what does not fit in
    memory. The last, incomplete batch of an epoch is left out.
    """

    dataset: Dataset
    batch_size: int
    seed: int
    rng: torch.Generator
    device: torch.device
    rank: int = 0
    world: int = 1
    flip: bool = False
    dequantize: bool = False
    workers: int = 2

    def __post_init__(self) -> None:
        samples, labels = self.dataset.samples, self.dataset.labels
        self.resident = samples.to(self._home(samples)) if isinstance(samples, Tensor) else None
        self.labels = None if labels is None else labels.to(self.device)
        self.per_epoch = len(self.dataset) // self.batch_size

    def start(self, position: int) -> Iterator[Batch]:
        """Batches from the `position`-th on: (N, *shape) float32 in [low, high], and labels."""
        if self.resident is None:
            yield from self._stream(position)
            return
        for index in self._indices(position, self.resident.device):
            labels = None if self.labels is None else self.labels[index.to(self.device)]
            yield Batch(self._prepare(self.resident[index].to(self.device)), labels)

    def peek(self, count: int) -> Batch:
        """`count` samples from the data set's beginning, read in this process, to try things on."""
        read = [_Readable(self.dataset)[index % len(self.dataset)] for index in range(count)]
        chosen = torch.tensor([number for _, number, _ in read], device=self.device)
        labels = None if self.labels is None else self.labels[chosen]
        samples = torch.stack([sample for sample, _, _ in read])
        return Batch(self._prepare(samples.to(self.device)), labels)

    def _home(self, samples: Tensor) -> torch.device:
        """Where the samples are kept: where the model trains, unless they would crowd it."""
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            if samples.nbytes > free // 4:
                return torch.device("cpu")
        return self.device

    def _indices(self, position: int, device: torch.device) -> Iterator[Tensor]:
        """For each batch, the samples' numbers that fall to this process."""
        share = self.batch_size // self.world
        while True:
            epoch, first = divmod(position, self.per_epoch)
            shuffle = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            order = torch.randperm(len(self.dataset), generator=shuffle)
            if device.type == "cuda":
                order = order.pin_memory()  # a copy from unpinned memory would wait
            order = order.to(device, non_blocking=True)
            for batch in range(first, self.per_epoch):
                begin = batch * self.batch_size + self.rank * share
                yield order[begin : begin + share]
                position += 1

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
        for samples, index, faults in self._read(loader):
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
            yield Batch(self._prepare(samples.to(self.device, non_blocking=pinned)), labels)

    def _read(self, loader: Iterable[Any]) -> Iterator[Any]:
        try:
            yield from loader
        except GanzooError:  # raised in a worker, with its traceback as the text
            raise none_readable(self.dataset) from None

    def _prepare(self, samples: Tensor) -> Tensor:
        # Draws are made for the whole batch and cut, so that two processes see what one would.
        mine = slice(self.rank * len(samples), (self.rank + 1) * len(samples))
        levels = samples.dtype == torch.uint8
        samples = samples.float()
        if levels:
            if self.dequantize:
                shape = (len(samples) * self.world, *samples.shape[1:])
                samples += torch.rand(shape, generator=self.rng, device=self.device)[mine]
                samples = samples.mul_(2 / 256).sub_(1)
            else:
                samples = samples.mul_(2 / 255).sub_(1)
        if self.flip:
            total = len(samples) * self.world
            coin = torch.rand(total, 1, 1, 1, generator=self.rng, device=self.device)[mine]
            samples = torch.where(coin < 0.5, samples.flip(-1), samples)
        if samples.dim() == 4:
            samples = samples.contiguous(memory_format=torch.channels_last)
        return samples


class _Lists(torch_data.Sampler[list[int]]):
    def __init__(self, batches: Iterator[Tensor]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            yield batch.tolist()


class _Readable(torch_data.Dataset[tuple[Tensor, int, str]]):
    """Reads a sample in a worker; in place of a broken one, the next that can be read."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.samples = dataset, dataset.samples

    def __getitem__(self, index: int) -> tuple[Tensor, int, str]:
        fault = ""
        for offset in range(len(self.samples)):
            chosen = (index + offset) % len(self.samples)
            try:
                return self.samples[chosen], chosen, fault
            except (OSError, ValueError) as error:
                assert not isinstance(self.samples, Tensor)
                fault = fault or f"{self.samples.name(chosen)} ({error})"
        raise none_readable(self.dataset)


def _ignore_signals(worker: int) -> None:
    # Ctrl-C and a scheduler's SIGTERM reach the whole process group; the main process finishes
    # its step first, then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
