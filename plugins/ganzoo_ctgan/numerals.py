"""How a table writes numbers: the mark of decimals, and between thousands; what is not a number.

A file has one mark of decimals. ``1,234`` may be either of two numbers: the rest of the file says
which, else what stands between its cells.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

PLAIN: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LEADING_ZERO: Final = re.compile(r"[+-]?0\d", re.ASCII)
_SPACES: Final = " \u00a0\u202f\u2009"
#: Mark of decimals, marks between thousands.
Marks = tuple[str, str]
POINT: Final[Marks] = (".", "")
_OTHERS: Final[tuple[Marks, ...]] = (
    (",", ""),
    (".", ","),
    (",", "."),
    (".", _SPACES),
    (",", _SPACES),
    (".", "'\u2019"),
    (",", "'\u2019"),
)
_EXACT: Final = 1 << 53  # whole numbers beyond it are not all floats


def decimal_mark(columns: Iterable[Sequence[str]], delimiter: str) -> str:
    """The mark of decimals of a file: what the columns say that can be read in one way alone."""
    said = set()
    doubtful = False
    for cells in columns:
        marks = {decimal for decimal, _ in _fitting(cells)}
        if len(marks) == 1:
            said |= marks
        doubtful |= len(marks) > 1
    if len(said) == 1:
        return said.pop()
    return "," if doubtful and delimiter != "," else "."


def _fitting(cells: Sequence[str]) -> list[Marks]:
    """The ways to read cells as numbers. None where they are not numbers, or plainly whole ones."""
    some = [cell for cell in cells if cell]
    if not some or all(cell.isdecimal() for cell in some):
        return []
    return [marks for marks in (POINT, *_OTHERS) if _fits(some, marks)]


def marks_of(cells: Sequence[str], decimal: str) -> Marks | None:
    """How the cells of a column, none of them missing, are numbers; None where they are not.

    decimal: the file's mark. A column that can be read with that one alone is not read otherwise.
    """
    if all(cell.isdecimal() and cell.isascii() for cell in cells):
        return POINT
    fitting = _fitting(cells)
    return next((marks for marks in fitting if marks[0] == decimal), next(iter(fitting), None))


def plain(cell: str, marks: Marks) -> str:
    """A number as Python writes it."""
    decimal, thousands = marks
    for mark in thousands:
        cell = cell.replace(mark, "")
    return cell.replace(decimal, ".").replace("\u2212", "-")


def is_identifier(cells: Iterable[str]) -> bool:
    """Whether plain numbers are names rather than amounts: a leading zero, a plus where nothing is
    negative, or a whole number that no float is."""
    plus, signed = False, False
    for cell in cells:
        if _LEADING_ZERO.match(cell):
            return True
        if len(cell) > 15 and cell.lstrip("+-").isdecimal() and abs(int(cell)) > _EXACT:
            return True
        plus |= cell.startswith("+")
        signed |= cell.startswith("-") or "." in cell
    return plus and not signed


def _fits(cells: Sequence[str], marks: Marks) -> bool:
    pattern = _pattern(marks)
    if not all(pattern.fullmatch(cell) for cell in cells):
        return False
    return not marks[1] or any(mark in cell for cell in cells for mark in marks[1])


@cache
def _pattern(marks: Marks) -> re.Pattern[str]:
    """A number with these marks. Of thousands, all groups must be complete."""
    decimal, thousands = marks
    if marks == POINT:
        return PLAIN
    whole = r"\d+"
    if thousands:
        groups = "|".join(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+" for mark in thousands)
        whole = rf"(?:{groups}|0|[1-9]\d{{0,2}})"
    fraction = rf"(?:{re.escape(decimal)}\d*)?"
    return re.compile(rf"[+\-\u2212]?{whole}{fraction}(?:[eE][+-]?\d{{1,3}})?", re.ASCII)
