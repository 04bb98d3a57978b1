"""What the columns of a table are, as a sample spec's details have it.

A row is encoded column by column (section 4.2 of the paper, "mode-specific normalization"): a
number as its place within a mode, in [-1, 1], and which mode it is of, one-hot; a category
one-hot. A number that is very frequent is a mode of its own, at place 0, and so is a missing one;
a missing category is the value "". A date is a number, counted from the first.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

import pydantic
from pydantic import Field

from ganzoo import Options, SampleSpec
from ganzoo_ctgan.times import FORMAT, Unit, moment

MOST_VALUES: Final = 4096  # of a category
MOST_MODES: Final = 32
MOST_COLUMNS: Final = 1024
MOST_WIDTH: Final = 16_384  # values of an encoded row
MOST_TEXT: Final = 1000  # letters of a name or value
LARGEST: Final = 1e30  # number
MOST_DECIMALS: Final = 40

Text = Annotated[str, Field(max_length=MOST_TEXT)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, strict=True)]
Positive = Annotated[float, Field(gt=0, le=4 * LARGEST, strict=True)]
Count = Annotated[int, Field(ge=0, le=1 << 53, strict=True)]
Values = Annotated[list[Number], Field(max_length=MOST_MODES)]


class Numeric(Options):
    """A column of numbers: a value is mean + scale * place, of its mode."""

    name: Text
    low: Number = Field(description="smallest number in the data; none below is written")
    high: Number = Field(description="largest number in the data; none above is written")
    means: list[Number] = Field(min_length=1, max_length=MOST_MODES, description="of the modes")
    scales: list[Positive] = Field(max_length=MOST_MODES, description="of the modes")
    frequent: Values = Field([], description="frequent numbers, each a mode after those")
    missing: bool = Field(strict=True, description="whether some are missing: the last mode")
    step: Positive | None = Field(
        None, description="between two numbers, from the smallest on; none: as the decimals say"
    )

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.means) != len(self.scales):
            raise ValueError(f"{len(self.means)} means but {len(self.scales)} scales")
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self

    @property
    def parts(self) -> tuple[int, int]:
        """How many values are a place within a mode, and how many a one-hot."""
        return 1, len(self.means) + len(self.frequent) + self.missing


class NumberColumn(Numeric):
    """A column of numbers as such. All its numbers are written as counted from `origin`, which
    makes whole numbers exact that no float is."""

    type: Literal["number"] = "number"
    decimals: int = Field(ge=0, le=MOST_DECIMALS, strict=True, description="digits after the point")
    origin: int = Field(0, ge=-(1 << 100), le=1 << 100, strict=True, description="added to each")
    plus: bool = Field(False, strict=True, description="whether a plus is written")


class DateColumn(Numeric):
    """A column of dates or times: its numbers are counts of `unit` from `start` on."""

    type: Literal["date"] = "date"
    format: str = Field(max_length=100, pattern=f"^{FORMAT}$", description="as strftime takes it")
    unit: Unit
    start: datetime

    @pydantic.model_validator(mode="after")
    def _are_dates(self) -> Self:
        try:
            for count in (self.low, self.high):
                moment(round(count), self.unit, self.start)
        except (OverflowError, ValueError):
            raise ValueError(f"no date is {self.low:g} to {self.high:g} {self.unit}s on") from None
        return self


class CategoryColumn(Options):
    """A column of few different values, which are texts."""

    type: Literal["category"] = "category"
    name: Text
    values: list[Text] = Field(min_length=1, max_length=MOST_VALUES)
    counts: list[Count] = Field(
        [], max_length=MOST_VALUES, description="rows that have each of them; empty: not counted"
    )

    @pydantic.model_validator(mode="after")
    def _each_counted(self) -> Self:
        if self.counts and len(self.counts) != len(self.values):
            raise ValueError(f"{len(self.values)} values but {len(self.counts)} counts")
        return self

    @property
    def parts(self) -> tuple[int, int]:
        """How many values are a place within a mode (none), and how many a one-hot."""
        return 0, len(self.values)


Column = NumberColumn | DateColumn | CategoryColumn


def _type(value: object) -> object:
    """Which type of column is meant, so that an error is about that one's fields."""
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


class Details(Options):
    """All columns of a table, in their order."""

    columns: list[
        Annotated[
            Annotated[NumberColumn, pydantic.Tag("number")]
            | Annotated[DateColumn, pydantic.Tag("date")]
            | Annotated[CategoryColumn, pydantic.Tag("category")],
            pydantic.Discriminator(_type),
        ]
    ] = Field(min_length=1, max_length=MOST_COLUMNS)


#: Fields that tables of before do not have.
_NEW: Final = frozenset({"frequent", "step", "origin", "plus", "counts"})


def to_details(columns: list[Column]) -> dict[str, Any]:
    """The details of a spec. A newer field is there where it says something, so that the tables
    of before have the details that they had."""
    return {
        "columns": [column.model_dump(mode="json", exclude=_unsaid(column)) for column in columns]
    }


def _unsaid(column: Column) -> set[str]:
    fields = {name: field for name, field in type(column).model_fields.items() if name in _NEW}
    return {name for name, field in fields.items() if getattr(column, name) == field.default}


def width_of(columns: list[Column]) -> int:
    """The number of values of an encoded row."""
    return sum(sum(column.parts) for column in columns)


def columns_of(spec: SampleSpec) -> list[Column]:
    """The columns of a spec. Raises ValueError, of one line, where its details are not of a table
    or do not fit its shape."""
    try:
        columns = Details.model_validate(spec.details).columns
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = " ".join(".".join(["details", *map(str, first["loc"])]).split())[:80]
        text = first["msg"].removeprefix("Value error, ").partition("\n")[0]
        raise ValueError(f"{where}: {text}") from None
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise ValueError("details.columns: two columns have one name")
    width = width_of(columns)
    if width > MOST_WIDTH:
        raise ValueError(f"details.columns: {width} values a row; at most {MOST_WIDTH} are taken")
    if spec.shape != (width,):
        raise ValueError(f"its columns have {width} values a row, its shape is {spec.shape}")
    return columns
