""".npz archives: samples of any kind as NumPy writes them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.sources.given import from_tensor

_KEYS: Final = ("images", "samples", "x", "X", "x_train", "data", "arr_0")
_LABEL_KEYS: Final = ("labels", "y", "Y", "y_train", "targets", "arr_1")


def npz_samples(path: Path) -> Dataset:
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
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # numpy raises a dozen kinds for damaged and hostile files
        text = "objects, which would need unpickling" if "pickle" in str(error) else error
        raise GanzooError(f"{path}: not a readable .npz: {text}") from None
    key = next((key for key in _KEYS if key in arrays), None)
    if key is None:
        raise GanzooError(
            f"{path}: no samples in it. They are looked for under {', '.join(_KEYS)}; it has "
            f"{', '.join([*arrays, *others]) or 'nothing'}."
        )
    samples = arrays[key]
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            samples = samples.astype(np.float32)
    labels: Any = next((arrays[key] for key in _LABEL_KEYS if key in arrays), None)
    if labels is not None and (labels.dtype.kind not in "iu" or labels.size != len(samples)):
        raise GanzooError(
            f"{path}: labels must be {len(samples)} integers, not {labels.dtype} {labels.shape}"
        )
    if samples.dtype.kind not in "uf":
        raise GanzooError(f"{path}: samples of type {samples.dtype}; uint8 or floats are taken")
    tensor = torch.from_numpy(np.ascontiguousarray(samples))
    numbers = None if labels is None else torch.from_numpy(labels.astype(np.int64).reshape(-1))
    return from_tensor(tensor, numbers, path.stem)
