"""What a run measured of its generator on the way; each checkpoint keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ganzoo.figure_name import FigureName, quality_figures


class History:
    """The evaluations of one run, in the order of their steps.

    features: the extractor's name. Steps are ranked by their FID in these; figures in other
    features, from before the configuration was changed, are not comparable and are dropped.
    """

    def __init__(self, features: str) -> None:
        self.features = features
        self._figures: dict[int, dict[FigureName, float]] = {}

    def add(self, step: int, line: Mapping[str, Any]) -> None:
        """Take in the figures of quality of a step, by their names in ``metrics.jsonl``."""
        figures = {n: v for n, v in quality_figures(line).items() if n.features == self.features}
        if figures:
            self._figures[step] = figures

    def at(self, step: int) -> dict[FigureName, float]:
        """The figures of a step; none where it was not measured."""
        return dict(self._figures.get(step, {}))

    def ranked(self) -> list[int]:
        """The steps that were measured, that of the least FID first."""
        fid = FigureName("fid", self.features)
        values = {step: of[fid] for step, of in self._figures.items() if fid in of}
        return sorted(values, key=lambda step: (values[step], step))

    def state(self) -> list[dict[str, Any]]:
        """For a checkpoint, as JSON."""
        return [
            {"step": step, **{str(name): value for name, value in of.items()}}
            for step, of in self._figures.items()
        ]

    def load_state(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Go on from `state`, or, of a checkpoint that has none, from lines of
        ``metrics.jsonl``."""
        self._figures = {}
        for line in lines:
            self.add(int(line["step"]), line)
