"""Files of sound as a data set: clips of one length and one sample rate."""

import math
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ganzoo import Dataset, GanzooError
from ganzoo_wavegan import SUFFIXES
from ganzoo_wavegan.networks import LENGTHS
from ganzoo_wavegan.sound import Sound, open_sound

USUAL: Final = 16_384  # the paper's length
_MOST_VALUES: Final = 1 << 30  # in memory, 4 GiB


def clips(path: Path) -> Dataset:
    """Clips of one length, a power of two from 1,024 to 65,536, padded with zeros at their ends.

    In a folder each file is a clip, cut after the length that is nearest to the files' median;
    where all lie in subfolders, those of the first level are classes. One file alone is cut into
    clips of 16,384 that follow one another, or fewer where it is shorter. Raises GanzooError
    that names the file where one is broken, and two where sample rates differ.
    """
    if path.is_dir():
        return _folder(path)
    sound = _opened(path)
    length = min(USUAL, _nearest(sound.frames))
    starts = range(0, sound.frames, length)
    return _dataset(path.stem, [(sound, start) for start in starts], length)


def _folder(path: Path) -> Dataset:
    files = sorted(_walk(path))
    if not files:
        raise GanzooError(f"{path}: no files of sound in it: {', '.join(SUFFIXES)}")
    sounds = [_opened(file) for file in files]
    first = sounds[0]
    for sound in sounds:
        if sound.rate != first.rate:
            raise GanzooError(
                f"sample rates differ: {first.path} has {first.rate}, {sound.path} has "
                f"{sound.rate}. Bring them to one, such as: ffmpeg -i IN -ar {first.rate} OUT.wav"
            )
    length = _nearest(statistics.median(sound.frames for sound in sounds))
    parts = [file.relative_to(path).parts for file in files]
    if any(len(names) < 2 for names in parts):
        return _dataset(path.stem, [(sound, 0) for sound in sounds], length)
    classes = sorted({names[0] for names in parts})
    labels = torch.tensor([classes.index(names[0]) for names in parts])
    return _dataset(path.stem, [(sound, 0) for sound in sounds], length, labels, tuple(classes))


def _walk(path: Path) -> Iterator[Path]:
    """The files of sound below a folder. Hidden ones are left out: some systems put them beside."""
    seen = set()
    for folder, subfolders, names in os.walk(path, followlinks=True, onerror=_refuse):
        real = Path(folder).resolve()
        if real in seen:  # a link may lead back to a folder seen before
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            file = Path(folder, name)
            # is_file: a pipe would never end
            if name.lower().endswith(SUFFIXES) and not name.startswith(".") and file.is_file():
                yield file


def _refuse(error: OSError) -> None:
    raise GanzooError(f"{error.filename}: cannot be read: {error.strerror}")


def _opened(path: Path) -> Sound:
    try:
        return open_sound(path)
    except (OSError, ValueError) as error:
        raise GanzooError(f"{path}: {error}") from None


def _nearest(frames: float) -> int:
    """The power of two that is nearest in ratio, among those that WaveGAN can do."""
    power = round(math.log2(max(frames, 1)))
    return min(max(1 << power, LENGTHS[0]), LENGTHS[-1])


def _dataset(
    name: str,
    parts: list[tuple[Sound, int]],
    length: int,
    labels: Tensor | None = None,
    classes: tuple[str, ...] = (),
) -> Dataset:
    """The clips in memory. parts: (file, first value) of each."""
    if len(parts) * length > _MOST_VALUES:
        raise GanzooError(
            f"data set {name!r}: {len(parts)} clips of {length} values take more than "
            f"{_MOST_VALUES >> 28} GiB of memory; take fewer or shorter files"
        )
    samples = torch.zeros(len(parts), 1, length)
    for row, (sound, start) in zip(samples, parts, strict=True):
        try:
            values = torch.from_numpy(sound.read(start, length))
        except (OSError, ValueError) as error:
            raise GanzooError(f"{sound.path}: {error}") from None
        row[0, : len(values)] = values
    rate = parts[0][0].rate
    return Dataset(name, samples, labels, classes, "audio", details={"sample_rate": rate})
