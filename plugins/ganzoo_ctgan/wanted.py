"""Rows that are asked for by what stands in their columns: ``--where cylinders=4``."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from pydantic import Field
from torch import Tensor

from ganzoo import GanzooError, Options
from ganzoo_ctgan import times
from ganzoo_ctgan.columns import CategoryColumn, Column, DateColumn, NumberColumn
from ganzoo_ctgan.encoding import numbers_of

_SHOWN: Final = 12  # values in a message
_UNTIL: Final = ".."


class Where(Options):
    """Options of sampling from a table."""

    where: dict[str, Any] = Field(
        default_factory=dict,
        description="what stands in columns, by their names: a value, or of numbers and dates a "
        "range such as 20..30",
    )


class Wanted:
    """What is asked of rows. where: by the names of columns, as `Where` has it.

    Raises GanzooError for a column that there is not, and for what it cannot hold.
    """

    def __init__(self, columns: Sequence[Column], where: Mapping[str, Any]) -> None:
        names = {column.name: column for column in columns}
        unknown = next((name for name in where if name not in names), None)
        if unknown is not None:
            raise GanzooError(
                f"where: there is no column {unknown!r}; the columns are {_listed(names)}"
            )
        self.columns = columns
        #: Of each column that is asked for, the least and the most; of a category its place.
        self.bounds = {name: _bounds(names[name], value) for name, value in where.items()}
        self.said = ", ".join(f"{name}={value}" for name, value in where.items())

    def fits(self, rows: Tensor) -> Tensor:
        """Which of encoded rows, (N, width), are as asked: (N,)."""
        fitting = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        parts = rows.split([sum(column.parts) for column in self.columns], 1)
        for column, part in zip(self.columns, parts, strict=True):
            if column.name in self.bounds:
                low, high = self.bounds[column.name]
                numbers = numbers_of(column, part.cpu()).to(rows.device)
                missing = math.isnan(low)
                fitting &= numbers.isnan() if missing else (numbers >= low) & (numbers <= high)
        return fitting


def search(wanted: Wanted, noise: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
    """Rows as asked, one for each of `noise`, (N, length) from N(0, 1), which `make` makes rows of.

    Where a row is not as asked, its noise is turned by a place, which is noise as well, and another
    one is made: so a row is still a function of its own noise. Raises GanzooError where so many
    were made in vain as there are turns.
    """
    rows = make(noise)
    left = (~wanted.fits(rows)).nonzero().flatten()
    for turn in range(1, 2 * noise.shape[1]):
        if not len(left):
            break
        turned = noise[left].roll(turn, 1) * (1 if turn < noise.shape[1] else -1)
        made = make(turned)
        fits = wanted.fits(made)
        rows[left[fits]] = made[fits]
        left = left[~fits]
    if len(left):
        raise GanzooError(
            f"where: {len(left)} of {len(rows)} rows with {wanted.said} were not made in "
            f"{2 * noise.shape[1]} attempts each: such rows are impossible, or too rare"
        )
    return rows


def _bounds(column: Column, value: Any) -> tuple[float, float]:
    """The least and the most that are asked of a column; both NaN: a missing one."""
    if value is None or value == "":
        return _missing(column)
    if isinstance(column, CategoryColumn):
        place = float(_place(column, value))
        return place, place
    if isinstance(value, list | tuple) and len(value) == 2:
        ends = ["" if end is None else str(end) for end in value]
    else:
        text = str(value)
        ends = text.split(_UNTIL) if text.count(_UNTIL) == 1 else [text, text]
    low, high = (
        usual if not end.strip() else _number(column, end.strip())
        for end, usual in zip(ends, (-math.inf, math.inf), strict=True)
    )
    if low > high:
        raise GanzooError(f"where: {column.name}={value}: the range is empty")
    if low > column.high or high < column.low:
        raise GanzooError(
            f"where: {column.name}={value}: its values go from {_written(column, column.low)} to "
            f"{_written(column, column.high)}, and no others are made"
        )
    slack = 0.5 * 10.0**-column.decimals if isinstance(column, NumberColumn) else 0.5
    return low - slack, high + slack


def _missing(column: Column) -> tuple[float, float]:
    if isinstance(column, CategoryColumn) and "" in column.values:
        place = float(column.values.index(""))
        return place, place
    if not isinstance(column, CategoryColumn) and column.missing:
        return math.nan, math.nan
    raise GanzooError(f"where: {column.name}: it is never missing in the data")


def _place(column: CategoryColumn, value: Any) -> int:
    text = str(value).strip()
    if text in column.values:
        return column.values.index(text)
    same = [place for place, known in enumerate(column.values) if _equal(known, text)]
    if len(same) == 1:
        return same[0]
    values = [known for known in column.values if known]
    raise GanzooError(
        f"where: {column.name}={text[:40]}: the column has no such value; it has {_listed(values)}"
    )


def _equal(one: str, other: str) -> bool:
    """Whether two texts are the same number."""
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def _number(column: NumberColumn | DateColumn, text: str) -> float:
    try:
        if isinstance(column, DateColumn):
            moment = times.read(text, column.format)
            return float(times.count(moment, column.unit, column.start))
        number = float(int(text) - column.origin) if column.origin else float(text)
        if math.isfinite(number):
            return number
    except ValueError:
        pass
    dated = isinstance(column, DateColumn)
    what = f"a date such as {_written(column, column.low)}" if dated else "a number"
    raise GanzooError(
        f"where: {column.name}={text[:40]}: it takes {what}, or a range such as LOW..HIGH"
    )


def _written(column: NumberColumn | DateColumn, number: float) -> str:
    if isinstance(column, DateColumn):
        return times.write(times.moment(round(number), column.unit, column.start), column.format)
    return f"{number + column.origin:.{column.decimals}f}"


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    shown = [repr(name) for name in names]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
