"""From what the user names, ``mnist``, ``mnist:test`` or a path, to a data set."""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.data.arrays import idx_images, is_idx, npz_images
from ganzoo.data.dataset import Dataset
from ganzoo.data.files import image_folder, image_zip
from ganzoo.entries import DatasetEntry
from ganzoo.errors import GanzooError, unknown
from ganzoo.plugins import catalogue


def find_dataset(data: str) -> Dataset:
    """The data set called `data`. Raises GanzooError where there is none or it cannot be read."""
    entries = catalogue().entries(DatasetEntry)
    name, colon, split = data.partition(":")
    if name in entries:
        entry = entries[name]
        assert isinstance(entry, DatasetEntry)
        if colon and split not in entry.splits:
            raise unknown(f"split of {name}", split, entry.splits)
        dataset: Dataset = entry.load()(split or entry.splits[0])
        return dataset
    path = Path(data).expanduser()
    if path.exists():
        return _from_path(path)
    if os.sep in data or path.suffix:
        raise GanzooError(f"--data {data}: there is no such file or folder")
    raise unknown("data set", name, entries, "A path to images works too.")


def absolute(data: str) -> str:
    """What names the same data from any folder: a path made absolute, a name as it is."""
    named = data.partition(":")[0] in catalogue().entries(DatasetEntry)
    path = Path(data).expanduser()
    return str(path.resolve()) if path.exists() and not named else data


def _from_path(path: Path) -> Dataset:
    if not os.access(path, os.R_OK):
        raise GanzooError(f"{path}: cannot be read: permission denied")
    if path.is_dir():
        return image_folder(path)
    if path.stat().st_size == 0:
        raise GanzooError(f"{path}: the file is empty")
    if path.suffix == ".npz":
        return npz_images(path)
    if path.suffix == ".zip":
        return image_zip(path)
    if is_idx(path):
        return idx_images(path)
    raise GanzooError(
        f"{path}: not a kind of data that ganzoo reads: a folder of images, a .zip of one, an IDX "
        "file (plain or .gz) of unsigned bytes, or an .npz"
    )
