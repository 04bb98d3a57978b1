"""CSV files as a data set: a header, then rows."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from ganzoo import Dataset, GanzooError
from ganzoo_ctgan.columns import MOST_COLUMNS, MOST_TEXT, MOST_WIDTH, Column, width_of
from ganzoo_ctgan.encoding import MISSING, CellError, encode

_LARGEST: Final = 1 << 29  # bytes of a file, which is read at once


def csv_table(path: Path) -> Dataset:
    """The rows of a CSV file: UTF-8, commas, the first line a header.

    What a column holds follows from its cells, see `encode`. An empty cell, and ``?``, ``NA``,
    ``N/A``, ``NaN`` and ``null`` in any case, is missing: a value of its own for a category, and
    a mode of its own for a number, so that rows are kept and samples may have gaps too. Raises
    GanzooError that names the file, the line and the column.
    """
    text = _text(path)
    # newline="": a line break within quotes is part of a cell, as it is.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not row:
                continue
            if rows and len(row) != len(rows[0]):
                raise _ragged(path, reader.line_num, rows[0], row)
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise GanzooError(f"{path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise GanzooError(f"{path}: the file is empty")
    header = [name.strip() for name in rows[0]]
    _check_header(path, header, text)
    if len(rows) == 1:
        raise GanzooError(f"{path}: there is a header and no row")
    return table(path.stem, header, rows[1:], str(path), lines[1:])


def table(
    name: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    where: str = "",
    lines: Sequence[int] = (),
) -> Dataset:
    """A data set of rows of texts. where, lines: for messages, the file and each row's line."""
    columns: list[Column] = []
    parts = []
    for title, cells in zip(header, zip(*rows, strict=True), strict=True):
        try:
            column, encoded = encode(title, cells)
        except CellError as error:
            line = f", line {lines[error.row]}" if lines else ""
            raise GanzooError(f"{where or name}{line}, column {title!r}: {error}") from None
        columns.append(column)
        parts.append(encoded)
    if width_of(columns) > MOST_WIDTH:
        raise GanzooError(
            f"{where or name}: its columns have {width_of(columns)} values a row when encoded; at "
            f"most {MOST_WIDTH} are taken. Leave out columns of many categories"
        )
    details = {"columns": [column.model_dump(mode="json") for column in columns]}
    return Dataset(name, torch.cat(parts, 1), kind="table", details=details)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise GanzooError(f"{path}: more than {_LARGEST >> 20} MiB are not read at once")
        content = path.read_bytes()
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise GanzooError(
            f"{path}, line {line}: not UTF-8: byte {content[error.start]:#04x} at place "
            f"{error.start} of the file"
        ) from None


def _ragged(path: Path, line: int, header: list[str], row: list[str]) -> GanzooError:
    if len(row) < len(header):
        fault = f"column {header[len(row)].strip()!r} is missing"
    else:
        fault = f"{row[len(header)][:40]!r} is in no column"
    return GanzooError(
        f"{path}, line {line}: {len(row)} cells where the header has {len(header)}; {fault}"
    )


def _check_header(path: Path, header: list[str], text: str) -> None:
    first = text[: text.find("\n")]
    if len(header) == 1 and (";" in first or "\t" in first):
        raise GanzooError(f"{path}, line 1: one column; cells are separated by commas")
    if len(header) > MOST_COLUMNS:
        raise GanzooError(f"{path}: {len(header)} columns; at most {MOST_COLUMNS} are taken")
    for place, title in enumerate(header, 1):
        if title.lower() in MISSING or len(title) > MOST_TEXT:
            raise GanzooError(f"{path}, line 1: column {place} has no name, or too long a one")
        if header.index(title) != place - 1:
            raise GanzooError(f"{path}, line 1: two columns are called {title[:40]!r}")
    if all(_is_number(title) for title in header):
        raise GanzooError(
            f"{path}, line 1: numbers alone. The first line must be a header, the columns' names"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
