"""IDX files (MNIST's own format) and .npz archives."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from ganzoo.data.dataset import Dataset, from_tensor
from ganzoo.errors import GanzooError

_IMAGE_KEYS: Final = ("images", "samples", "x", "X", "x_train", "data", "arr_0")
_LABEL_KEYS: Final = ("labels", "y", "Y", "y_train", "targets", "arr_1")


def is_idx(path: Path) -> bool:
    """Whether the file begins as an IDX file of unsigned bytes does, gzipped or not."""
    try:
        return _read(path, 4)[:3] == b"\x00\x00\x08"
    except (OSError, EOFError, zlib.error):
        return False


def idx_images(path: Path) -> Dataset:
    """The images of an IDX file; labels from the file beside it with ``labels-idx1`` in its name
    where this one has ``images-idx3``."""
    images = _idx(path)
    if images.ndim != 3:
        raise GanzooError(f"{path}: an IDX file with {images.ndim} dimensions; images have 3")
    labels = None
    beside = _labels_beside(path)
    if beside is not None:
        labels = torch.from_numpy(_idx(beside).astype(np.int64))
        if labels.shape != (len(images),):
            raise GanzooError(f"{beside}: {len(labels)} labels for {len(images)} images in {path}")
    name = path.name.split(".")[0].removesuffix("-images-idx3-ubyte")
    return from_tensor(torch.from_numpy(images), labels, name)


def npz_images(path: Path) -> Dataset:
    """An .npz with images (uint8; N,H,W or N,H,W,C or N,C,H,W) or floating point samples, and
    labels where they are. Nothing in it is unpickled."""
    if not zipfile.is_zipfile(path):
        raise GanzooError(f"{path}: not a readable .npz: it is no zip archive, as np.savez makes")
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = [key for key in archive.files if key in (*_IMAGE_KEYS, *_LABEL_KEYS)]
            others = [key for key in archive.files if key not in keys]
            arrays = {key: np.asarray(archive[key]) for key in keys}
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # numpy raises a dozen kinds for damaged and hostile files
        text = "objects, which would need unpickling" if "pickle" in str(error) else error
        raise GanzooError(f"{path}: not a readable .npz: {text}") from None
    found = [key for key in _IMAGE_KEYS if key in arrays]
    if not found:
        raise GanzooError(
            f"{path}: no samples in it. They are looked for under {', '.join(_IMAGE_KEYS)}; it has "
            f"{', '.join([*arrays, *others]) or 'nothing'}."
        )
    samples = arrays[found[0]]
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            samples = samples.astype(np.float32)
    if samples.dtype == np.uint8 and samples.ndim == 4 and samples.shape[1] not in (1, 3):
        samples = samples.transpose(0, 3, 1, 2)
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


def _read(path: Path, size: int = -1) -> bytes:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        data: bytes = file.read(size)
    return data


def _idx(path: Path) -> np.ndarray[Any, Any]:
    try:
        head = _read(path, 16)
        dimensions = head[3] if len(head) > 3 else 0
        header = 4 + 4 * dimensions
        if head[:3] != b"\x00\x00\x08" or dimensions not in (1, 3) or len(head) < header:
            raise GanzooError(f"{path}: not an IDX file of images or labels as unsigned bytes")
        shape = tuple(int(n) for n in np.frombuffer(head, ">u4", dimensions, 4))
        # One byte more than the header promises tells a longer file, and no more is unpacked.
        data = _read(path, header + math.prod(shape) + 1)
    except (OSError, EOFError, OverflowError, MemoryError, zlib.error) as error:
        raise GanzooError(f"{path}: not a readable IDX file: {error}") from None
    if len(data) - header != math.prod(shape):
        raise GanzooError(
            f"{path}: cut short or damaged: {len(data) - header} bytes where its header says "
            f"{'x'.join(str(n) for n in shape)}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape).copy()


def _labels_beside(path: Path) -> Path | None:
    name = path.name.replace("images-idx3", "labels-idx1")
    if name == path.name:
        return None
    plain = name.removesuffix(".gz")
    candidates = [path.with_name(name), path.with_name(plain), path.with_name(plain + ".gz")]
    return next((file for file in candidates if file.is_file()), None)
