"""What one sample is."""

from __future__ import annotations

import dataclasses
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ganzoo.errors import GanzooError

_LARGEST: Final = 1 << 31  # values in one sample
_MOST_DIMENSIONS: Final = 8
_LONGEST: Final = 100  # letters of a value in a message


@dataclass(frozen=True)
class SampleSpec:
    """What one sample is; it travels with the model.

    kind: image, points, or a kind that a plugin brings; the kind shows samples to a person.
    shape: of one sample as the networks see it; (C, H, W) for an image.
    low, high: the range of its values, or None where it has no bound.
    classes: the names of the classes, in the order of their numbers; empty without labels.
    details: what the kind needs besides, as plain JSON: a sample rate, column statistics.
    inputs: what such samples are made from, where a generator works from more than chance: the
    other half of a translation, a text.
    """

    kind: str
    shape: tuple[int, ...]
    low: float | None = -1.0
    high: float | None = 1.0
    classes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    inputs: SampleSpec | None = None

    @property
    def size(self) -> int:
        """The number of values in one sample."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def bounded(self) -> bool:
        """Whether the values lie in [-1, 1], so that a tanh at the end fits."""
        return self.low == -1.0 and self.high == 1.0

    def place(self, label: str) -> int:
        """The place of a class among `classes`. A number and its text mean the same: where classes
        have numbers for names, the class of that name, else the class at that place. Raises
        GanzooError where there is no such class."""
        classes, text = self.classes, unicodedata.normalize("NFC", label)
        for place, name in enumerate(classes):
            if unicodedata.normalize("NFC", name) == text:
                return place
        if text.isdecimal() and len(text) < 10:
            numbered = [place for place, name in enumerate(classes) if name.isdecimal()]
            same = [place for place in numbered if int(classes[place]) == int(text)]
            if len(same) == 1:
                return same[0]
            if not numbered and int(text) < len(classes):
                return int(text)
        shown = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
        places = "" if any(map(str.isdecimal, classes)) else f" (0 to {len(classes) - 1})"
        raise GanzooError(f"label {label[:50]!r}: the classes are {shown}{places}")

    def to_json(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        if self.inputs is None:  # most models have none
            del values["inputs"]
        else:
            values["inputs"] = self.inputs.to_json()
        return values

    @classmethod
    def from_json(cls, values: Any) -> SampleSpec:
        """Read a spec back. Raises GanzooError where `values` are not a spec."""
        inner = values.get("inputs") if isinstance(values, Mapping) else None
        if isinstance(inner, Mapping) and inner.get("inputs") is not None:  # nor can it nest deep
            raise GanzooError("not a sample spec: its inputs have inputs of their own")
        try:
            shape = tuple(int(length) for length in values["shape"])
            spec = cls(
                kind=str(values["kind"]),
                shape=shape,
                low=None if values["low"] is None else float(values["low"]),
                high=None if values["high"] is None else float(values["high"]),
                classes=tuple(str(name) for name in list(values.get("classes", ()))),
                details=dict(values.get("details", {})),
                inputs=None if inner is None else cls.from_json(inner),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise GanzooError(f"not a sample spec: {type(error).__name__}: {error}") from None
        if not 1 <= len(shape) <= _MOST_DIMENSIONS or min(shape) < 1 or spec.size > _LARGEST:
            raise GanzooError(f"not a sample spec: shape {str(shape)[:200]}")
        low, high = (0.0 if bound is None else bound for bound in (spec.low, spec.high))
        ordered = low < high or spec.low is None or spec.high is None
        if not (ordered and math.isfinite(low) and math.isfinite(high)):
            raise GanzooError(f"not a sample spec: values from {spec.low} to {spec.high}")
        return spec


class ImageSizes(tuple[int, ...]):
    """The sizes of images, in pixels, that an architecture can do: of squares, smallest first, none
    meaning any; and, up to the largest, any height and width that are multiples of `multiple`,
    where that is not 0."""

    multiple: int

    def __new__(cls, squares: Iterable[int] = (), multiple: int = 0) -> ImageSizes:
        sizes = super().__new__(cls, sorted(squares))
        sizes.multiple = multiple
        return sizes

    def take(self, height: int, width: int) -> bool:
        """Whether images of this size are among them."""
        if height == width and (not self or height in self):
            return True
        sides, most = (height, width), max(self, default=max(height, width))
        return self.multiple > 0 and all(s <= most and s % self.multiple == 0 for s in sides)

    def nearest(self, side: int) -> int:
        """Of squares, `side` itself where it is among them; else the next larger one, or the
        largest."""
        return next((size for size in self if size >= side), self[-1]) if self else side

    def __str__(self) -> str:
        squares = f"squares of {', '.join(map(str, self))}" if self else "squares"
        if not self.multiple:
            return f"{squares} pixels" if self else squares
        most = f", up to {self[-1]}" if self else ""
        return f"{squares}, and heights and widths that are multiples of {self.multiple}{most}"


def differing(before: SampleSpec, now: SampleSpec) -> list[str]:
    """What is not the same in two specs, each as ``classes: ['a'] before, ['b'] now``."""
    lines = [
        f"{name}: {_short(old)} before, {_short(new)} now"
        for name in ("kind", "shape", "low", "high", "classes")
        if (old := getattr(before, name)) != (new := getattr(now, name))
    ]
    lines += differing_details(before, now)
    if before.inputs is not None and now.inputs is not None:
        lines += [f"inputs: {line}" for line in differing(before.inputs, now.inputs)]
    elif before.inputs is not now.inputs:
        lines.append(f"inputs: {_short(before.inputs)} before, {_short(now.inputs)} now")
    return lines


def differing_details(before: SampleSpec, now: SampleSpec) -> list[str]:
    """What is not the same in two specs' details: an alphabet, columns."""
    old, new = (json.loads(json.dumps(spec.details)) for spec in (before, now))
    return [
        f"{key}: {_short(old.get(key))} before, {_short(new.get(key))} now"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
