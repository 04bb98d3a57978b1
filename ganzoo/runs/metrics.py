"""The log of a run's metrics: a line of JSON a logged step, which only grows at its end.

It may have millions of lines, so it is read from its end where the newest are wanted.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from ganzoo.errors import GanzooError, named
from ganzoo.links import open_file, open_to_write

Line = dict[str, Any]

_BLOCK: Final = 1 << 16  # bytes that are read at once from the end
_LONGEST: Final = 1 << 20  # bytes of a line; what is longer is none of ganzoo's


class MetricsLog:
    """The lines of a file ``metrics.jsonl``, by their steps in order.

    A line that a crash cut short, or that is damaged, is left out. A file that is not there has
    none. What lies in its place and is not a file, or a link out of the run, is a GanzooError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Line]:
        """All lines, one at a time in memory."""
        with self._opened() as file:
            while text := file.readline(_LONGEST) if file else b"":
                line = _parsed(text)
                if line is not None:
                    yield line

    def newest(self, count: int, last: int | None = None) -> list[Line]:
        """The newest `count` lines, in order; last: of those up to this step."""
        lines: list[Line] = []
        with self._opened() as file:
            for _, text in _backwards(file) if file else ():
                line = _parsed(text)
                if line is not None and (last is None or line["step"] <= last):
                    lines.append(line)
                    if len(lines) == count:
                        break
        return lines[::-1]

    def append(self, line: Line) -> None:
        """Write one more line. Raises OSError where it cannot be written."""
        with named(self.path), open_to_write(self.path, append=True) as file:
            file.write(json.dumps(line, allow_nan=False).encode() + b"\n")

    def forget_after(self, step: int) -> None:
        """Drop the lines of later steps, and one that was cut short: they are written again."""
        with self._opened() as file:
            if file is None:
                return
            keep = 0 if step < 0 else _end_of(file, step)
        with named(self.path), open_to_write(self.path) as file:
            file.truncate(keep)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO | None]:
        try:
            file = open_file(self.path)
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            raise GanzooError(f"{self.path}: cannot be read: {error.strerror}") from None
        with file:
            yield file


def _end_of(file: BinaryIO, step: int) -> int:
    """Where the last whole line of a step up to `step` ends."""
    for end, text in _backwards(file):
        line = _parsed(text)
        if line is not None and text.endswith(b"\n") and line["step"] <= step:
            return end
    return 0


def _backwards(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """A file's lines from the last to the first, each with where it ends. It is given up where a
    line is too long."""
    begin = file.seek(0, os.SEEK_END)
    rest = b""  # of the file from `begin` on, what is not yet given out
    while begin > 0 and len(rest) < _LONGEST:
        size = min(_BLOCK, begin)
        begin -= size
        file.seek(begin)
        rest = file.read(size) + rest
        lines = rest.splitlines(keepends=True)
        end = begin + len(rest)
        rest = lines[0] if lines else b""
        for text in lines[:0:-1]:
            yield end, text
            end -= len(text)
    if begin == 0 and rest:
        yield len(rest), rest


def _parsed(text: bytes) -> Line | None:
    with contextlib.suppress(ValueError, RecursionError):
        line = json.loads(text, parse_constant=_no_constant)
        if isinstance(line, dict) and type(line.get("step")) is int:
            return line
    return None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
