"""Pieces of HTML for notebooks and reports: all text in them is escaped; they fetch nothing."""

from __future__ import annotations

import base64
import csv
import html
import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from ganzoo.errors import plain

#: Of the files that a browser shows or plays.
_TYPES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}
_ROWS: Final = 16  # of a table that are shown
_COLUMNS: Final = 40
_LETTERS: Final = 4000  # of a text, and of a table's cell far fewer
_CELL: Final = 80


def text(value: object) -> str:
    """Any value as text in HTML, on one line, without codes that steer a terminal."""
    return html.escape(plain(str(value)))


def table(
    rows: Iterable[Sequence[object]], head: Sequence[object] = (), sides: bool = False
) -> str:
    """Rows of values as a table. head: the names of the columns. sides: whether a row's first value
    is its name."""
    names = "".join(f"<th>{text(name)}</th>" for name in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{text(value)}</th>'
            if sides and not place
            else f"<td>{text(value)}</td>"
            for place, value in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f"<table>{f'<thead><tr>{names}</tr></thead>' if names else ''}<tbody>{body}</tbody></table>"
    )


def shown(content: bytes, suffix: str, what: str) -> str:
    """A file of samples inside the page: a picture, sound to play, a table, text; anything else as
    something to save. suffix: the end of the file's name. what: it is, in words."""
    kind = _TYPES.get(suffix, "")
    if kind.startswith("image/"):
        return f'<img alt="{text(what)}" src="{_inline(content, kind)}">'
    if kind:
        return f'<audio controls title="{text(what)}" src="{_inline(content, kind)}"></audio>'
    if suffix == ".csv":
        return _first_rows(content)
    if suffix == ".txt":
        letters = content[:_LETTERS].decode("utf-8", "replace").splitlines()
        return f"<pre>{html.escape(chr(10).join(plain(line) for line in letters))}</pre>"
    link = _inline(content, "application/octet-stream")
    return f'<a download="samples{text(suffix)}" href="{link}">{text(what)} ({text(suffix)})</a>'


def _inline(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _first_rows(content: bytes) -> str:
    """The first rows of a CSV as a table."""
    lines = content[: 1 << 18].decode("utf-8-sig", "replace").splitlines()
    try:
        rows = [
            [cell[:_CELL] for cell in row[:_COLUMNS]]
            for row in itertools.islice(csv.reader(lines), _ROWS + 1)
        ]
    except csv.Error:  # it was cut, or is none
        rows = []
    return table(rows[1:], rows[0]) if rows else "<p>an empty table</p>"
