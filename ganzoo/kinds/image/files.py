"""Folders and zips of image files."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import Fault, in_words
from ganzoo.entries import ReaderEntry
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.classes import sort_out
from ganzoo.kinds.image.levels import Levels, levels_of
from ganzoo.kinds.image.pixels import HALVES, Form, check_area, deep_values, pixels, too_large
from ganzoo.kinds.image.sides import (
    Direction,
    are_double,
    tell_of_folders,
    tell_of_halves,
    two_folders,
)
from ganzoo.kinds.image.stored import (
    FolderFiles,
    Numbers,
    Sieve,
    Stored,
    in_folder,
    in_zip,
    times_of,
)
from ganzoo.kinds.image.survey import ANIMATED, COLOUR, DEEP, Survey, survey
from ganzoo.plugins import catalogue
from ganzoo.sources.options import Data
from ganzoo.spec import SampleSpec

_DECODING: Final = 2  # counted up when `pixels` gives other pixels of the same file

Used = TypeVar("Used")


class ImageFiles:
    """Image files, decoded one at a time to uint8 (channels, height, width)."""

    def __init__(self, files: Stored, found: Survey, form: Form) -> None:
        self.files, self.found, self.form = files, found, form

    def at(self, form: Form) -> ImageFiles:
        """The same files, decoded to another form."""
        return ImageFiles(self.files, self.found, form)

    @property
    def sides(self) -> tuple[Numbers, Numbers]:
        """The heights and the widths of those that can be opened."""
        readable = self.found.readable
        widths = self.found.widths[readable] // (2 if self.form.half else 1)
        return self.found.heights[readable], widths

    @property
    def shape(self) -> tuple[int, ...]:
        return self.form.channels, *self.form.size

    @property
    def dtype(self) -> torch.dtype:
        return torch.uint8

    def __len__(self) -> int:
        return len(self.files.names)

    def __getitem__(self, index: int) -> Tensor:
        return self._use(index, lambda image, content: pixels(image, self.form, content))

    def deep_values(self, index: int) -> NDArray[Any] | None:
        """See `deep_values`. Raises as reading a sample does."""
        return self._use(index, deep_values)

    def _use(self, index: int, use: Callable[[Image.Image, bytes], Used]) -> Used:
        check_area(int(self.found.widths[index]), int(self.found.heights[index]))
        try:
            # Read whole before it is decoded: what is wrong with the file is told as such.
            with self.files.open(index) as file:
                content = file.read()
            with Image.open(io.BytesIO(content)) as image:
                return use(image, content)
        except UnidentifiedImageError as error:
            raise ValueError("not an image") from error
        except (SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(str(error)) from error

    def name(self, index: int) -> str:
        return self.files.names[index]

    def fingerprint(self) -> str:
        """Of names and sizes, so that a copy of the files has the same."""
        digest = hashlib.sha256(self.form.half.encode())
        for name, size in zip(self.files.names, self.files.sizes.tolist(), strict=True):
            digest.update(f"{name} {size}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def origin(self) -> str:
        """The folder or the zip."""
        return str(self.files.root.resolve())

    def version(self) -> str:
        """SHA-256 over the state of the files, what decodes them, and how."""
        form = self.form
        decoder = f"{self.files.version()} {PIL.__version__} {_DECODING}"
        decoder += f" {form.fit} {form.levels}{form.half}"
        return hashlib.sha256(decoder.encode()).hexdigest()


def images(
    path: Path,
    data: Data | None = None,
    spec: SampleSpec | None = None,
    split: str = "",
    inputs: bool = False,
) -> Dataset:
    """One picture; or those in a folder and its subfolders. See `sort_out` for their labels, and
    `sides` for their inputs."""
    sieve = Sieve(_ends())
    if path.is_file():
        found = path.stat()
        files = FolderFiles(path.parent, [path.name], [found.st_size], [times_of(found)], sieve)
        return _dataset(path, files, data, spec, split, inputs)
    return _dataset(path, in_folder(path, sieve), data, spec, split, inputs)


def image_zip(
    path: Path,
    data: Data | None = None,
    spec: SampleSpec | None = None,
    split: str = "",
    inputs: bool = False,
) -> Dataset:
    """The images in a zip, read in place; nothing is extracted. See `images`."""
    return _dataset(path, in_zip(path, Sieve(_ends())), data, spec, split, inputs)


def _ends() -> tuple[str, ...]:
    return catalogue().entries(ReaderEntry)["images"].inside


def _dataset(
    path: Path,
    stored: Stored,
    data: Data | None,
    spec: SampleSpec | None,
    split: str,
    inputs: bool,
) -> Dataset:
    if not len(stored.names):
        left = _counted(stored.beside.left)
        there = f"There are files that end otherwise: {left}. " if left else ""
        raise GanzooError(
            f"{path}: no images in it. {there}Images are files that end in "
            f"{', '.join(end[1:] for end in _ends())}."
        )
    name = f"{path.stem}-{split}" if split else path.stem
    direction: Direction = _asked("direction", data, spec) or "AtoB"
    sides = two_folders(stored, split) if inputs else None
    if sides is not None:
        tell_of_folders(path, direction, sides)
        first, second = (_decoded(path, stored.some(s), data, spec) for s in sides.numbers)
        return _translated(Dataset(name, second), first, direction, sides.paired)
    stored, labels, classes = sort_out(stored, split, spec.classes if spec else ())
    samples = _decoded(path, stored, data, spec)
    if not (inputs and are_double(samples.found)):
        return Dataset(name, samples, labels, classes, details=_details(samples))
    tell_of_halves(path, direction)
    first, second = (samples.at(replace(samples.form, half=half)) for half in HALVES)
    return _translated(Dataset(name, second, labels, classes), first, direction)


def _decoded(path: Path, stored: Stored, data: Data | None, spec: SampleSpec | None) -> ImageFiles:
    """The images of files, as squares of a middle size."""
    found = survey(stored)
    if not len(found.readable):
        raise _none_readable(path, stored, found)
    _tell_of_files(path, stored, found)
    channels, side = (3 if found.count(COLOUR) else 1), found.short_side()
    samples = ImageFiles(stored, found, Form((side, side), channels))
    levels = _levels(path, samples, data, spec) if found.count(DEEP) else None
    return samples if levels is None else samples.at(replace(samples.form, levels=levels))


def _details(samples: ImageFiles) -> dict[str, Any]:
    return {"levels": list(samples.form.levels)} if samples.found.count(DEEP) else {}


def _translated(
    dataset: Dataset, first: ImageFiles, direction: Direction, paired: bool = True
) -> Dataset:
    """A data set of the second side with the first as inputs, or the other way round, both of one
    size."""
    second = dataset.samples
    assert isinstance(second, ImageFiles)
    inputs, samples = (first, second) if direction == "AtoB" else (second, first)
    inputs = inputs.at(replace(inputs.form, size=samples.form.size))
    kept = {} if direction == "AtoB" else {"direction": direction}
    spec = SampleSpec("image", inputs.shape, details={**_details(inputs), **kept})
    return replace(
        dataset,
        samples=samples,
        details={**_details(samples), **kept},
        inputs=inputs,
        input_spec=spec,
        paired=paired,
    )


def _asked(option: str, data: Data | None, spec: SampleSpec | None) -> Any:
    """An option of the data, or as the model that it is for has it."""
    asked = data.others.get(option) if data else None
    return asked or (spec.details.get(option) if spec else None)


def _levels(
    path: Path, samples: ImageFiles, data: Data | None, spec: SampleSpec | None
) -> Levels | None:
    """What is black and white in deep pictures: as it is asked for, or as the model that they are
    for has it, or as they have it themselves."""
    asked = _asked("levels", data, spec)
    if asked is not None:
        return float(asked[0]), float(asked[1])
    found = samples.found
    deep = [int(i) for i in found.readable if found.flags[i] & DEEP]
    return levels_of(str(path), deep, len(samples), samples.deep_values)


def _none_readable(path: Path, stored: Stored, found: Survey) -> GanzooError:
    large = [
        Fault(
            stored.names[number], too_large(int(found.widths[number]), int(found.heights[number]))
        )
        for number in range(len(stored.names))
        if found.widths[number]
    ]
    faults = [*found.faults, *large]
    if len(faults) == 1:
        name, reason = faults[0]
        return GanzooError(f"{stored.root / name}: not an image that can be read: {reason}")
    return GanzooError(
        f"{path}: none of its {len(stored.names)} images can be read: {in_words(faults)}"
    )


def _tell_of_files(path: Path, stored: Stored, found: Survey) -> None:
    """Tell what was left out, and what is not shown as it is."""
    left = _counted(stored.beside.left)
    if left:
        _tell(f"{path}: left out, since they do not end as images do: {left}")
    moving = found.count(ANIMATED)
    if moving:
        _tell(
            f"{path}: {moving} of {len(stored.names)} images have several frames or pages: the "
            "first is taken"
        )


def _counted(left: Counter[str]) -> str:
    return ", ".join(f"{count} {end}" for end, count in left.most_common(10) if count > 0)


def _tell(text: str) -> None:
    warnings.warn(text, GanzooWarning, stacklevel=7)
