"""Labels in a table beside images: StyleGAN's dataset.json, CSV, JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from ganzoo.kinds.image.stored import Stored

_LABELS: Final = ("label", "labels", "class", "class_name", "class_id", "category", "target", "y")
_LOOKED_AT: Final = 200  # rows, to see which column names the files
_SEVERAL: Final = re.compile(r"-?\d+(?:[ ,;|]+-?\d+)+|.*\|.*|\[.*\]", re.DOTALL)
_FILE: Final = re.compile(r"\.(?:png|jpe?g|jfif|webp|bmp|gif|tiff?|p[gpn]m)$", re.IGNORECASE)

Row = dict[str, Any]
Told = Callable[[str], None]


class _Unusable(Exception):
    """Why a table gives no labels."""


def labels_beside(stored: Stored, tell: Told) -> tuple[dict[int, str], str] | None:
    """The labels, by the numbers of the files, that tables beside them give, and where they are
    from, in words; None where there are none. Why a table that names the files is of no use is
    told."""
    files = _Names(stored) if stored.beside.tables else None
    values: dict[int, str] = {}
    where: list[str] = []
    for table in sorted(stored.beside.tables, key=lambda name: (name.count("/"), name)):
        assert files is not None
        within = table.rpartition("/")[0]
        try:
            rows = _rows(table, stored.read(table))
            found, column = _of_rows(rows, files, within)
        except (_Unusable, OSError, ValueError, RecursionError) as error:
            tell(f"{stored.root}: no labels are read from {table}: {error}")
            continue
        if found:
            values |= found
            where.append(f"{table}{column}")
            stored.beside.left.subtract([f".{table.rpartition('.')[2].lower()}"])
    return (values, " and ".join(where)) if values else None


class _Names:
    """Finds files by what a table calls them: a path, or a name with or without its end."""

    def __init__(self, stored: Stored) -> None:
        self.places: dict[str, int] = {}
        for number, name in enumerate(stored.names):
            base = name.rpartition("/")[2]
            for key in {base, base.rpartition(".")[0], name.rpartition(".")[0]} - {name}:
                self.places[key] = -1 if key in self.places else number
        self.places |= {name: number for number, name in enumerate(stored.names)}
        self.folders = {name.rpartition("/")[0] for name in stored.names}

    def find(self, called: object, within: str) -> int:
        """The number of a file; -1 where there is none, or more than one. within: the folder that
        the table lies in; where there are images, it is of these alone."""
        text = str(called).strip().replace("\\", "/").removeprefix("./")
        place = self.places.get(f"{within}/{text}", -1) if within else -1
        if place >= 0 or (within and within in self.folders):
            return place
        return self.places.get(text, -1)


def _of_rows(rows: list[Row], files: _Names, within: str) -> tuple[dict[int, str], str]:
    """Labels by the numbers of files, and the column that they stand in, in words; nothing where
    no column names files."""
    if not rows:
        return {}, ""
    some = rows[:: max(1, len(rows) // _LOOKED_AT)]
    hits = {
        key: len({place for row in some if (place := files.find(row.get(key), within)) >= 0})
        for key in rows[0]
    }
    called = max(hits, key=lambda key: hits[key])
    if not hits[called]:
        return {}, ""
    column = _label_column([key for key in rows[0] if key != called], rows)
    values: dict[int, str] = {}
    for row in rows:
        place, value = files.find(row.get(called), within), row.get(column)
        if place >= 0 and value not in (None, ""):
            values[place] = _class_name(value, str(row[called]))
    if len(values) > 10 and len(set(values.values())) == len(values):
        raise _Unusable(f"every image has another {column!r}, which is not a class")
    return values, f", column {column!r}" if column != "1" else ""


def _label_column(columns: list[str], rows: list[Row]) -> str:
    """The column of labels among those that do not name files."""
    by_name = {str(key).strip().lower(): key for key in columns}
    named = next((by_name[name] for name in _LABELS if name in by_name), None)
    if named is not None:
        return named
    if len(columns) == 1:
        return columns[0]
    switches = [c for c in columns if {str(row.get(c)) for row in rows} <= {"0", "1", "-1"}]
    if len(switches) > 1:
        raise _Unusable(
            f"a table of attributes ({', '.join(switches[:3])}, ...): several labels a sample are "
            "not supported. Keep one column, and call it label"
        )
    there = ", ".join(map(str, columns[:10])) or "none besides the names"
    raise _Unusable(f"which column is the label? Call it label; there are {there}")


def _class_name(value: Any, whose: str) -> str:
    """A label as the name of a class: whole numbers without a point."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = str(value).strip()
    if isinstance(value, list | dict) or _SEVERAL.fullmatch(text):
        raise _Unusable(
            f"{whose} has the label {text[:50]}; several labels a sample are not supported"
        )
    if re.fullmatch(r"-?\d+\.\d*", text):
        if float(text) != int(float(text)):
            raise _Unusable(f"{whose} has the label {text}, a number that is not whole")
        text = str(int(float(text)))
    return text


def _rows(name: str, content: bytes) -> list[Row]:
    """The rows of a table; of one without a header, the columns are numbered."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if name.lower().endswith(".json"):
        return list(_of_stylegan(json.loads(text)))
    if name.lower().endswith(("jsonl", "ndjson")):
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        if not all(isinstance(row, dict) for row in rows):
            raise _Unusable("its lines are not all objects")
        return rows
    first = text.partition("\n")[0]
    delimiter = max("\t;,", key=first.count)
    cells = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if not cells:
        return []
    header, *body = cells
    if any(_FILE.search(cell) for cell in header):
        header, body = [str(number) for number in range(len(header))], cells
    return [dict(zip(header, row, strict=False)) for row in body]


def _of_stylegan(content: Any) -> Iterable[Row]:
    """The rows of ``{"labels": [[name, label], ...]}``, or of the same as an object."""
    labels = content.get("labels") if isinstance(content, dict) else None
    if labels is None:
        raise _Unusable("it has no labels")
    if not isinstance(labels, dict | list):
        raise _Unusable(f"its labels are {str(labels)[:50]}, not pairs of a file and a number")
    pairs = labels.items() if isinstance(labels, dict) else labels
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise _Unusable(f"its labels are pairs of a file and a number, not {str(pair)[:50]}")
        yield {"0": pair[0], "1": pair[1]}
