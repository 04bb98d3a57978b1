"""Dates and times as whole numbers: how a column writes them, and how they are counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Final, Literal

Unit = Literal["month", "second", "microsecond"]

_DATES: Final = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y%m%d",
    "%Y-%m",
)
_TIMES: Final = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
#: What a format is made of.
FORMAT: Final = r"([^%]|%[YmdHIMSfybBp]|%-[dmHI])+"
#: Without zeros in front. Python's own code for it is not on every system.
_UNPADDED: Final = {"%d": "%-d", "%m": "%-m", "%H": "%-H", "%I": "%-I"}
_SHAPE: Final = re.compile(r"\d{8}|.*\d[-/.: T].*|.*[A-Za-z]{3}.*\d", re.ASCII)
_START: Final = datetime(1970, 1, 1)
_YEARS: Final = range(1900, 2101)  # in which eight digits are a date
_RANGE: Final = 1 << 53  # of counts that a float tells apart


def format_of(cells: Iterable[str]) -> tuple[str, str] | None:
    """How all of some different texts are dates or times; None where they are not.

    The second is another format that would be as right with other dates, or "".
    """
    texts = list(cells)
    if not texts or not all(_SHAPE.fullmatch(text) and len(text) < 40 for text in texts):
        return None
    zone = re.search(r"(?<=:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)$", texts[0], re.ASCII)
    found = [
        form
        for form in _formats(zone[2] if zone else "")
        if all(_exact(text, form) for text in texts)
    ]
    if not found:
        return None
    if found[0].startswith("%Y%m%d") and not all(int(t[:4]) in _YEARS for t in texts):
        return None
    others = (form for form in found[1:] if any(read(t, form) != read(t, found[0]) for t in texts))
    return found[0], next(others, "")


def _formats(zone: str) -> Iterable[str]:
    """zone: at the end of each time."""
    forms = [*_DATES, *_TIMES]
    forms += ["".join(parts) + zone for parts in product(_DATES, " T", _TIMES)]
    for form in forms:
        yield form
        short = form
        for code, other in _UNPADDED.items():
            short = short.replace(code, other)
        if short != form:
            yield short
            half = form  # 1/2/2024 09:30
            for code in ("%d", "%m"):
                half = half.replace(code, _UNPADDED[code])
            if half not in (form, short):
                yield half


def _exact(text: str, form: str) -> bool:
    """Whether a text is a date that is written back as it is."""
    try:
        return write(read(text, form), form) == _with_six_digits(text)
    except ValueError:
        return False


def _with_six_digits(text: str) -> str:
    return re.sub(r"(:\d\d\.)(\d{1,6})(?=Z|[+-]|$)", lambda m: m[1] + m[2].ljust(6, "0"), text)


def read(text: str, form: str) -> datetime:
    """Raises ValueError where the text is not such a date."""
    return datetime.strptime(text, form.replace("%-", "%"))


def write(moment: datetime, form: str) -> str:
    """A date as text."""
    if moment.year < 1000:
        form = form.replace("%Y", f"{moment.year:04}")
    for code, value in (
        ("%-d", moment.day),
        ("%-m", moment.month),
        ("%-H", moment.hour),
        ("%-I", moment.hour % 12 or 12),
    ):
        form = form.replace(code, str(value))
    return moment.strftime(form)


def unit_of(moments: Sequence[datetime]) -> Unit:
    """What dates are counted in: months, where they are of one day of the month."""
    if any(moment.microsecond for moment in moments):
        return "microsecond"
    inside = {(m.day, m.hour, m.minute, m.second) for m in moments}
    months = {(m.year, m.month) for m in moments}
    return "month" if len(inside) == 1 and len(months) > 1 and moments[0].day <= 28 else "second"


def count(moment: datetime, unit: Unit, start: datetime) -> int:
    """The number of units from `start` to a date. Raises ValueError where it is too large."""
    if unit == "month":
        return (moment.year - start.year) * 12 + moment.month - start.month
    number = (moment - start) // timedelta(**{f"{unit}s": 1})
    if abs(number) > _RANGE:
        raise ValueError("dates that are too far apart")
    return number


def moment(number: int, unit: Unit, start: datetime) -> datetime:
    """The date of a count. Raises OverflowError where there is none."""
    if unit == "month":
        months = start.year * 12 + start.month - 1 + number
        return start.replace(year=months // 12, month=months % 12 + 1)
    return start + timedelta(**{f"{unit}s": number})
