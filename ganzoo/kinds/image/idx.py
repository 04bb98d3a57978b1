"""IDX files, MNIST's own format."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError

_IMAGES: Final = re.compile(r"images[-._]idx3", re.IGNORECASE)


def idx_images(path: Path) -> Dataset:
    """The images of an IDX file; labels from the file beside it with ``labels-idx1`` in its name
    where this one has ``images-idx3``, with a hyphen or with a dot."""
    images = _idx(path)
    if images.ndim != 3:
        raise GanzooError(f"{path}: an IDX file with {images.ndim} dimensions; images have 3")
    labels = None
    beside = _labels_beside(path)
    if beside is not None:
        labels = torch.from_numpy(_idx(beside).astype(np.int64))
        if labels.shape != (len(images),):
            raise GanzooError(f"{beside}: {len(labels)} labels for {len(images)} images in {path}")
    name = re.sub(
        r"[-._]?images[-._]idx3[-._]ubyte|(\.idx)?(\.gz)?$", "", path.name, flags=re.IGNORECASE
    )
    return Dataset(name or path.parent.name, torch.from_numpy(images)[:, None], labels)


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
    """The file of labels in the same folder, whatever stands between the parts of its name: MNIST
    has been published with hyphens and with dots."""
    if not _IMAGES.search(path.name):
        return None
    wanted = _plain(_IMAGES.sub("labels-idx1", path.name))
    beside = sorted(file for file in path.parent.iterdir() if _plain(file.name) == wanted)
    return next((file for file in beside if file.is_file()), None)


def _plain(name: str) -> str:
    return re.sub(r"[._]", "-", name.lower()).removesuffix("-gz")
