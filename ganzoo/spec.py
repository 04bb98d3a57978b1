"""What one sample is."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Final

from ganzoo.errors import GanzooError

_LARGEST: Final = 1 << 31  # values in one sample
_MOST_DIMENSIONS: Final = 8


@dataclass(frozen=True)
class SampleSpec:
    """What one sample is; it travels with the model.

    kind: image, points, or a kind that a plugin brings; the kind shows samples to a person.
    shape: of one sample as the networks see it; (C, H, W) for an image.
    low, high: the range of its values, or None where it has no bound.
    classes: the names of the classes, in the order of their numbers; empty without labels.
    details: what the kind needs besides, as plain JSON: a sample rate, column statistics.
    """

    kind: str
    shape: tuple[int, ...]
    low: float | None = -1.0
    high: float | None = 1.0
    classes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

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

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> SampleSpec:
        """Read a spec back. Raises GanzooError where it is none."""
        try:
            shape = tuple(int(length) for length in values["shape"])
            spec = cls(
                kind=str(values["kind"]),
                shape=shape,
                low=None if values["low"] is None else float(values["low"]),
                high=None if values["high"] is None else float(values["high"]),
                classes=tuple(str(name) for name in list(values.get("classes", ()))),
                details=dict(values.get("details", {})),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise GanzooError(f"not a sample spec: {type(error).__name__}: {error}") from None
        if not 1 <= len(shape) <= _MOST_DIMENSIONS or min(shape) < 1 or spec.size > _LARGEST:
            raise GanzooError(f"not a sample spec: shape {str(shape)[:200]}")
        low, high = -math.inf if spec.low is None else spec.low, spec.high
        if not low < (math.inf if high is None else high) or math.isinf(spec.low or 0.0):
            raise GanzooError(f"not a sample spec: values from {spec.low} to {spec.high}")
        if spec.kind == "image" and (len(shape) != 3 or shape[0] not in (1, 3)):
            raise GanzooError(f"not a sample spec: images of shape {shape}")
        return spec
