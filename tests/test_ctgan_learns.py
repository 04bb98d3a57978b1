"""That the rows of CTGAN and TVAE are like real ones, in each column and between columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import ganzoo as package
from ganzoo.sources.find import find_dataset


def differences(columns: Any, real: list[dict], made: list[dict]) -> dict[str, float]:
    """How far rows are from real ones: of each number the Kolmogorov-Smirnov distance, of each
    category the total variation distance, and the mean difference of the numbers' correlations."""
    found, tables = {}, []
    for column in columns:
        a, b = ([row[column.name] for row in rows] for rows in (real, made))
        if column.type == "category":
            shares = [[x.count(value or None) / len(x) for value in column.values] for x in (a, b)]
            found[column.name] = 0.5 * sum(abs(p - q) for p, q in zip(*shares, strict=True))
            continue
        tables.append((a, b))
        at = np.array(sorted({*a, *b}))
        below = [np.searchsorted(np.sort(x), at, "right") / len(x) for x in (a, b)]
        found[column.name] = float(np.abs(below[0] - below[1]).max())
    first, second = (np.corrcoef(np.array(table)) for table in zip(*tables, strict=True))
    upper = np.triu_indices(len(first), 1)
    return {**found, "correlation": float(np.abs(first - second)[upper].mean())}


def spread(found: dict[str, float], columns: Any) -> tuple[float, float, float]:
    """The mean over the numbers, the largest over the categories, and of the correlations."""
    numbers = [found[column.name] for column in columns if column.type == "number"]
    categories = [found[column.name] for column in columns if column.type == "category"]
    return sum(numbers) / len(numbers), max(categories), found["correlation"]


@pytest.mark.parametrize("name", ["ctgan", "tvae"])
def test_its_rows_are_like_real_cars(name, tmp_path):
    """A larger learning rate than the recipe's, because it learns for seconds."""
    fast = {
        "width": 128,
        "training.batch_size": 100,
        "training.generator_lr": 1e-3,
        "training.discriminator_lr": 1e-3,
    }
    cars = find_dataset("auto-mpg")
    quiet = {"sample_every": 10_000, "checkpoint_every": 10_000, "precision": "fp32"}
    out = tmp_path / "run"
    run = package.train(name, cars, steps=1500, settings=fast, out=out, **quiet)
    generator = package.load(run)
    kind, columns = generator.kind, generator.kind.columns
    real = kind.rows(cars.samples)

    torch.manual_seed(0)
    untrained = generator.architecture.build_generator().eval()
    with torch.no_grad():
        raw = kind.rows(untrained(generator.latents(2000)))
    drawn = torch.randint(392, (2000,), generator=torch.Generator().manual_seed(0))
    made, before, again = (
        spread(differences(columns, real, rows), columns)
        for rows in (kind.rows(generator.sample(2000)), raw, kind.rows(cars.samples[drawn]))
    )
    print(f"numbers, categories, correlations: {made}; untrained {before}; real rows {again}")
    # The same for 2,000 rows drawn anew from the real ones: as near as one can come.
    assert max(again) < 0.03
    assert before[0] > 0.1
    assert before[1] > 0.15
    assert before[2] > 0.5
    assert made[0] < 0.1, made
    assert made[1] < 0.06, made
    assert made[2] < 0.3, made
