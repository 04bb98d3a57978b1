"""Figures of tables, for ``ganzoo evaluate --figures sdmetrics --figures tstr``."""

import statistics
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import torch
from torch import Tensor

from ganzoo import Figure, GanzooError, Trial
from ganzoo_ctgan.columns import Column, columns_of
from ganzoo_ctgan.learned import matrix, skill
from ganzoo_ctgan.quality import quality

_FEWEST: Final = 40  # rows of the data


def sdmetrics(trial: Trial) -> dict[str, Figure]:
    """SDMetrics' quality score of made rows beside half of the real ones, and its two parts. The
    same of the other half, and of that with each column shuffled by itself."""
    columns, (first, second) = columns_of(trial.generator.spec), _halves(_real(trial))
    made, floor, apart = (
        quality(columns, second, rows) for rows in (trial.samples, first, _shuffled(columns, first))
    )
    del apart["shapes"]  # each column by itself is as it was
    by = f"sdmetrics {version('sdmetrics')}"
    how = "beside half of the real rows; noise: the other half, each column shuffled by itself"
    return {
        name: Figure(value, floor.get(name), apart.get(name), True, how=how, by=by)
        for name, value in made.items()
    }


def tstr(trial: Trial) -> dict[str, Figure]:
    """Train on synthetic, test on real: how well each column of half of the real rows is told from
    the others, learned from made rows; beside what is learned from the other half."""
    columns, (train, test) = columns_of(trial.generator.spec), _halves(_real(trial))
    made, seen, asked = (matrix(columns, rows) for rows in (trial.samples, train, test))
    skills, real = [], []
    for column in columns:
        try:
            skills.append(skill(columns, made, asked, column.name))
            real.append(skill(columns, seen, asked, column.name))
        except GanzooError:  # there is nothing to tell of it
            continue
    if not real:
        raise GanzooError("there is no column that could be told from the others")
    return {
        "skill": Figure(
            statistics.mean(skills),
            floor=statistics.mean(real),
            higher_is_better=True,
            how=f"mean over {len(real)} columns; floor: learned from half of the real rows",
            by=f"scikit-learn {version('scikit-learn')}",
        )
    }


def _real(trial: Trial) -> Tensor:
    real = trial.real()
    if len(real) < _FEWEST:
        raise GanzooError(f"{len(real)} real rows; it takes at least {_FEWEST}")
    return real


def _halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Two halves at random, the same each time."""
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    first, second = rows[order].split(-(-len(rows) // 2))
    return first, second


def _shuffled(columns: Sequence[Column], rows: Tensor) -> Tensor:
    """Rows whose columns know nothing of each other."""
    rng = torch.Generator().manual_seed(0)
    parts = rows.split([sum(column.parts) for column in columns], 1)
    return torch.cat([part[torch.randperm(len(rows), generator=rng)] for part in parts], 1)
