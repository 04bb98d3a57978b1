"""Files of sound as a data set: clips of one length and one sample rate."""

import math
import os
import statistics
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ganzoo import Dataset, GanzooError, GanzooWarning, SampleSpec
from ganzoo.sources.labels import are_splits, by_name
from ganzoo_wavegan import SUFFIXES
from ganzoo_wavegan.networks import LENGTHS
from ganzoo_wavegan.sound import Clip, Sound, open_sound

USUAL: Final = 16_384  # the paper's length
_MOST_VALUES: Final = 1 << 30  # in memory, 4 GiB, twice while it is read
_NAMED: Final = 5  # files or reasons that a message has
_CUT: Final = 0.9  # share of a file that a clip has at least, else it is told


def clips(path: Path, split: str = "", spec: SampleSpec | None = None) -> Dataset:
    """Clips of one length, a power of two from 1,024 to 65,536, padded with zeros at their ends.

    In a folder each file is a clip, cut after the length that is nearest to the files' median;
    where all lie in subfolders, those of the first level are classes. Where these are called
    train, test and the like they are splits, of which `split` chooses one, and those below are
    classes. One file alone is cut into clips of 16,384 that follow one another, or fewer where it
    is shorter.

    Files of a folder are brought to the sample rate that most have. spec: of a model of sound,
    whose length, and whose sample rate for a folder, are taken instead. Those that are broken are
    left out. What is done to files, and clips that are silent or cut at the limits, is told in
    warnings. Raises GanzooError that names the file where a single one, or each one, is broken.
    """
    spec = spec if spec is not None and spec.kind == "audio" else None
    if path.is_dir():
        return _folder(path, split, spec)
    if split:
        raise GanzooError(f"{path}:{split}: it is one file, which has no splits")
    try:
        sound = open_sound(path)
        length = min(USUAL, _nearest(sound.frames)) if spec is None else spec.shape[-1]
        starts = range(0, sound.frames, length)
        _check_memory(path.stem, len(starts), length)
        read = [sound.read(start, length, sound.rate) for start in starts]
    except (OSError, ValueError) as error:
        raise GanzooError(f"{path}: {error}") from None
    told = [f"{sound.channels} channels, of which the mean is taken"] * (sound.channels > 1)
    _tell(path, told + _heard(read, [f"clip {place}" for place in range(len(read))]))
    details = {"sample_rate": sound.rate}
    return Dataset(path.stem, _padded(read, length), kind="audio", details=details)


def _folder(path: Path, split: str, spec: SampleSpec | None) -> Dataset:
    others: Counter[str] = Counter()
    files = sorted(_walk(path, others))
    if not files:
        raise GanzooError(f"{path}: it has no sound files: {', '.join(SUFFIXES)}")
    splits = _splits(file.relative_to(path).parts for file in files)
    if split:
        files = [file for file in files if file.relative_to(path).parts[0] == split in splits]
        if not files:
            there = ", ".join(splits) or "none"
            raise GanzooError(f"{path}:{split}: there is no such split; there is {there}")
    sounds: list[Sound] = []
    broken: list[str] = []
    for file in files:
        try:
            sounds.append(open_sound(file))
        except (OSError, ValueError) as error:
            broken.append(f"{file.relative_to(path)} ({error})")
    rate = max(counts := Counter(s.rate for s in sounds), key=lambda r: (counts[r], r), default=0)
    length = _nearest(statistics.median([s.length(rate) for s in sounds] or [0]))
    if spec is not None:
        rate, length = int(spec.details["sample_rate"]), spec.shape[-1]
    _check_memory(path.stem, len(sounds), length)
    read: list[Clip] = []
    good: list[Sound] = []
    for sound in sounds:
        try:
            read.append(sound.read(0, length, rate))
            good.append(sound)
        except (OSError, ValueError) as error:
            broken.append(f"{sound.path.relative_to(path)} ({error})")
    if not good:
        raise GanzooError(f"{path}: none of its {len(files)} files can be read: {broken[0]}")
    names = [str(sound.path.relative_to(path)) for sound in good]
    told = [f"{len(broken)} of {len(files)} files left out: {_some(broken)}"] * bool(broken)
    told += _left_out(others) + _changed(good, rate, length) + _heard(read, names)
    parts = [Path(name).parts for name in names]
    if splits:
        parts = [part[1:] for part in parts]
        said = f"{', '.join(splits)} are taken as splits; {path}:{splits[0]} takes one"
        told += [said] * (not split)
    beside = [part[0] for part in parts if len(part) == 1]
    if beside and len(beside) < len(parts):
        told.append(f"no classes, since {_some(beside)} lies beside the subfolders")
    _tell(path, told)
    details, samples = {"sample_rate": rate}, _padded(read, length)
    if beside:
        return Dataset(path.stem, samples, kind="audio", details=details)
    labels, classes = by_name([part[0] for part in parts], str(path))
    return Dataset(path.stem, samples, labels, classes, "audio", details=details)


def _splits(files: Iterable[tuple[str, ...]]) -> list[str]:
    """The folders of the first level where all are called as splits are; none where they are not.

    files: the parts of their paths.
    """
    heads = {parts[0] if len(parts) > 1 else "" for parts in files}
    return sorted(heads) if len(heads) > 1 and are_splits(heads) else []


def _changed(sounds: list[Sound], rate: int, length: int) -> list[str]:
    """What is done to files to make them clips, in words."""
    told = []
    count = len(sounds)
    rates = Counter(sound.rate for sound in sounds if sound.rate != rate)
    if rates:
        said = ", ".join(f"{number} from {other}" for other, number in sorted(rates.items()))
        told.append(f"resampled to {rate} samples a second: {said}")
    mixed = sum(sound.channels > 1 for sound in sounds)
    if mixed:
        told.append(f"{mixed} of {count} files have several channels, of which the mean is taken")
    cut = sum(length < _CUT * sound.length(rate) for sound in sounds)
    if cut:
        told.append(f"{cut} of {count} files are cut after {length} values, {length / rate:.2g} s")
    short = sum(2 * sound.length(rate) < length for sound in sounds)
    if short:
        told.append(
            f"{short} of {count} files have less than half of {length} values; zeros follow"
        )
    return told


def _heard(clips: list[Clip], names: list[str]) -> list[str]:
    """Which clips are silent or cut at the limits, in words."""
    silent = [name for name, clip in zip(names, clips, strict=True) if clip.silent]
    clipped = [name for name, clip in zip(names, clips, strict=True) if clip.clipped]
    told = [(silent, "silent"), (clipped, "clipped, at the limits for several values in a row")]
    return [f"{len(bad)} of {len(names)} are {what}: {_some(bad)}" for bad, what in told if bad]


def _left_out(others: Counter[str]) -> list[str]:
    if not others:
        return []
    ends = [f"{number} {end or 'without an ending'}" for end, number in others.most_common()]
    return [f"{others.total()} files left out by their ending: {_some(ends)}"]


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _tell(path: Path, told: list[str]) -> None:
    if told:
        warnings.warn(" ".join(f"{path}: {'; '.join(told)}".split()), GanzooWarning, stacklevel=2)


def _walk(path: Path, others: Counter[str]) -> Iterator[Path]:
    """The files of sound below a folder. Hidden ones are left out: some systems put them beside.

    others: counts the endings of all other files.
    """
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
            if name.startswith(".") or not file.is_file():  # a pipe would never end
                continue
            if name.lower().endswith(SUFFIXES):
                yield file
            else:
                others[file.suffix.lower()] += 1


def _refuse(error: OSError) -> None:
    raise GanzooError(f"{error.filename}: cannot be read: {error.strerror}")


def _nearest(frames: float) -> int:
    """The power of two that is nearest in ratio, among those that WaveGAN can do."""
    power = round(math.log2(max(frames, 1)))
    return min(max(1 << power, LENGTHS[0]), LENGTHS[-1])


def _padded(clips: list[Clip], length: int) -> Tensor:
    """(N, 1, length), with zeros where a clip has ended."""
    samples = torch.zeros(len(clips), 1, length)
    for row, clip in zip(samples, clips, strict=True):
        row[0, : len(clip.values)] = torch.from_numpy(clip.values)
    return samples


def _check_memory(name: str, count: int, length: int) -> None:
    if count * length > _MOST_VALUES:
        raise GanzooError(
            f"data set {name!r}: {count} clips of {length} values take more than "
            f"{_MOST_VALUES >> 28} GiB of memory; take fewer or shorter files"
        )
