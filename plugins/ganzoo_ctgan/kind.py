"""Rows of a table, which a person reads."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganzoo import Dataset, Kind, SampleSpec
from ganzoo_ctgan.columns import columns_of
from ganzoo_ctgan.encoding import Cell, decode, written


class Table(Kind):
    """A CSV file with a header and the rows, numbers with as many decimals as the data have.

    columns: what the columns are. In Python, ``generator.kind.rows(samples)`` gives the rows.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)
    preview: ClassVar[str] = ".csv"
    several: ClassVar[str] = "rows"

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        self.columns = columns_of(spec)

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        """A table of categories alone, whose values are counted, and one of both types of column,
        of before they were."""
        number = {
            "type": "number",
            "name": "size",
            "decimals": 1,
            "low": 0.0,
            "high": 9.0,
            "means": [2.0, 7.0],
            "scales": [2.0, 2.0],
            "missing": True,
        }
        category = {"type": "category", "name": "colour", "values": ["red", "green", ""]}
        counted = {**category, "counts": [5, 2, 1]}
        other = {"type": "category", "name": "set", "values": ["yes", "no"], "counts": [7, 1]}
        return [
            SampleSpec("table", (7,), details={"columns": [number, category]}),
            SampleSpec("table", (5,), details={"columns": [counted, other]}),
        ]

    def match(self, dataset: Dataset, whose: str = "the model", does: str = "makes") -> Dataset:
        """As for any kind; how often the values of a category come may differ."""
        if dataset.kind == self.spec.kind and _uncounted(dataset.details) == _uncounted(
            self.spec.details
        ):
            dataset = replace(dataset, details=self.spec.details)
        return super().match(dataset, whose, does)

    def rows(self, samples: Tensor) -> list[dict[str, Cell]]:
        """Samples, (N, *shape), as rows: by column's name a number, a text, or None (missing)."""
        names = [column.name for column in self.columns]
        cells = zip(*self._decoded(samples), strict=True)
        return [dict(zip(names, row, strict=True)) for row in cells]

    def render(self, samples: Tensor, suffix: str) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.name for column in self.columns])
        columns = zip(self.columns, self._decoded(samples), strict=True)
        texts = [[written(column, cell) for cell in cells] for column, cells in columns]
        writer.writerows(zip(*texts, strict=True))
        return text.getvalue().encode("utf-8", "replace")

    def _decoded(self, samples: Tensor) -> list[list[Cell]]:
        """The cells column by column."""
        parts = torch.split(samples, [sum(column.parts) for column in self.columns], 1)
        return [decode(column, part) for column, part in zip(self.columns, parts, strict=True)]


def _uncounted(details: dict[str, Any]) -> list[dict[str, Any]]:
    """Columns without the counts of their values."""
    return [
        {name: value for name, value in column.items() if name != "counts"}
        for column in details["columns"]
    ]
