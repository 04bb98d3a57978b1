"""A model measured on the way: the points of its curve, and those that are known already."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import ganzoo

Point = dict[str, float]


def points_of(
    kept: Path,
    steps: Sequence[int],
    train: Callable[[], ganzoo.Run],
    measure: Callable[[ganzoo.Run, int], Point],
) -> list[Point]:
    """What `measure` says of a run at each of `steps`, with the step itself.

    What was measured before stands in the file `kept` and is not measured again; `train` begins the
    run, or goes on with it, where anything is missing.
    """
    known: list[Point] = json.loads(kept.read_text()) if kept.exists() else []
    points = {int(point["step"]): point for point in known}
    missing = sorted(set(steps) - set(points))
    run = train() if missing else None
    for step in missing:
        assert run is not None
        points[step] = {"step": step, **measure(run, step)}
        kept.write_text(json.dumps(list(points.values()), indent=2) + "\n")
    return [points[step] for step in steps]
