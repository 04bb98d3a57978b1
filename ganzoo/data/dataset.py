"""A data set: samples, labels, and what a sample is."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo import html
from ganzoo.entries import KindEntry
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.plugins import catalogue
from ganzoo.spec import SampleSpec

_MOST_CLASSES: Final = 100_000
_REMEDY: Final = "scale them, or give low and high (None: no bound)"
_SLACK: Final = 1e-3  # by which values may leave their range: rounding, half precision
_SHOWN: Final = 16  # samples in a notebook
_NAMED: Final = 10  # classes there
_PARTS: Final = (
    "shape",
    "dtype",
    "name",
    "fingerprint",
    "__len__",
    "__getitem__",
)  # of LazySamples


@runtime_checkable
class LazySamples(Protocol):
    """Samples that are read one by one, because they may not fit in memory.

    uint8 or floating point, as in `Dataset`. They are read in worker processes, too, so an object
    that holds an open file has to open it anew there. Reading one that is broken raises OSError
    or ValueError: it is skipped, and named in a warning.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    @property
    def dtype(self) -> torch.dtype:
        """The type of its values: torch.uint8, torch.float32, ..."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Tensor:
        """One sample, of that shape and type."""

    def name(self, index: int) -> str:
        """Where the sample comes from, for messages."""

    def fingerprint(self) -> str:
        """A SHA-256 that changes when the samples do, without reading them all."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """Samples, their labels, and what they are made from.

    name: for folders and messages. samples: a tensor with one sample a row, uint8 (0 to 255
    stands for -1 to 1) or floating point in [low, high]; or `LazySamples`. labels: int64 of
    shape (N,), numbers of `classes`, or None. Without classes, those are called by the labels,
    which may begin at 1 or have gaps: labels are then numbered anew, and it is told.
    kind, low, high, details: as in `SampleSpec`.

    inputs: what a generator works from, such as the other half of a translation, in the form of
    samples; input_spec: what one of them is. paired: that sample and input of the same number
    belong together; else the inputs have their own length and order.

    Raises GanzooError where samples, labels and inputs are not what is said of them.
    """

    name: str
    samples: Tensor | LazySamples
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()
    kind: str = "image"
    low: float | None = -1.0
    high: float | None = 1.0
    details: dict[str, Any] = field(default_factory=dict)
    inputs: Tensor | LazySamples | None = None
    input_spec: SampleSpec | None = None
    paired: bool = True

    def __post_init__(self) -> None:
        whose = f"data set {self.name!r}"
        check_samples(self.samples, whose)
        check_range(self.samples, self.low, self.high, whose)
        if self.labels is not None:
            self._check_labels(self.labels)
        if (self.inputs is None) != (self.input_spec is None):
            raise GanzooError(f"{whose}: inputs and input_spec belong together; give both or none")
        if self.inputs is not None:
            self._check_inputs(self.inputs)

    def _check_labels(self, labels: Tensor) -> None:
        if not isinstance(labels, Tensor) or labels.is_floating_point():
            raise GanzooError(f"data set {self.name!r}: labels must be a tensor of integers")
        if labels.shape != (len(self),):
            raise GanzooError(
                f"data set {self.name!r}: {len(self)} samples but labels of shape "
                f"{tuple(labels.shape)}"
            )
        low, high = int(labels.min()), int(labels.max())
        if low < 0:
            raise GanzooError(f"data set {self.name!r}: a label {low}; classes are numbered from 0")
        if not self.classes:
            self._name_classes(labels, high)
        elif high >= len(self.classes):
            raise GanzooError(
                f"data set {self.name!r}: a label {high}, but the classes are numbered 0 to "
                f"{len(self.classes) - 1}"
            )

    def _name_classes(self, labels: Tensor, high: int) -> None:
        """Call the classes by the numbers that there are, which may begin at 1 or have gaps."""
        if high >= _MOST_CLASSES:
            raise GanzooError(
                f"data {self.name!r}: a label {high}; at most {_MOST_CLASSES} classes"
            )
        values, places = labels.unique(return_inverse=True)
        if len(values) <= high:
            numbers = values.tolist()
            shown = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
            warnings.warn(
                f"data {self.name!r}: there are labels {shown} only: these {len(numbers)} are the "
                "classes, called by their numbers",
                GanzooWarning,
                stacklevel=6,
            )
            object.__setattr__(self, "labels", places)
        object.__setattr__(self, "classes", tuple(map(str, values.tolist())))

    def _check_inputs(self, inputs: Tensor | LazySamples) -> None:
        whose, spec = f"the inputs of data set {self.name!r}", self.input_spec
        assert spec is not None
        check_samples(inputs, whose)
        if sample_shape(inputs) != spec.shape:
            raise GanzooError(
                f"{whose} have shape {sample_shape(inputs)}, and input_spec says {spec.shape}"
            )
        check_range(inputs, spec.low, spec.high, whose)
        if self.paired and len(inputs) != len(self):
            raise GanzooError(
                f"data set {self.name!r}: {len(self)} samples and {len(inputs)} inputs cannot be "
                "pairs; paired=False lets each have its own order"
            )

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        shape = "x".join(str(length) for length in sample_shape(self.samples))
        classes = f", {len(self.classes)} classes" if self.classes else ""
        inputs = ", with inputs" if self.inputs is not None else ""
        return f"<Dataset {self.name}: {len(self):,} {self.kind} {shape}{classes}{inputs}>"

    def _repr_html_(self) -> str:
        """For a notebook: what it is, and some of its samples."""
        spec, shape = self.spec, "x".join(map(str, self.spec.shape))
        rows = [("samples", f"{len(self):,}"), ("kind", f"{spec.kind}, {shape}")]
        if self.classes:
            more = ", …" if len(self.classes) > _NAMED else ""
            names = ", ".join(self.classes[:_NAMED])
            rows.append(("classes", f"{len(self.classes)}: {names}{more}"))
        shown = html.table(rows, sides=True)
        return f"<div><strong>{html.text(self.name)}</strong>{shown}{self._some()}</div>"

    def _some(self) -> str:
        """A few samples, evenly apart, as their kind shows them; empty where it cannot."""
        places = range(0, len(self), -(-len(self) // _SHOWN))
        try:
            kind = catalogue().find(KindEntry, self.kind).load()(self.spec)
            some = torch.stack([self.samples[place] for place in places])
            content = kind.render(as_floats(some, self.low, self.high), kind.preview)
        except (GanzooError, OSError, ValueError):  # a broken file; its spec fits no kind
            return ""
        return html.shown(content, kind.preview, "some of its samples")

    @property
    def spec(self) -> SampleSpec:
        """What one sample is."""
        return SampleSpec(
            self.kind,
            sample_shape(self.samples),
            self.low,
            self.high,
            self.classes,
            dict(self.details),
            self.input_spec,
        )

    def of_inputs(self) -> Dataset | None:
        """The inputs as a data set of their own; None where there are none."""
        spec = self.input_spec
        if self.inputs is None or spec is None:
            return None
        name = f"{self.name} (inputs)"
        return Dataset(name, self.inputs, None, (), spec.kind, spec.low, spec.high, spec.details)

    def fingerprint(self) -> str:
        """SHA-256 over samples, labels and inputs: the same data has the same, wherever it lies."""
        digest = hashlib.sha256(f"{self.kind} {self.spec.shape} {len(self)}".encode())
        digest.update(_content(self.samples))
        if self.labels is not None:
            digest.update(_content(self.labels))
        if self.inputs is not None:
            digest.update(f"{self.input_spec} {self.paired}".encode())
            digest.update(_content(self.inputs))
        return digest.hexdigest()


def sample_shape(samples: Tensor | LazySamples) -> tuple[int, ...]:
    """The shape of one of `samples`."""
    return tuple(samples.shape[1:]) if isinstance(samples, Tensor) else tuple(samples.shape)


def as_floats(samples: Tensor, low: float | None = -1.0, high: float | None = 1.0) -> Tensor:
    """Samples as networks take them: float32, 8-bit levels as `low` to `high`, else as -1 to 1."""
    if samples.dtype != torch.uint8:
        return samples.float()
    low, high = (-1.0, 1.0) if low is None or high is None else (low, high)
    return samples.float().mul_((high - low) / 255).add_(low)


def as_levels(samples: Tensor, low: float | None = -1.0, high: float | None = 1.0) -> Tensor:
    """The way back from `as_floats`, without rounding: `low` to `high`, else -1 to 1, as 0 to
    255."""
    low, high = (-1.0, 1.0) if low is None or high is None else (low, high)
    return (samples - low) * (255 / (high - low))


def check_samples(samples: Tensor | LazySamples, whose: str) -> None:
    """Raise GanzooError where a data set cannot have samples of this type or layout."""
    if isinstance(samples, Tensor):
        if samples.dim() < 2:
            raise GanzooError(
                f"{whose}: samples of shape {tuple(samples.shape)}; it takes one sample a row, so "
                "at least two dimensions: (N, 1) for numbers"
            )
    elif not isinstance(samples, LazySamples):
        what = type(samples).__name__
        lacking = [part for part in _PARTS if not hasattr(samples, part)]
        raise GanzooError(
            f"{whose}: samples of type {what}; it takes a tensor or ganzoo.LazySamples"
            + (f", and {what} has no {', '.join(lacking)}" if len(lacking) < len(_PARTS) else "")
        )
    if len(samples) == 0 or 0 in samples.shape:
        raise GanzooError(
            f"{whose} is empty: its shape is {(len(samples), *sample_shape(samples))}"
        )
    if samples.dtype != torch.uint8 and not samples.dtype.is_floating_point:
        raise GanzooError(f"{whose}: samples of type {samples.dtype}; uint8 or floats are taken")


def check_range(
    samples: Tensor | LazySamples, low: float | None, high: float | None, whose: str
) -> None:
    """Raise GanzooError where a tensor has values that are not finite, or outside of its range,
    and where 8-bit levels have another one than -1 to 1.

    Samples that are read one by one are checked when they are read.
    """
    if samples.dtype == torch.uint8 and (low, high) != (-1.0, 1.0):
        raise GanzooError(
            f"{whose}: uint8 samples stand for -1 to 1, not for {low} to {high}; leave low and "
            "high out, or make them floats"
        )
    if not isinstance(samples, Tensor) or samples.dtype == torch.uint8:
        return
    fault = range_fault(samples, low, high)
    if fault:
        raise GanzooError(f"{whose}: {fault}")


def range_fault(
    samples: Tensor, low: float | None, high: float | None, remedy: str = _REMEDY
) -> str:
    """What is wrong with floating point values, in words; empty where nothing is.

    remedy: for values outside of the range.
    """
    least, most = (float(bound) for bound in samples.detach().aminmax())  # NaN shows in both
    if least - least != 0 or most - most != 0:  # infinity or NaN
        bad = ~samples.isfinite()
        rows = bad.flatten(1).any(1).sum() if samples.dim() > 1 else bad.sum()
        return (
            f"values that are not finite (NaN or infinity), in {int(rows)} of its {len(samples)} "
            "samples; leave them out or replace them"
        )
    if (low is not None and least < low - _SLACK) or (high is not None and most > high + _SLACK):
        bounds = " to ".join("any" if bound is None else f"{bound:g}" for bound in (low, high))
        return f"values from {least:g} to {most:g}, and its range is {bounds}; {remedy}"
    return ""


def _content(samples: Tensor | LazySamples) -> Any:
    """What a fingerprint is made of: a tensor's bytes, of lazy samples what they say."""
    if isinstance(samples, Tensor):
        return samples.detach().contiguous().flatten().view(torch.uint8).numpy()
    return samples.fingerprint().encode()
