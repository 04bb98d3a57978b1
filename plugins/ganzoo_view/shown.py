"""Samples and files of samples as HTML. Everything is in the page itself: no file is served."""

from __future__ import annotations

import base64
import csv
import io
import wave
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from torch import Tensor

from ganzoo import Kind

_TYPES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".wav": "audio/wav",
}
_SMALL: Final = 128  # pixels; up to this side a picture is enlarged without smoothing
_BARS: Final = 96  # of a drawn waveform
_MOST_ROWS: Final = 200  # of a table in the page


def gallery(
    kind: Kind, samples: Tensor, captions: Sequence[str] = (), chosen: int | None = None
) -> str:
    """Samples, (N, *shape), as their kind previews them: a cell each where they are apart, else
    all in one. A cell tells its place to a click. captions: under the cells. chosen: the place of
    the one to mark."""
    end = kind.preview
    if not kind.apart:
        return shown(kind.render(samples, end), end)
    cells = []
    for place in range(len(samples)):
        inside = shown(kind.render(samples[place : place + 1], end), end)
        caption = f"<figcaption>{escape(captions[place])}</figcaption>" if captions else ""
        mark = " gz-chosen" if place == chosen else ""
        cells.append(
            f'<figure class="gz-cell{mark}" data-place="{place}" tabindex="0">'
            f"{inside}{caption}</figure>"
        )
    kept = " gz-sounds" if end == ".wav" else ""
    side = max(_side(samples), 56)
    return f'<div class="gz-grid{kept}" style="--side:{min(side, 256)}px">{"".join(cells)}</div>'


def _side(samples: Tensor) -> int:
    """How wide a cell is at least, in pixels."""
    return int(samples.shape[-1]) if samples.dim() == 4 else 0


def file(path: Path) -> str:
    """A file of samples that a run wrote."""
    return shown(path.read_bytes(), path.suffix.lower(), path.name)


def shown(content: bytes, end: str, name: str = "") -> str:
    """A file's content, by the end of its name: a picture, sound, a table, text, or a link to
    download it."""
    known: dict[str, Callable[[bytes], str]] = {".wav": _sound, ".csv": _table, ".txt": _text}
    if end in known:
        return known[end](content)
    if end in _TYPES:
        return _picture(content, end)
    name = escape(name or f"samples{end}")
    link = _address(content, "application/octet-stream")
    return f'<a class="gz-download" download="{name}" href="{link}">Download {name}</a>'


def _address(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _picture(content: bytes, end: str) -> str:
    with Image.open(io.BytesIO(content)) as picture:
        small = max(picture.size) <= _SMALL
    look = ' class="gz-pixels"' if small else ""
    return f'<img{look} alt="" draggable="false" src="{_address(content, _TYPES[end])}">'


def _sound(content: bytes) -> str:
    address = _address(content, _TYPES[".wav"])
    return f'{_waveform(content)}<audio controls preload="metadata" src="{address}"></audio>'


def _waveform(content: bytes) -> str:
    """A drawing of a WAV file of 16 bits, as SVG."""
    with wave.open(io.BytesIO(content)) as sound:
        values = np.frombuffer(sound.readframes(sound.getnframes()), np.int16) / 32768
    loudest = [float(np.abs(part).max()) for part in np.array_split(values, _BARS) if len(part)]
    bars = "".join(
        f'<rect x="{place}" y="{20 - 19 * peak:.2f}" width=".6" height="{38 * peak + 0.5:.2f}"/>'
        for place, peak in enumerate(loudest)
    )
    box = f'viewBox="0 0 {len(loudest)} 40" preserveAspectRatio="none"'
    return f'<svg class="gz-wave" {box} aria-hidden="true">{bars}</svg>'


def _table(content: bytes) -> str:
    head, *rows = csv.reader(io.StringIO(content.decode("utf-8", "replace")))
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f'<tr data-place="{place}">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for place, row in enumerate(rows[:_MOST_ROWS])
    )
    more = len(rows) - _MOST_ROWS
    rest = f'<p class="gz-note">and {more} more rows</p>' if more > 0 else ""
    return (
        f'<div class="gz-table"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{rest}"
    )


def _text(content: bytes) -> str:
    return f'<pre class="gz-text">{escape(content.decode("utf-8", "replace"))}</pre>'


def note(text: str) -> str:
    """A sentence in place of samples."""
    return f'<p class="gz-note">{escape(text)}</p>'
