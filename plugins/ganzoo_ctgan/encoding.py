"""From a column's cells to values for the networks, and back."""

import math
from collections import Counter
from decimal import Context, Decimal
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo_ctgan import times
from ganzoo_ctgan.cells import CellError, Cells
from ganzoo_ctgan.columns import (
    LARGEST,
    MOST_DECIMALS,
    CategoryColumn,
    Column,
    DateColumn,
    NumberColumn,
)
from ganzoo_ctgan.modes import fit_modes
from ganzoo_ctgan.numerals import PLAIN

Cell = str | float | int | None

_EXACT: Final = 1 << 53  # whole numbers up to here are all floats
_SOME: Final = 12  # different numbers that show what lies between two
_STEPS: Final = (86_400.0, 3600.0, 60.0)  # seconds
_MOST_DIGITS: Final = 9  # after the point; more are what a float left
_FREQUENT: Final = 0.1  # share of a number that is a mode of its own
_EVEN: Final = 5  # times that it is as frequent as all alike would be
_MOST_FREQUENT: Final = 8
_DIGITS: Final = Context(prec=200)  # for sums of decimals, all of them exact


def encode(cells: Cells) -> tuple[Column, Tensor]:
    """What a column is, and its values for the networks: (N, values) float32. Raises CellError
    where a number is too large."""
    if cells.type == "number":
        return _numbers(cells)
    if cells.type == "date":
        return _dates(cells)
    return _categories(cells)


def _categories(cells: Cells) -> tuple[Column, Tensor]:
    different = {text for text in cells.texts if text}
    numeric = all(PLAIN.fullmatch(text) for text in different)
    values = sorted(different, key=(lambda text: (float(text), text)) if numeric else str)
    values += [""] * ("" in cells.texts)
    place = {value: index for index, value in enumerate(values)}
    numbers = torch.tensor([place[text] for text in cells.texts])
    counts = numbers.bincount(minlength=len(values)).tolist()
    column = CategoryColumn(name=cells.name, values=values, counts=counts)
    return column, F.one_hot(numbers, len(values)).float()


def _numbers(cells: Cells) -> tuple[Column, Tensor]:
    texts = cells.numbers
    known = [Decimal(text) for text in texts if text]
    largest = max(known, key=abs, default=Decimal(0))
    if abs(largest) > LARGEST:
        row = next(i for i, text in enumerate(texts) if text and abs(Decimal(text)) > LARGEST)
        shown = cells.texts[row][:40]
        raise CellError(f"{shown} is too large; at most {LARGEST:g} is taken", row)
    fraction = any(not text.lstrip("+-").isdecimal() for text in texts if text)
    origin = 0
    if not fraction and abs(largest) > _EXACT:
        origin = int(min(known))
        if int(max(known)) - origin > _EXACT:
            raise CellError("whole numbers that are too far apart; as a category they are exact")
    different = set(known)
    written = max((_decimals(number) for number in different), default=0)
    decimals = max(written, int(fraction))  # 18.0 or 1e3 stays a fraction for who reads it
    values = [float(int(number) - origin if origin else number) for number in known]
    common, encoded = _modes([bool(text) for text in texts], values)
    column = NumberColumn(
        name=cells.name,
        decimals=decimals,
        origin=origin,
        plus=any(text.startswith("+") for text in texts),
        step=_step(different, decimals),
        **common,
    )
    return column, encoded


def _dates(cells: Cells) -> tuple[Column, Tensor]:
    dates = {text: times.read(text, cells.format) for text in set(cells.texts) if text}
    moments = [dates.get(text) for text in cells.texts]
    known = [moment for moment in moments if moment is not None]
    unit, start = times.unit_of(known), min(known)
    try:
        counts = [times.count(moment, unit, start) for moment in known]
    except ValueError as error:
        raise CellError(str(error)) from None
    common, encoded = _modes([moment is not None for moment in moments], list(map(float, counts)))
    step = _step({Decimal(count) for count in counts}, 0)
    if unit == "second" and step is None:  # too few dates to show more than days or minutes
        step = next((s for s in _STEPS if all(count % s == 0 for count in counts)), None)
    column = DateColumn(
        name=cells.name, format=cells.format, unit=unit, start=start, step=step, **common
    )
    return column, encoded


def _decimals(number: Decimal) -> int:
    return min(max(0, -int(number.as_tuple().exponent)), MOST_DECIMALS)


def _step(numbers: set[Decimal], decimals: int) -> float | None:
    """What all numbers lie apart, where that is more than their last decimal."""
    digits = max((_decimals(number.normalize(_DIGITS)) for number in numbers), default=0)
    units = {int(number.scaleb(digits, _DIGITS)) for number in numbers}
    step = 1
    if len(units) >= _SOME and digits <= _MOST_DIGITS:
        least = min(units)
        step = math.gcd(*(unit - least for unit in units))
    return float(Decimal(step).scaleb(-digits)) if step > 1 or digits < decimals else None


def _modes(present: list[bool], numbers: list[float]) -> tuple[dict[str, Any], Tensor]:
    """What all columns of numbers have in their details, and their values for the networks.

    present: for each row, whether it has a number. numbers: of those that have.
    """
    values = torch.tensor(numbers, dtype=torch.float64)
    frequent = _frequent(numbers)
    apart = torch.isin(values, torch.tensor(frequent, dtype=torch.float64))
    rest = values[~apart]
    rng = torch.Generator().manual_seed(0)
    modes = fit_modes(rest)
    chosen = modes.choose(rest, rng)
    used = chosen.unique()  # sorted
    chosen = torch.searchsorted(used, chosen)
    # Nine digits: what is below differs between machines, and a float32 has no use for it.
    means = [float(f"{mean:.9g}") for mean in modes.means[used].tolist()]
    distance = (rest - torch.tensor(means, dtype=torch.float64)[chosen]).abs()
    # Four deviations, as in the paper; more where a value lies further, so that none is cut.
    scales = []
    for index, deviation in enumerate(modes.deviations[used].tolist()):
        furthest = float(distance[chosen == index].max())
        scales.append(float(f"{max(4 * deviation, furthest * (1 + 1e-6)):.9g}"))
    gaps = not all(present)
    common: dict[str, Any] = {
        "low": float(values.min()),
        "high": float(values.max()),
        "means": means,
        "scales": scales,
        "frequent": frequent,
        "missing": gaps,
    }
    mean, scale = (torch.tensor(part, dtype=torch.float64) for part in (means, scales))
    place = torch.zeros(len(values))
    place[~apart] = ((rest - mean[chosen]) / scale[chosen]).clamp(-1, 1).float()
    mode = torch.zeros(len(values), dtype=torch.int64)
    mode[~apart] = chosen
    for number, value in enumerate(frequent):
        mode[values == value] = len(means) + number
    parts = len(means) + len(frequent) + gaps
    return common, _rows(torch.tensor(present), place, mode, parts)


def _rows(present: Tensor, place: Tensor, mode: Tensor, parts: int) -> Tensor:
    """(N, 1 + parts): place and one-hot of the rows that are present, the last mode for others."""
    encoded = torch.zeros(len(present), 1 + parts)
    encoded[present, 0] = place
    modes = torch.full((len(present),), parts - 1)
    modes[present] = mode
    encoded[:, 1:] = F.one_hot(modes, parts).float()
    return encoded


def _frequent(numbers: list[float]) -> list[float]:
    """The numbers that stand out by how often they are there; all but the rest's last value."""
    counts = Counter(numbers)
    least = max(_FREQUENT, _EVEN / len(counts)) * len(numbers)
    found = [number for number, count in counts.most_common(_MOST_FREQUENT) if count >= least]
    return sorted(found) if len(found) < len(counts) else []


def decode(column: Column, values: Tensor) -> list[Cell]:
    """The cells that encoded values, (N, values), stand for; None where one is missing.

    Whatever the values: the largest of a one-hot counts, places are cut to [-1, 1], and numbers
    to those between the data's smallest and largest.
    """
    if isinstance(column, CategoryColumn):
        texts = [column.values[int(number)] for number in numbers_of(column, values).tolist()]
        return [text or None for text in texts]
    numbers = numbers_of(column, values).tolist()
    return [None if math.isnan(number) else _cell(column, number) for number in numbers]


def numbers_of(column: Column, values: Tensor) -> Tensor:
    """The numbers that encoded values, (N, values), stand for: (N,) float64, NaN where one is
    missing. Of a category the places of its values, of a date its counts."""
    values = values.double().nan_to_num(0.0)
    if isinstance(column, CategoryColumn):
        return values.argmax(1).double()
    place, mode = values[:, 0].clamp(-1, 1), values[:, 1:].argmax(1)
    zeros = [0.0] * (len(column.frequent) + column.missing)
    means = [*column.means, *column.frequent, *[math.nan] * column.missing]
    mean, scale = (
        torch.tensor(part, dtype=torch.float64) for part in (means, [*column.scales, *zeros])
    )
    numbers = mean[mode] + scale[mode] * place
    if column.step is not None:
        numbers = column.low + ((numbers - column.low) / column.step).round() * column.step
    return numbers.clamp(column.low, column.high)


def _cell(column: NumberColumn | DateColumn, number: float) -> Cell:
    if isinstance(column, DateColumn):
        return times.write(times.moment(round(number), column.unit, column.start), column.format)
    if column.origin:
        return column.origin + round(number)
    return round(number, column.decimals) + 0.0  # -0.0 becomes 0.0


def written(column: Column, cell: Cell) -> str:
    """A cell as text."""
    if cell is None:
        return ""
    if isinstance(column, NumberColumn) and not isinstance(cell, str):
        sign = "+" if column.plus and cell > 0 else ""
        return f"{sign}{cell}" if column.origin else f"{sign}{cell:.{column.decimals}f}"
    return str(cell)
