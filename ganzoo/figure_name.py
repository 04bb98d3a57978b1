"""The name of a figure of quality: what was measured, and in which features."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

_FORM: Final = re.compile(r"(\w+)\[([\w.+-]+)\]", re.ASCII)


@dataclass(frozen=True)
class FigureName:
    """``fid[mnist-convnet]``: the figure ``fid`` in the features of ``mnist-convnet``. Figures in
    different features cannot be compared, so the two are never apart."""

    name: str
    features: str

    def __str__(self) -> str:
        return f"{self.name}[{self.features}]"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The name as `str` writes it; None for a figure that needs no features, such as a loss."""
        match = _FORM.fullmatch(text)
        return cls(match[1], match[2]) if match else None


def quality_figures(line: Mapping[str, object]) -> dict[FigureName, float]:
    """The figures of quality in a line of ``metrics.jsonl``, in their order."""
    named = ((FigureName.parse(key), value) for key, value in line.items())
    return {
        name: value for name, value in named if name is not None and isinstance(value, int | float)
    }
