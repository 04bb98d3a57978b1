"""What the columns of a table are, as a sample spec's details have it.

A row is encoded column by column (section 4.2 of the paper, "mode-specific normalization"): a
number as its place within a mode, in [-1, 1], and which mode it is of, one-hot; a category
one-hot. A missing number is a mode of its own, at place 0; a missing category is the value "".
"""

from typing import Annotated, Final, Literal, Self

import pydantic
from pydantic import Field

from ganzoo import Options, SampleSpec

MOST_VALUES: Final = 256  # of a category
MOST_MODES: Final = 32
MOST_COLUMNS: Final = 1024
MOST_WIDTH: Final = 16_384  # values of an encoded row
MOST_TEXT: Final = 1000  # letters of a name or value
LARGEST: Final = 1e30  # number
MOST_DECIMALS: Final = 40

Text = Annotated[str, Field(max_length=MOST_TEXT)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, strict=True)]
Positive = Annotated[float, Field(gt=0, le=4 * LARGEST, strict=True)]


class NumberColumn(Options):
    """A column of numbers: a value is mean + scale * place, of its mode."""

    type: Literal["number"] = "number"
    name: Text
    decimals: int = Field(ge=0, le=MOST_DECIMALS, strict=True, description="digits after the point")
    low: Number = Field(description="smallest number in the data; none below is written")
    high: Number = Field(description="largest number in the data; none above is written")
    means: list[Number] = Field(min_length=1, max_length=MOST_MODES, description="of the modes")
    scales: list[Positive] = Field(max_length=MOST_MODES, description="of the modes")
    missing: bool = Field(strict=True, description="whether some are missing: the last mode")

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
        return 1, len(self.means) + self.missing


class CategoryColumn(Options):
    """A column of few different values, which are texts."""

    type: Literal["category"] = "category"
    name: Text
    values: list[Text] = Field(min_length=1, max_length=MOST_VALUES)

    @property
    def parts(self) -> tuple[int, int]:
        """How many values are a place within a mode (none), and how many a one-hot."""
        return 0, len(self.values)


Column = NumberColumn | CategoryColumn


def _type(value: object) -> object:
    """Which type of column is meant, so that an error is about that one's fields."""
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


class Details(Options):
    """All columns of a table, in their order."""

    columns: list[
        Annotated[
            Annotated[NumberColumn, pydantic.Tag("number")]
            | Annotated[CategoryColumn, pydantic.Tag("category")],
            pydantic.Discriminator(_type),
        ]
    ] = Field(min_length=1, max_length=MOST_COLUMNS)


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
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise ValueError("details.columns: two columns have one name")
    width = width_of(columns)
    if width > MOST_WIDTH:
        raise ValueError(f"details.columns: {width} values a row; at most {MOST_WIDTH} are taken")
    if spec.shape != (width,):
        raise ValueError(f"its columns have {width} values a row, its shape is {spec.shape}")
    return columns
