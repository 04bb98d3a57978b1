"""From the bytes of a CSV file to its rows of texts: its encoding, its delimiter, its header."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import charset_normalizer
import clevercsv

from ganzoo import GanzooError
from ganzoo_ctgan.columns import MOST_COLUMNS, MOST_TEXT
from ganzoo_ctgan.options import TableOptions

_LARGEST: Final = 1 << 29  # bytes of a file, which is read at once
_LOOKED_AT: Final = 1 << 15  # letters that show how a file is laid out
_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What is looked for where a text is not Unicode. Of the Latin alphabets, the one of Western Europe
#: alone: a short table does not tell them apart.
_ENCODINGS: Final = [
    *("cp1252", "cp1251", "koi8_r", "cp932", "euc_jp", "gb18030", "big5", "euc_kr"),
    *("cp1253", "cp1255", "cp1256"),
]
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass
class Sheet:
    """The rows of a file. lines: each row's, for messages. notes: what was guessed, in words."""

    where: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str = ","
    notes: list[str] = field(default_factory=list)


def read_sheet(path: Path, options: TableOptions) -> Sheet:
    """The rows of a CSV file. Raises GanzooError that names the file and the line."""
    notes: list[str] = []
    text = _text(path, options.encoding, notes)
    delimiter, text, skipped = _delimiter(path, text, options.delimiter, notes)
    # newline="": a line break within quotes is part of a cell, as it is.
    file = io.StringIO(text, newline="")
    reader = csv.reader(file, delimiter=delimiter, strict=True, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not row:
                continue
            width = len(rows[0]) if rows else len(row)
            while len(row) > width and not row[-1].strip():
                row.pop()  # a delimiter at the end of each line
            if rows and width < len(row) and all(_is_remark(row) for row in rows):
                notes.append(f"{len(rows)} lines that begin with # as comments")
                rows, lines = [], []
            elif len(row) != width:
                raise _ragged(path, reader.line_num + skipped, rows[0], row, delimiter)
            rows.append(row)
            lines.append(reader.line_num + skipped)
    except csv.Error as error:
        raise GanzooError(f"{path}, line {reader.line_num + skipped}: {error}") from None
    if not rows:
        raise GanzooError(f"{path}: the file is empty")
    if len(rows[0]) > MOST_COLUMNS:
        raise GanzooError(f"{path}: {len(rows[0])} columns; at most {MOST_COLUMNS} are taken")
    if options.header == "no":
        header = [f"column {place}" for place in range(1, len(rows[0]) + 1)]
        return Sheet(str(path), header, rows, lines, delimiter, notes)
    if len(rows) == 1:
        raise GanzooError(f"{path}: there is a header but there are no rows")
    _check_header(path, rows)
    header = _named(path, [name.strip() for name in rows[0]], notes)
    return Sheet(str(path), header, rows[1:], lines[1:], delimiter, notes)


def _is_remark(row: list[str]) -> bool:
    return row[0].lstrip().startswith("#")


def _text(path: Path, asked: str | None, notes: list[str]) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise GanzooError(f"{path}: more than {_LARGEST >> 20} MiB are not read at once")
        content = path.read_bytes()
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error.strerror or error}") from None
    for begin, what in ((b"PK\x03\x04", "a workbook or another zip"), (b"\x1f\x8b", "gzipped")):
        if content.startswith(begin):
            raise GanzooError(f"{path}: it is {what}, not a text; save it as CSV")
    encoding = asked or _encoding(path, content)
    try:
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except LookupError:
        raise GanzooError(f"data.encoding={encoding}: there is no such encoding") from None
    except ValueError as error:
        at = getattr(error, "start", 0)
        line = content.count(b"\n", 0, at) + 1
        raise GanzooError(f"{path}, line {line}: not {encoding}: {error}") from None
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise GanzooError(f"{path}, line {line}: not a text: it has the byte {control[0]!r}")
    if asked is None and encoding != "utf-8":
        notes.append(f"its encoding as {encoding} (data.encoding)")
    return text.removeprefix("\ufeff")


def _encoding(path: Path, content: bytes) -> str:
    """The encoding by the mark at the file's beginning, or by what its bytes can be."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    some = content[:_LOOKED_AT]
    zeros = [some[place::2].count(0) for place in (0, 1)]
    if max(zeros) > len(some) // 4:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    try:
        content.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        read = content.decode("utf-8", "replace")
        others = sum(letter > "\x7f" for letter in read) - read.count("\ufffd")
        line = content.count(b"\n", 0, error.start) + 1
        fault = (
            f"{path}, line {line}: not UTF-8: byte {content[error.start]:#04x} at place "
            f"{error.start} of the file"
        )
        if others > read.count("\ufffd"):  # UTF-8 all the same, with damage
            raise GanzooError(f"{fault}. Fix it, or set data.encoding") from None
    western = content.decode("cp1252", "replace")
    if not any(letter.isalpha() and letter > "\x7f" and letter not in "µªº" for letter in western):
        return "cp1252"  # signs such as £ and °, which are no evidence for a language
    found = charset_normalizer.from_bytes(content, cp_isolation=_ENCODINGS)
    best = found.best()
    if best is None:
        raise GanzooError(f"{fault}, nor another encoding that is known. Set data.encoding")
    as_good = [match.encoding for match in found if match.chaos <= best.chaos]
    return next(name for name in _ENCODINGS if name in as_good)


def _delimiter(path: Path, text: str, asked: str | None, notes: list[str]) -> tuple[str, str, int]:
    """What stands between cells; the text and how many lines of it are skipped: one may say it."""
    first, _, rest = text.partition("\n")
    said = re.fullmatch(r'"?sep=(.)"?', first.rstrip("\r"), re.IGNORECASE)
    if said:  # as Excel writes it
        return asked or said[1], rest, 1
    if asked:
        return asked, text, 0
    some = text[:_LOOKED_AT]
    if len(some) < len(text):
        some = some[: some.rfind("\n") + 1] or some
    try:
        found = clevercsv.Detector().detect(some, delimiters=list(_DELIMITERS))
    except clevercsv.Error:
        found = None
    delimiter = found.delimiter if found is not None and found.delimiter else ","
    if delimiter != ",":
        notes.append(f"{_DELIMITERS[delimiter]} between its cells (data.delimiter)")
    elif found is not None and not found.delimiter:
        words = {len(line.split()) for line in some.splitlines() if line.strip()}
        if len(words) == 1 and words != {1}:
            notes.append(f"the {words.pop()} words of a line as one cell (data.delimiter)")
    return delimiter, text, 0


def _ragged(
    path: Path, line: int, header: list[str], row: list[str], delimiter: str
) -> GanzooError:
    if len(row) < len(header):
        fault = f"column {header[len(row)].strip()!r} is missing"
    else:
        fault = f"{row[len(header)][:40]!r} is in no column"
    if delimiter == "," and len(row) == 2 and len(header) == 1:
        fault += ". If the comma is a decimal mark, use --set 'data.delimiter=;'"
    return GanzooError(
        f"{path}, line {line}: {len(row)} cells where the header has {len(header)}; {fault}"
    )


def _check_header(path: Path, rows: list[list[str]]) -> None:
    """Raises GanzooError where the first line is a row of the table rather than a header."""
    header = [name.strip() for name in rows[0]]
    for place, title in enumerate(header, 1):
        if len(title) > MOST_TEXT:
            raise GanzooError(f"{path}, line 1: the name of column {place} is too long")
    remedy = "The first line must be a header, the columns' names; --set data.header=no says "
    remedy += "that there is none"
    if all(_is_number(title) for title in header if title) and any(header):
        raise GanzooError(f"{path}, line 1: only numbers. {remedy}")
    columns = [[cell.strip() for cell in cells] for cells in zip(*rows[1:1000], strict=True)]
    numbers = [title for title, cells in zip(header, columns, strict=True) if _all_numbers(cells)]
    texts = [(t, cells) for t, cells in zip(header, columns, strict=True) if t not in numbers]
    if not numbers or not all(map(_is_number, numbers)):
        return
    repeated = next((title for title, cells in texts if title and title in cells), None)
    if repeated is not None:
        raise GanzooError(
            f"{path}, line 1: it looks like a row: {numbers[0][:40]!r} is a number, and "
            f"{repeated[:40]!r} is also a value of its column. {remedy}"
        )


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text))


def _all_numbers(cells: Sequence[str]) -> bool:
    return any(cells) and all(_is_number(cell) for cell in cells if cell)


def _named(path: Path, header: list[str], notes: list[str]) -> list[str]:
    """Names that differ: as pandas has it, "Unnamed: 2" where there is none, and "a.1" for the
    second "a"."""
    names = [name or f"Unnamed: {place}" for place, name in enumerate(header)]
    taken, seen = set(names), Counter[str]()
    for place, name in enumerate(names):
        new = name
        while seen[name] and new in taken:
            new = f"{name}.{seen[name]}"
            seen[name] += new in taken
        seen[name] += 1
        taken.add(new)
        names[place] = new
    renamed = [(o, n) for o, n in zip(header, names, strict=True) if o != n]
    if renamed:
        said = ", ".join(f"{old[:40]!r} as {new[:44]!r}" for old, new in renamed[:5])
        notes.append(f"column names that are missing or appear twice: {said}")
    return names
