""".npz and .npy files: samples of any kind as NumPy writes them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.sources.given import from_tensor
from ganzoo.sources.options import Data

_KEYS: Final = ("images", "samples", "x", "X", "x_train", "data", "arr_0")
_LABEL_KEYS: Final = ("labels", "y", "Y", "y_train", "targets", "arr_1")


def npz_samples(path: Path, data: Data | None = None) -> Dataset:
    """An .npz with samples as `from_tensor` takes them, and labels where they are. Nothing in it is
    unpickled."""
    if not zipfile.is_zipfile(path):
        raise GanzooError(
            f"{path}: not a readable .npz: it is not a zip archive, as np.savez writes"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = [key for key in archive.files if key in (*_KEYS, *_LABEL_KEYS)]
            others = [key for key in archive.files if key not in keys]
            arrays = {key: np.asarray(archive[key]) for key in keys}
    except Exception as error:  # numpy raises a dozen kinds for damaged and hostile files
        raise _unreadable(path, error) from None
    key = next((key for key in _KEYS if key in arrays), None)
    if key is None:
        raise GanzooError(
            f"{path}: no samples in it. They are looked for under {', '.join(_KEYS)}; it has "
            f"{', '.join([*arrays, *others]) or 'nothing'}."
        )
    labels = next((arrays[key] for key in _LABEL_KEYS if key in arrays), None)
    return _dataset(path, arrays[key], labels, data)


def npy_samples(path: Path, data: Data | None = None) -> Dataset:
    """An .npy with samples as `from_tensor` takes them. Nothing in it is unpickled."""
    try:
        samples = np.load(path, allow_pickle=False)
    except Exception as error:  # as above
        raise _unreadable(path, error) from None
    return _dataset(path, samples, None, data)


def _dataset(path: Path, samples: NDArray[Any], labels: Any, data: Data | None) -> Dataset:
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what becomes infinite is refused by `from_tensor`
            samples = samples.astype(np.float32)
    elif samples.dtype != np.uint8:
        raise GanzooError(
            f"{path}: samples of type {samples.dtype}; uint8 (0 to 255) or floats are taken. "
            "Images of more levels are floats from 0 to 1 when they are divided by the highest"
        )
    return from_tensor(torch.from_numpy(np.ascontiguousarray(samples)), labels, path.stem, data)


def _unreadable(path: Path, error: Exception) -> GanzooError:
    if isinstance(error, OSError) and error.errno is not None:
        return GanzooError(f"{path}: cannot be read: {error.strerror or error}")
    text = "objects, which would need unpickling" if "pickle" in str(error) else error
    return GanzooError(f"{path}: not a readable {path.suffix}: {text}")
