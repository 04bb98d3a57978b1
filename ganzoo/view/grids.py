"""The samples that a run made while it trained, as pieces of a page.

A run may be somebody else's: its files may be huge, damaged, or links that lead out of it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from ganzoo import html
from ganzoo.errors import GanzooError, one_line
from ganzoo.links import open_file
from ganzoo.runs.folder import RunFolder

_MOST_BYTES: Final = 16 << 20  # of a file
_MOST_PIXELS: Final = 64_000_000
_SIDE: Final = 1024  # pixels; a larger picture is made smaller
_SMALL: Final = 60_000  # bytes up to which a picture is kept without loss
_PICTURES: Final = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

Item = TypeVar("Item")


def newest_grid(run: RunFolder) -> tuple[int, Path] | None:
    """The newest file of samples with its step; None where there is none."""
    samples = run.samples()
    return samples[-1] if samples else None


def element(path: Path, what: str) -> str:
    """A file of samples as a piece of HTML that holds it, or says why it is not shown."""
    try:
        with open_file(path) as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise GanzooError(f"{path.name} has more than {_MOST_BYTES >> 20} MiB")
        suffix = path.suffix.lower()
        if suffix in _PICTURES:
            content, suffix = _small(content, _PICTURES[suffix]), ".webp"
    except (GanzooError, OSError, ValueError, SyntaxError) as error:  # Pillow has several
        return f"<p>{html.text(what)}: not shown: {html.text(one_line(error))}</p>"
    return html.shown(content, suffix, what)


def through_time(run: RunFolder, count: int, budget: int) -> list[tuple[int, str]]:
    """Files of samples, evenly apart from the first to the newest, as pieces of HTML.

    count: at most. budget: bytes that they may take together; where they take more, fewer are
    taken, and at least the newest.
    """
    frames = [
        (step, element(path, f"samples of step {step}"))
        for step, path in evenly(run.samples(), count)
    ]
    while len(frames) > 1 and sum(len(frame) for _, frame in frames) > budget:
        frames = evenly(frames, len(frames) * 2 // 3)
    return frames


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of `items`, evenly apart, the last one and, of several, the first among
    them."""
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[-1]]
    return [items[round(n * (len(items) - 1) / (count - 1))] for n in range(count)]


def _small(content: bytes, form: str) -> bytes:
    """A picture as a WebP for a page. Raises ValueError or OSError where it cannot be read."""
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=[form]) as picture:
        if picture.width * picture.height > _MOST_PIXELS:
            raise ValueError(f"a picture of {picture.width} by {picture.height} pixels")
        sized = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    sized.thumbnail((_SIDE, _SIDE))
    exact, lossy = io.BytesIO(), io.BytesIO()
    sized.save(exact, "WEBP", lossless=True, method=2)
    if exact.tell() <= _SMALL:
        return exact.getvalue()
    sized.save(lossy, "WEBP", quality=86, method=4)
    return min(exact.getvalue(), lossy.getvalue(), key=len)
