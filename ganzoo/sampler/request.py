"""What is asked of a sampler in one go: how many samples of what, and where they are to go."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.files import user_path
from ganzoo.progress import bar
from ganzoo.sampler.asked import Labels, check_count
from ganzoo.sampler.written import (
    as_suffix,
    by_class,
    check_folder,
    check_shown,
    checked_file,
    content,
    is_folder,
    numbered,
    write_each,
    write_file,
    write_free,
)

if TYPE_CHECKING:
    from ganzoo.sampler import Sampler

_USUAL: Final = 64  # samples
_BATCH: Final = 256


@dataclass
class Request:
    """The arguments of `Sampler.sample_to`; `write` checks them, and does what they say."""

    sampler: Sampler
    path: str | os.PathLike[str] | None
    count: int | None
    seed: int
    labels: Labels
    inputs: Tensor | None
    seeds: list[int] | None
    columns: int | None
    scale: int
    format: str | None
    sampling: Mapping[str, Any]

    def write(self) -> Path:
        """Sample, and write what was made. Raises GanzooError, before anything is computed where
        that is possible."""
        if self.seeds is not None and self.count is not None:
            raise GanzooError("count and seeds: give one of them; each seed has one sample")
        kind, path = self.sampler.kind, self.path
        folder = path is not None and is_folder(path)
        if self.format is not None and path is not None and not folder:
            raise GanzooError(f"format {self.format}: the name of {path} says it already")
        suffix = kind.suffixes[0] if self.format is None else as_suffix(kind, self.format)
        if path is not None and folder:
            return self._write_each(user_path(path), suffix)
        file = Path(f"samples{suffix}") if path is None else user_path(path)
        return self._write_one(file, free=path is None)

    def _write_each(self, folder: Path, suffix: str) -> Path:
        count = self._count(_USUAL)
        check_folder(folder)
        check_shown(self.sampler.kind, suffix, None, self.scale)
        if self.columns is not None:
            raise GanzooError("columns: a file each has none")
        names = numbered(count)
        if self.seeds is not None:
            twice = [seed for seed, times in Counter(self.seeds).items() if times > 1]
            if twice:
                raise GanzooError(
                    f"seed {twice[0]} is given twice, and each has a file of its name"
                )
            names = (f"seed{seed:04d}" for seed in self.seeds)
        parts = self._stream(count)
        return write_each(self.sampler.kind, parts, names, folder, suffix, self.scale, count)

    def _write_one(self, file: Path, free: bool) -> Path:
        kind, spec = self.sampler.kind, self.sampler.spec
        rows = self.sampler.architecture.conditional and self.labels is None and kind.in_rows
        rows = rows and file.suffix.lower() in kind.suffixes
        classes = len(spec.classes) if rows else 1
        usual = classes * (self.columns or max(1, _USUAL // classes)) if rows else _USUAL
        count, columns = self._count(usual), self.columns
        _, suffix = checked_file(kind, file, count, columns, self.scale)
        with bar("sampling", count) as advance:
            parts = []
            for part in self._stream(count):
                parts.append(part)
                advance(len(part))
        samples = torch.cat(parts)
        if rows and classes < count and columns in (None, -(-count // classes)):
            samples, columns = by_class(samples, classes, -1.0 if spec.low is None else spec.low)
        made = functools.partial(content, kind, samples, suffix, columns, self.scale)
        return write_free(file.stem, suffix, made()) if free else write_file(file, made)

    def _count(self, usual: int) -> int:
        """How many samples there will be. usual: where nothing was said."""
        given = self.seeds if self.seeds is not None else self.inputs
        if self.count is None:
            return usual if given is None else len(given)
        check_count(self.count)
        return self.count

    def _stream(self, count: int) -> Iterator[Tensor]:
        asked = None if self.seeds is not None else count
        return self.sampler.stream(
            asked, self.seed, _BATCH, self.labels, self.inputs, self.seeds, **self.sampling
        )
