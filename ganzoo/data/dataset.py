"""A data set: samples, labels, and what a sample is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.spec import SampleSpec

_MOST_CLASSES: Final = 100_000


class LazySamples(Protocol):
    """Samples that are read one by one, because they may not fit in memory.

    Reading one that is broken raises OSError or ValueError.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Tensor:
        """One sample, uint8."""

    def name(self, index: int) -> str:
        """Where the sample comes from, for messages."""

    def fingerprint(self) -> str:
        """A SHA-256 that changes when the samples do, without reading them all."""


@dataclass(frozen=True)
class Dataset:
    """Samples and their labels.

    name: for folders and messages. samples: a tensor with one sample a row, uint8 (0 to 255
    stands for -1 to 1) or floating point in [low, high]; or `LazySamples`. labels: int64 of
    shape (N,), numbers of `classes`, or None. kind, low, high, details: as in `SampleSpec`.
    """

    name: str
    samples: Tensor | LazySamples
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    kind: str = "image"
    low: float | None = -1.0
    high: float | None = 1.0
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.samples) == 0 or 0 in self.samples.shape:
            raise GanzooError(f"data set {self.name!r} is empty")
        if self.labels is not None:
            if self.labels.shape != (len(self),):
                raise GanzooError(
                    f"data set {self.name!r}: {len(self)} samples but labels of shape "
                    f"{tuple(self.labels.shape)}"
                )
            if not self.classes:
                object.__setattr__(self, "classes", number_names(self.name, self.labels))
            low, high = int(self.labels.min()), int(self.labels.max())
            if low < 0 or high >= len(self.classes):
                raise GanzooError(
                    f"data set {self.name!r}: a label {low if low < 0 else high}, but the classes "
                    f"are numbered 0 to {len(self.classes) - 1}"
                )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def spec(self) -> SampleSpec:
        """What one sample is."""
        samples = self.samples
        shape = tuple(samples.shape[1:]) if isinstance(samples, Tensor) else samples.shape
        return SampleSpec(self.kind, shape, self.low, self.high, self.classes, dict(self.details))

    def fingerprint(self) -> str:
        """SHA-256 over samples and labels: the same data has the same, wherever it lies."""
        digest = hashlib.sha256(f"{self.kind} {self.spec.shape} {len(self)}".encode())
        if isinstance(self.samples, Tensor):
            digest.update(_bytes(self.samples))
        else:
            digest.update(self.samples.fingerprint().encode())
        if self.labels is not None:
            digest.update(_bytes(self.labels))
        return digest.hexdigest()


def _bytes(tensor: Tensor) -> Any:
    return tensor.contiguous().flatten().view(torch.uint8).numpy()


def from_tensor(samples: Tensor, labels: Tensor | None = None, name: str = "tensor") -> Dataset:
    """A data set of a tensor that nobody packaged.

    uint8 (N, H, W) or (N, C, H, W) is images; floating point (N, 2) is points; any other
    floating point of at least two dimensions is arrays. Raises GanzooError for the rest.
    """
    samples = samples.detach().cpu()
    if 0 in samples.shape:
        raise GanzooError(f"data {name!r} is empty: its shape is {tuple(samples.shape)}")
    classes: tuple[str, ...] = ()
    if labels is not None:
        labels = torch.as_tensor(labels).to(torch.int64).cpu()
        classes = number_names(name, labels)
    if samples.dtype == torch.uint8:
        if samples.dim() == 3:
            samples = samples[:, None]
        if samples.dim() != 4 or samples.shape[1] not in (1, 3):
            raise GanzooError(
                f"data {name!r}: uint8 samples must be images of shape (N, H, W), (N, 1, H, W) "
                f"or (N, 3, H, W), not {tuple(samples.shape)}"
            )
        return Dataset(name, samples, labels, classes)
    if not samples.is_floating_point() or samples.dim() < 2:
        raise GanzooError(
            f"data {name!r}: samples must be uint8 images or floating point of at least two "
            f"dimensions, not {samples.dtype} {tuple(samples.shape)}"
        )
    samples = samples.float()
    if not samples.isfinite().all():
        raise GanzooError(f"data {name!r}: some values are not finite in float32")
    kind = "points" if samples.dim() == 2 and samples.shape[1] == 2 else "array"
    bounded = samples.abs().max() <= 1
    low, high = (-1.0, 1.0) if bounded and kind == "array" else (None, None)
    return Dataset(name, samples, labels, classes, kind, low, high)


def number_names(name: str, labels: Tensor) -> tuple[str, ...]:
    """Names for classes that have only numbers: 0 up to the largest label."""
    largest = int(labels.max()) if labels.numel() else -1
    if largest >= _MOST_CLASSES:
        raise GanzooError(f"data {name!r}: a label {largest}; at most {_MOST_CLASSES} classes")
    return tuple(str(number) for number in range(largest + 1))
