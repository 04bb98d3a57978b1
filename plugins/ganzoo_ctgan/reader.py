"""CSV files as a data set: a header, then rows."""

import json
import shlex
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ganzoo import Dataset, GanzooError, GanzooWarning, SampleSpec
from ganzoo_ctgan.cells import CellError, Cells, LeftOut, understand
from ganzoo_ctgan.columns import MOST_WIDTH, Column, columns_of, to_details, width_of
from ganzoo_ctgan.encoding import encode
from ganzoo_ctgan.known import encode_as
from ganzoo_ctgan.numerals import decimal_mark
from ganzoo_ctgan.options import ColumnChoice, TableOptions
from ganzoo_ctgan.sheet import Sheet, read_sheet

_SHOWN: Final = 8  # columns in a message


def csv_table(path: Path, options: TableOptions, spec: SampleSpec | None = None) -> Dataset:
    """The rows of a CSV file.

    Its encoding, the delimiter and the mark of decimals are detected, where `options` does not say
    them; what a column holds follows from its cells, see `understand`. A missing cell is a value
    of its own for a category, and a mode of its own for a number, so that rows are kept and
    samples may have gaps too. spec: of a model of tables, in whose columns the rows are then put.
    What is guessed and left out is told in warnings. Raises GanzooError that names the file, the
    line and the column.
    """
    sheet = read_sheet(path, options)
    if spec is None or spec.kind != "table":
        return table(path.stem, sheet, options)
    try:
        dataset = table(path.stem, sheet, options, tell=False)  # the model says what is guessed
    except GanzooError:
        return _as_known(path.stem, sheet, options, spec)
    same = dataset.details == spec.details
    return dataset if same else _as_known(path.stem, sheet, options, spec)


def table(name: str, sheet: Sheet, options: TableOptions, tell: bool = True) -> Dataset:
    """A data set of rows of texts. tell: whether to warn of what is guessed."""
    unknown = next((title for title in options.columns if title not in sheet.header), None)
    if unknown is not None:
        raise GanzooError(
            f"data.columns: {sheet.where} has no column {unknown!r}; its columns are "
            f"{_listed(map(repr, sheet.header))}"
        )
    texts = [[cell.strip() for cell in cells] for cells in zip(*sheet.rows, strict=True)]
    decimal = options.decimal or decimal_mark(texts, sheet.delimiter)
    columns: list[Column] = []
    parts: list[Tensor] = []
    read: list[Cells] = []
    left: dict[str, LeftOut] = {}
    for title, cells in zip(sheet.header, texts, strict=True):
        choice = options.columns.get(title, ColumnChoice())
        try:
            found = understand(title, cells, choice, decimal)
            column, encoded = encode(found)
        except LeftOut as reason:
            if choice.type != "drop":
                left[title] = reason
            continue
        except CellError as error:
            line = f", line {sheet.lines[error.row]}" if sheet.lines else ""
            raise GanzooError(f"{sheet.where}{line}, column {title!r}: {error}") from None
        columns.append(column)
        parts.append(encoded)
        read.append(found)
    if tell:
        _tell(sheet, read, left)
    if not columns:
        raise GanzooError(f"{sheet.where}: none of its columns can be used")
    if width_of(columns) > MOST_WIDTH:
        raise GanzooError(
            f"{sheet.where}: its columns have {width_of(columns)} values a row when encoded; at "
            f"most {MOST_WIDTH} are taken. Leave out columns of many categories: data.columns "
            'declares them as "drop"'
        )
    return Dataset(name, torch.cat(parts, 1), kind="table", details=to_details(columns))


def _as_known(name: str, sheet: Sheet, options: TableOptions, spec: SampleSpec) -> Dataset:
    """The rows in the terms of a model's columns."""
    columns = columns_of(spec)
    lacking = [column.name for column in columns if column.name not in sheet.header]
    if lacking:
        raise GanzooError(
            f"{sheet.where}: the model's table has other columns: {_listed(map(repr, lacking))} "
            f"{'is' if len(lacking) == 1 else 'are'} not here"
        )
    texts = [[cell.strip() for cell in cells] for cells in zip(*sheet.rows, strict=True)]
    decimal = options.decimal or decimal_mark(texts, sheet.delimiter)
    parts, strange, outside = [], dict[int, str](), []
    for column in columns:
        cells = texts[sheet.header.index(column.name)]
        encoded, rows, moved = encode_as(column, cells, decimal)
        parts.append(encoded)
        strange |= {row: f"{cells[row][:40]!r} in column {column.name!r}" for row in rows}
        outside += [f"{moved} in column {column.name!r}"] * bool(moved)
    kept = [row for row in range(len(sheet.rows)) if row not in strange]
    if not kept:
        raise GanzooError(
            f"{sheet.where}: no row of it is of the model's table: it does not know {strange[0]}"
        )
    told = [f"read with {'; '.join(sheet.notes)}"] * bool(sheet.notes)
    if strange:
        said = _listed(dict.fromkeys(strange.values()))
        told.append(f"{len(strange)} rows left out, which the model's table does not know: {said}")
    if outside:
        told.append(f"clipped to the model's smallest or largest: {_listed(outside)}")
    if told:
        _warn(f"{sheet.where}: {'; '.join(told)}")
    return Dataset(name, torch.cat(parts, 1)[kept], kind="table", details=spec.details)


def _tell(sheet: Sheet, read: Sequence[Cells], left: Mapping[str, LeftOut]) -> None:
    """Warn of what was guessed, once for each subject."""
    guessed = list(sheet.notes)
    for mark, what in ((",", "decimal commas"), ("", "marks between thousands")):
        of = [
            found.name
            for found in read
            if found.type == "number" and (found.marks[0] == mark or (not mark and found.marks[1]))
        ]
        if of:
            guessed.append(f"{what} in {_listed(map(repr, of))} (data.decimal)")
    if guessed:
        _warn(f"{sheet.where}: read with {'; '.join(guessed)}")
    gone = [(found.name, what) for found in read if found.type == "category" for what in found.gone]
    if gone:
        said = _listed(f"{what} in column {title!r}" for title, what in gone)
        remedy = _declared(gone[0][0], "category")
        _warn(f"{sheet.where}: taken as missing: {said}. If it is a text: {remedy}")
    dates = [found for found in read if found.other]
    if dates:
        said = _listed(f"{f.name!r} as {f.format}, where {f.other} fits as well" for f in dates)
        remedy = _declared(dates[0].name, {"type": "date", "format": dates[0].other})
        _warn(f"{sheet.where}: read the dates of column {said}. If that is right: {remedy}")
    odd = [found for found in read if found.odd]
    if odd:
        said = _listed(f"{f.name!r}, since {f.odd[0][:40]!r} is not a number" for f in odd)
        remedy = _declared(odd[0].name, {"type": "number", "missing": odd[0].odd})
        _warn(f"{sheet.where}: taken as a category: column {said}. If it holds numbers: {remedy}")
    if left:
        said = _listed(f"{title!r} ({reason})" for title, reason in left.items())
        title, reason = next(iter(left.items()))
        remedy = _declared(title, reason.remedy)
        _warn(f"{sheet.where}: left out: column {said}. To set its type: {remedy}")


def _declared(name: str, choice: object) -> str:
    """The option that declares a column, as a shell takes it."""
    return "--set " + shlex.quote(f"data.columns={json.dumps({name: choice})}")


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def _warn(text: str) -> None:
    warnings.warn(" ".join(text.split()), GanzooWarning, stacklevel=2)
