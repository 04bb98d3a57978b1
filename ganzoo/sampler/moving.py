"""Samples that change from moment to moment, as a file that moves, or a file for each moment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from torch import Tensor

from ganzoo.errors import GanzooError, cannot_write
from ganzoo.files import fill_folder, user_path
from ganzoo.kinds import NUMBERS, Kind
from ganzoo.progress import each
from ganzoo.sampler.written import (
    check_folder,
    check_parent,
    check_shown,
    content,
    is_folder,
    numbered,
    write_file,
    write_free,
)

FPS: Final = 25.0
_FASTEST: Final = 100.0


def save_moments(
    kind: Kind,
    moments: Iterable[Tensor],
    count: int,
    together: int,
    path: str | os.PathLike[str] | None,
    fps: float = FPS,
    columns: int | None = None,
    scale: int | None = None,
) -> Path:
    """Write `count` moments, each (together, *shape), as `Generator.save_walk` does. They are asked
    for one at a time, once it is known that they can be written."""
    if not 0 < fps <= _FASTEST:
        raise GanzooError(f"fps {fps:g}: it takes more than 0, up to {_FASTEST:g}")
    moments = each(moments, "walking", count)
    if path is not None and is_folder(path):
        return _save_each(kind, moments, count, user_path(path), columns, scale or 1)
    ends = kind.moving or tuple(end for end in kind.suffixes if end not in NUMBERS)
    ends = ends or kind.suffixes
    file = None if path is None else user_path(path)
    suffix = ends[0] if file is None else file.suffix.lower()
    if suffix not in ends:
        raise GanzooError(
            f"{file}: a walk of {kind.spec.kind} samples is written as {', '.join(ends)}; for a "
            f"file each moment, name a folder: {file}{os.sep}"
        )
    check_parent(file or Path(f"walk{suffix}"))
    check_shown(kind, suffix, columns, 1 if scale is None else scale)
    fault = kind.cannot_hold(suffix, together, columns, scale or 1)
    if fault:
        raise GanzooError(f"{file}: {fault}")
    if file is not None:
        return write_file(file, lambda: kind.animate(moments, suffix, fps, columns, scale))
    return write_free("walk", suffix, kind.animate(moments, suffix, fps, columns, scale))


def _save_each(
    kind: Kind,
    moments: Iterable[Tensor],
    count: int,
    folder: Path,
    columns: int | None,
    scale: int,
) -> Path:
    suffix = kind.suffixes[0]
    check_folder(folder)
    check_shown(kind, suffix, columns, scale)

    def fill(inside: Path) -> None:
        for name, samples in zip(numbered(count, "frame-"), moments, strict=True):
            made = content(kind, samples, suffix, columns, scale)
            (inside / f"{name}{suffix}").write_bytes(made)

    try:
        fill_folder(folder, fill)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return folder
