"""A tensor that nobody packaged as data: the kinds of sample say what it is."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.entries import KindEntry
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.options import make
from ganzoo.plugins import catalogue
from ganzoo.sources.labels import class_labels
from ganzoo.sources.options import Data


def tensor_of(array: NDArray[Any], name: str = "array") -> Tensor:
    """An array of NumPy as a tensor, which shares its memory where it can. Raises GanzooError
    where it does not hold numbers."""
    if array.dtype.kind not in "buif":
        raise GanzooError(
            f"data {name!r}: an array of {array.dtype}; it takes one of numbers: uint8 or floats"
        )
    usual = array.dtype.newbyteorder("=")
    if not array.flags.writeable or array.dtype != usual or min(array.strides, default=0) < 0:
        array = array.astype(usual)  # which torch cannot share
    return torch.from_numpy(array)


def from_tensor(
    samples: Tensor, labels: Any = None, name: str = "tensor", data: Data | None = None
) -> Dataset:
    """A data set of a tensor that nobody packaged. labels: as `class_labels` takes them. data: the
    options of data, for kinds that look at theirs.

    The kinds of sample are asked in the order of their plugins. Of ganzoo's own: uint8 (N, H, W),
    (N, C, H, W) or (N, H, W, C) is images, and so is floating point of that form in [-1, 1] or
    [0, 1]; floating point (N, 2) is points. Any other floating point of at least two dimensions
    is arrays. Raises GanzooError for the rest.
    """
    _check_dense(samples, name)
    samples = samples.detach().cpu()
    if samples.dim() == 0 or 0 in samples.shape:
        raise GanzooError(f"data {name!r} is empty: its shape is {tuple(samples.shape)}")
    classes: tuple[str, ...] = ()
    if labels is not None:
        labels, classes = class_labels(labels, len(samples), name)
    if samples.is_floating_point():
        samples = samples.float()
    elif samples.dtype != torch.uint8:
        raise GanzooError(
            f"data {name!r}: samples must be uint8 images or floating point, not {samples.dtype} "
            f"{tuple(samples.shape)}"
        )
    dataset = first_kind(
        lambda kind: kind.from_tensor(
            name, samples, labels, **asked_of(kind.from_tensor, kind, data)
        )
    )
    if dataset is not None:
        return replace(dataset, classes=classes) if classes else dataset
    if samples.dtype == torch.uint8:
        raise GanzooError(
            f"data {name!r}: uint8 samples must be images of shape (N, H, W), (N, C, H, W) or "
            f"(N, H, W, C) with 1 or 3 channels, not {tuple(samples.shape)}; for other numbers of "
            "channels, say which: --set data.channels=4"
        )
    if samples.dim() < 2:
        raise GanzooError(
            f"data {name!r}: samples must have at least two dimensions, one sample a row, not "
            f"{tuple(samples.shape)}"
        )
    bounded = bool(samples.abs().max() <= 1)
    low, high = (-1.0, 1.0) if bounded else (None, None)
    return Dataset(name, samples, labels, classes, "array", low, high)


def _check_dense(samples: Tensor, name: str) -> None:
    """Raise GanzooError for a tensor whose values cannot be read one after the other."""
    if samples.is_meta:
        raise GanzooError(f"data {name!r}: a tensor on the device 'meta' has no values")
    if samples.layout != torch.strided:
        raise GanzooError(
            f"data {name!r}: a tensor of layout {samples.layout}; samples.to_dense() makes one "
            "that is taken"
        )


def asked_of(method: Callable[..., Any], kind: Any, data: Data | None) -> dict[str, Any]:
    """The options of a kind among those of the data, where its method takes them."""
    if data is None or "options" not in inspect.signature(method).parameters:
        return {}
    own = {key: value for key, value in data.others.items() if key in kind.Options.model_fields}
    return {"options": make(kind.Options, own, "data", "data.")}


def first_kind(ask: Callable[[Any], Dataset | None]) -> Dataset | None:
    """The data set that the first kind of sample makes which takes it for its own."""
    for entry in catalogue().in_order(KindEntry):
        try:
            dataset = ask(entry.load())
        except GanzooError:
            raise
        except Exception as error:  # of a plugin, which must not spoil the data of others
            warnings.warn(
                f"the kind {entry.name!r} was not asked: {type(error).__name__}: "
                f"{one_line(error)}; this is a bug in its plugin",
                GanzooWarning,
                stacklevel=4,
            )
            continue
        if dataset is not None:
            return dataset
    return None
