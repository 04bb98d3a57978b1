"""What can be asked of a table as data. Nothing here needs torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal

import pydantic
import yaml
from pydantic import Field

from ganzoo import Options
from ganzoo_ctgan.times import FORMAT

_LARGEST: Final = 1 << 20  # bytes of a file that declares columns


class ColumnChoice(Options):
    """What a column is, where its cells do not say it."""

    type: Literal["auto", "number", "category", "date", "drop"] = Field(
        "auto", description="what it holds; drop: the column is left out"
    )
    format: str | None = Field(
        None, max_length=100, description="format of a date, such as %d/%m/%Y"
    )
    missing: list[str] | None = Field(
        None, description="the cells that count as missing; all others are values"
    )

    @pydantic.field_validator("format")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(FORMAT, value):
            raise ValueError("a format has %Y %y %m %b %B %d %H %I %M %S %f %p and other letters")
        return value

    @pydantic.model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        """The name of a type alone stands for a choice."""
        return {"type": value} if isinstance(value, str) else value

    @pydantic.model_serializer(mode="plain")
    def _short(self) -> str | dict[str, Any]:
        """The name of the type alone where nothing else is said."""
        said = {"type": self.type, "format": self.format, "missing": self.missing}
        said = {name: value for name, value in said.items() if value is not None}
        return self.type if len(said) == 1 else said


class TableOptions(Options):
    """How a file is read as a table."""

    columns: dict[str, ColumnChoice] = Field(
        default_factory=dict,
        description='what columns are, by their names: a file of YAML, or {"zip": "category"}; '
        "number, category, date or drop",
        json_schema_extra={"flag": "--types", "metavar": "FILE"},
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="separator between the cells of a row"
    )
    encoding: str | None = Field(
        None, min_length=1, description="encoding of the file, such as cp1252"
    )
    decimal: Literal[".", ","] | None = Field(None, description="decimal mark")
    header: Literal["yes", "no"] = Field(
        "yes", description="whether the first line has the columns' names"
    )

    @pydantic.field_validator("columns", mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        """What a file says, or the text of an object."""
        if not isinstance(value, str):
            return value
        text = value if value.lstrip().startswith("{") else _text_of(Path(value).expanduser())
        try:
            said = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            where = getattr(error, "problem_mark", None)
            line = f", line {where.line + 1}" if where else ""
            raise ValueError(f"not YAML{line}") from None
        if not isinstance(said, dict):
            raise ValueError("it declares no columns; a line looks like this: zip: category")
        return {str(name): choice for name, choice in said.items()}


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"the file has more than {_LARGEST >> 20} MiB")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8") from None
