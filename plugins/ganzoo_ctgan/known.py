"""A column whose type is known, of an existing model: other cells in its terms."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo_ctgan import times
from ganzoo_ctgan.cells import MISSING
from ganzoo_ctgan.columns import CategoryColumn, Column, DateColumn, NumberColumn, Numeric
from ganzoo_ctgan.numerals import PLAIN, marks_of, plain


def encode_as(column: Column, cells: Sequence[str], decimal: str) -> tuple[Tensor, list[int], int]:
    """Values for the networks, (N, values) float32, of cells that `column` was not made from.

    decimal: the file's mark. Also the rows whose cell is not one of the column, all zeros, and how
    many numbers were brought to the column's smallest and largest.
    """
    if isinstance(column, CategoryColumn):
        return (*_categories(column, cells), 0)
    numbers = _moments(column, cells) if isinstance(column, DateColumn) else None
    if isinstance(column, NumberColumn):
        numbers = _numbers(column, cells, decimal)
    assert numbers is not None and isinstance(column, Numeric)
    values = torch.tensor(numbers, dtype=torch.float64)
    strange = values.isinf() | (values.isnan() if not column.missing else False)
    outside = (values < column.low) | (values > column.high)
    outside &= ~strange
    encoded = _encoded(column, values.clamp(column.low, column.high))
    encoded[strange] = 0
    return encoded, strange.nonzero().flatten().tolist(), int(outside.sum())


def _categories(column: CategoryColumn, cells: Sequence[str]) -> tuple[Tensor, list[int]]:
    place = {value: index for index, value in enumerate(column.values)}
    gone = place.get("", -1)
    numbers = [place.get(cell, gone if cell in MISSING else -1) for cell in cells]
    encoded = F.one_hot(torch.tensor(numbers).clamp_min(0), len(column.values)).float()
    strange = [row for row, number in enumerate(numbers) if number < 0]
    encoded[strange] = 0
    return encoded, strange


def _numbers(column: NumberColumn, cells: Sequence[str], decimal: str) -> list[float]:
    """NaN where one is missing, infinity where a cell is not a number."""
    known = [cell for cell in cells if cell not in MISSING]
    marks = marks_of(known, decimal)
    if marks is None:  # some are no numbers
        marks = (decimal, "")
    found = []
    for cell in cells:
        text = plain(cell, marks)
        if cell in MISSING:
            found.append(math.nan)
        elif not PLAIN.fullmatch(text):
            found.append(math.inf)
        else:
            found.append(float(int(text) - column.origin) if column.origin else float(text))
    return found


def _moments(column: DateColumn, cells: Sequence[str]) -> list[float]:
    """NaN where one is missing, infinity where a cell is not such a date."""
    found = []
    for cell in cells:
        try:
            moment = None if cell in MISSING else times.read(cell, column.format)
            found.append(
                math.nan if moment is None else times.count(moment, column.unit, column.start)
            )
        except ValueError:
            found.append(math.inf)
    return found


def _encoded(column: Numeric, values: Tensor) -> Tensor:
    """Of each number the mode in which it is most likely. NaN is a missing one."""
    means, scales = (
        torch.tensor(part, dtype=torch.float64)[None] for part in (column.means, column.scales)
    )
    places = (values[:, None] - means) / scales
    # A scale is four deviations of its mode.
    likely = -0.5 * (4 * places).square() - scales.log()
    mode = likely.nan_to_num(0.0).argmax(1)
    place = places.gather(1, mode[:, None])[:, 0].clamp(-1, 1).nan_to_num(0.0)
    for number, frequent in enumerate(column.frequent):
        mode[values == frequent] = len(column.means) + number
    mode[values.isnan()] = column.parts[1] - 1
    place[mode >= len(column.means)] = 0
    return torch.cat([place[:, None].float(), F.one_hot(mode, column.parts[1]).float()], 1)
