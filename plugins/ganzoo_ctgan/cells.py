"""From the cells of a column, all of them texts, to what the column is."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ganzoo_ctgan import times
from ganzoo_ctgan.columns import MOST_TEXT, MOST_VALUES
from ganzoo_ctgan.numerals import POINT, Marks, is_identifier, marks_of, plain
from ganzoo_ctgan.options import ColumnChoice

#: What counts as missing where nothing else is said; by these pandas and R write it, too.
MISSING: Final = frozenset(
    {"", "?", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "Nan"}
    | {"NULL", "Null", "null", "None"}
)
FEW: Final = 10  # different whole numbers that are categories
USUAL_VALUES: Final = 256  # of a category that nobody asked for
_MOST_ODD: Final = 5
_REPEATED: Final = 10  # times that each value of a longer list of codes stands in a column


class CellError(ValueError):
    """Cells that cannot be made a column. row: the number of the row at fault."""

    def __init__(self, text: str, row: int = 0) -> None:
        super().__init__(text)
        self.row = row


class LeftOut(Exception):
    """A column that is not taken, and why, in words. remedy: what can be declared of it."""

    def __init__(self, text: str, remedy: object) -> None:
        super().__init__(text)
        self.remedy = remedy


@dataclass(frozen=True)
class Cells:
    """The cells of a column. texts: stripped, "" where one is missing.

    type: number, date or category. marks: of numbers. format: of dates; other: another format
    that all of them have as well. gone: what was taken for missing, in words. odd: the few texts
    but for which all would be numbers.
    """

    name: str
    texts: list[str]
    type: str = "category"
    marks: Marks = POINT
    format: str = ""
    other: str = ""
    gone: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> list[str]:
        """The numbers as Python writes them, "" where one is missing."""
        return [plain(text, self.marks) if text else "" for text in self.texts]


def understand(name: str, cells: Sequence[str], choice: ColumnChoice, decimal: str) -> Cells:
    """What a column of cells is. decimal: the file's mark.

    Numbers are a category where they are few: at most 10 different whole ones, or a longer list
    of codes that stand far apart and again and again. So are dates, as numbers, and all texts up
    to 256 different ones. Raises CellError where the cells are not what `choice` says, and
    LeftOut where the column is not taken.
    """
    if choice.type == "drop":
        raise LeftOut("as asked", "drop")
    texts, gone = _present(cells, choice)
    found = Cells(name, texts, gone=gone)
    counts = Counter(text for text in texts if text)
    if choice.type == "date" or choice.format:
        return _declared_date(found, choice.format, counts)
    if choice.type == "number" and counts:
        marks = marks_of(list(counts), decimal)
        if marks is None:
            raise _no_number(found)
        return Cells(name, texts, "number", marks, gone=gone)
    if choice.type == "category":
        return _category(found, counts, MOST_VALUES)
    if not counts:
        return found
    form = times.format_of(counts) if len(counts) > FEW else None
    if form is not None:
        return _date(found, *form)
    marks = marks_of(list(counts), decimal)
    if marks is None:
        return _category(replace(found, odd=_odd(counts, decimal)), counts, USUAL_VALUES)
    numbers = {plain(text, marks): number for text, number in counts.items()}
    if is_identifier(numbers) or _are_codes(numbers):
        return _category(found, counts, USUAL_VALUES, numeric=True)
    return Cells(name, texts, "number", marks, gone=gone)


def _present(cells: Sequence[str], choice: ColumnChoice) -> tuple[list[str], list[str]]:
    """The texts of cells, "" where one is missing; and which of them were taken for that."""
    texts = [cell.strip() for cell in cells]
    if choice.missing is not None:
        missing = {"", *choice.missing}
    elif choice.type == "category":
        missing = {""}
    else:
        missing = set(MISSING)
    gone = Counter(text for text in texts if text in missing and text)
    return ["" if text in missing else text for text in texts], (
        [] if choice.missing is not None else [f"{n} times {text!r}" for text, n in gone.items()]
    )


def _are_codes(counts: dict[str, int]) -> bool:
    """Whether different numbers are few, so that none between them should be made."""
    if len(counts) > USUAL_VALUES:
        return False
    numbers = {float(text) for text in counts}
    if len(numbers) == 1:
        return True
    often = sum(counts.values()) >= _REPEATED * len(counts)
    if not all(number.is_integer() for number in numbers):
        return often and len(numbers) <= FEW
    apart = max(numbers) - min(numbers) + 1 > 2 * len(numbers)
    return len(numbers) <= FEW or (often and apart)


def _category(found: Cells, counts: Counter[str], most: int, numeric: bool = False) -> Cells:
    longest = max(counts, key=len, default="")
    if len(longest) > MOST_TEXT:
        raise LeftOut(f"a text of {len(longest)} letters; at most {MOST_TEXT} are taken", "drop")
    if len(counts) <= most:
        return found
    remedy: object = "category" if len(counts) <= MOST_VALUES else "drop"
    if found.odd:
        remedy = {"type": "number", "missing": found.odd}
        shown = ", ".join(repr(text[:40]) for text in found.odd)
        raise LeftOut(f"it has numbers, but not in {shown}", remedy)
    what = "identifiers" if numeric else "texts"
    raise LeftOut(f"{len(counts)} different {what}; at most {most} are taken as categories", remedy)


def _odd(counts: Counter[str], decimal: str) -> list[str]:
    """The texts that are not numbers where nearly all others are."""
    odd: list[str] = []
    for text in counts:
        if marks_of([text], decimal) is None:
            odd.append(text)
            if len(odd) > min(_MOST_ODD, len(counts) // 10):
                return []
    return odd


def _declared_date(found: Cells, form: str | None, counts: Counter[str]) -> Cells:
    if form is None:
        guessed = times.format_of(counts)
        if guessed is None:
            text = next(iter(counts), "")
            raise CellError(
                f"{text[:40]!r} and the rest are no dates of one format that is known; name it: "
                '{"type": "date", "format": "%d/%m/%Y"}',
                found.texts.index(text),
            )
        return _date(found, *guessed)
    for text in counts:
        try:
            times.read(text, form)
        except ValueError:
            row = found.texts.index(text)
            raise CellError(f"{text[:40]!r} is not a date of the format {form!r}", row) from None
    if not counts:
        raise CellError("there is no date in it")
    return _date(found, form, "")


def _date(found: Cells, form: str, other: str) -> Cells:
    return Cells(found.name, found.texts, "date", format=form, other=other)


def _no_number(found: Cells) -> CellError:
    def bad(test: Callable[[str], object]) -> int | None:
        return next((row for row, text in enumerate(found.texts) if text and not test(text)), None)

    row = bad(lambda text: marks_of([text], "."))
    if row is None:
        return CellError("no number in it" if not any(found.texts) else "numbers of several forms")
    return CellError(f"{found.texts[row][:40]!r} is not a number", row)
