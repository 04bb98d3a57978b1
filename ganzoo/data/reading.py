"""Reading samples that are not in memory: one by one, or all at once where they fit."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import psutil
import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset, LazySamples, as_floats, range_fault
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.progress import each
from ganzoo.spec import SampleSpec

_NAMED: Final = 5  # broken samples that a message names, of each reason
_REASONS: Final = 10  # that a message gives


def read_one(samples: Tensor | LazySamples, index: int, spec: SampleSpec) -> Tensor:
    """Sample number `index`. Raises OSError or ValueError where it is broken: one that cannot be
    read, or whose values are not finite or outside of the spec's range.

    Raises GanzooError where it is of another type or shape than its `LazySamples` say.
    """
    if isinstance(samples, Tensor):
        return samples[index]
    sample = samples[index]
    if sample.dtype != samples.dtype or tuple(sample.shape) != tuple(samples.shape):
        raise GanzooError(
            f"{samples.name(index)} is read as {sample.dtype} {tuple(sample.shape)}, and the data "
            f"set says {samples.dtype} {tuple(samples.shape)}"
        )
    if sample.dtype != torch.uint8:
        fault = range_fault(sample[None], spec.low, spec.high)
        if fault:
            raise ValueError(fault)
    return sample


def read_all(dataset: Dataset) -> Dataset:
    """The data set with every sample and input decoded into one tensor each.

    What is broken is skipped, of a pair both, with one warning for all; GanzooError where all are.
    """
    alone, labels = dataset.of_inputs(), dataset.labels
    sides = [(dataset.samples, dataset.spec)]
    if alone is not None and dataset.paired:
        sides.append((alone.samples, alone.spec))
    tensors, good = _read(sides, dataset.name)
    if good is not None:
        tensors = [tensor[good] for tensor in tensors]
        labels = None if labels is None else labels[good]
    inputs: Tensor | LazySamples | None = tensors[-1] if len(tensors) > 1 else None
    if alone is not None and not dataset.paired:
        inputs = read_all(alone).samples
    return replace(dataset, samples=tensors[0], labels=labels, inputs=inputs)


def spread_samples(dataset: Dataset, count: int) -> tuple[Tensor, Tensor | None]:
    """Up to `count` samples as networks take them, and their labels: the first that can be read of
    each of as many equal stretches, because data sets are often sorted by class.

    Raises GanzooError where none can be read.
    """
    examples: dict[int, Tensor] = {}
    faults: list[Fault] = []
    size, count = len(dataset), min(count, len(dataset))
    for place in range(count):
        for index in range(place * size // count, (place + 1) * size // count):
            try:
                examples[index] = read_one(dataset.samples, index, dataset.spec)
                break
            except (OSError, ValueError) as error:
                faults.append(Fault.of(dataset.samples, index, error))
    if not examples:
        raise none_readable(dataset.name, size, faults)
    labels = None if dataset.labels is None else dataset.labels[list(examples)]
    return as_floats(torch.stack(list(examples.values()))), labels


def _read(
    sides: list[tuple[Tensor | LazySamples, SampleSpec]], name: str
) -> tuple[list[Tensor], list[int] | None]:
    """Each side as a tensor, and the rows that are good on all sides; None: all rows."""
    count = len(sides[0][0])
    tensors = [
        side if isinstance(side, Tensor) else torch.empty(count, *side.shape, dtype=side.dtype)
        for side, _ in sides
    ]

    def read(index: int) -> Fault | None:
        for tensor, (side, spec) in zip(tensors, sides, strict=True):
            try:
                if side is not tensor:
                    tensor[index] = read_one(side, index, spec)
            except (OSError, ValueError) as error:
                return Fault.of(side, index, error)
        return None

    if all(isinstance(side, Tensor) for side, _ in sides):
        return tensors, None
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        faults = list(each(pool.map(read, range(count)), f"reading {name}", count))
    broken = [fault for fault in faults if fault is not None]
    if not broken:
        return tensors, None
    if len(broken) == count:
        raise none_readable(name, count, broken)
    warnings.warn(
        f"data set {name!r}: {len(broken)} of {count} samples cannot be read and are "
        f"skipped: {in_words(broken)}",
        GanzooWarning,
        stacklevel=3,
    )
    return tensors, [index for index, fault in enumerate(faults) if fault is None]


class Fault(NamedTuple):
    """A sample that cannot be read: what it is called, and why."""

    name: str
    reason: str

    @classmethod
    def of(cls, samples: Tensor | LazySamples, index: int, error: Exception) -> Fault:
        """The fault of sample number `index`."""
        where = f"number {index}" if isinstance(samples, Tensor) else samples.name(index)
        return cls(where, str(error))

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


def in_words(faults: Iterable[Fault]) -> str:
    """Faults by their reasons, the commonest first, each with a few of the names."""
    named: dict[str, list[str]] = {}
    for fault in faults:
        named.setdefault(fault.reason, []).append(fault.name)
    reasons = sorted(named.items(), key=lambda item: -len(item[1]))
    parts = [
        f"{', '.join(names[:_NAMED])}"
        + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        + f" ({reason})"
        for reason, names in reasons[:_REASONS]
    ]
    others = len(reasons) - _REASONS
    return "; ".join(parts) + (f"; and {others} other reasons" if others > 0 else "")


def none_readable(name: str, count: int, faults: Iterable[Fault] = ()) -> GanzooError:
    """The error where every sample is broken. faults: of those that were tried."""
    words = in_words(faults)
    why = f": {words}" if words else ""
    return GanzooError(f"data set {name!r}: none of its {count} samples can be read{why}")


def fits_in_memory(dataset: Dataset) -> bool:
    """Whether all samples and inputs take at most a quarter of the available memory, or are in
    memory already."""
    needed = _bytes(dataset.samples) + (0 if dataset.inputs is None else _bytes(dataset.inputs))
    return needed == 0 or needed <= free_memory() // 4


def _bytes(samples: Tensor | LazySamples) -> int:
    """The memory that reading all of them takes; 0 for a tensor, which is in memory."""
    if isinstance(samples, Tensor):
        return 0
    size = samples.dtype.itemsize
    for length in samples.shape:
        size *= length
    return len(samples) * size


def free_memory() -> int:
    """The bytes that can be had without swapping: those that are free, and those of the system's
    caches that it would give back; in a container, no more than its own limit leaves."""
    available = int(psutil.virtual_memory().available)
    left = left_in_group()
    return available if left is None else min(available, left)


def left_in_group(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> int | None:
    """The bytes that the limits of this process's control groups leave; None: there are none.

    root: where Linux shows them. own: which says in which one this process is.
    """
    with contextlib.suppress(OSError, ValueError):
        name = own.read_text().partition("0::/")[2].partition("\n")[0]
        group = root / name
        left = [_left(folder) for folder in (group, *group.parents) if folder.is_relative_to(root)]
        return min((value for value in left if value is not None), default=None)
    return None


def _left(group: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError):  # "max" is not a number
        limit = int((group / "memory.max").read_text())
        kinds = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        used = int((group / "memory.current").read_text()) - int(kinds["inactive_file"])
        return max(0, limit - used)
    return None
