"""Map-style data sets, of torch or of Hugging Face, read item by item."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import Fault, none_readable
from ganzoo.errors import GanzooError, one_line
from ganzoo.sources.columns import Key, MapStyle, find_keys, read_labels
from ganzoo.sources.given import asked_of, first_kind
from ganzoo.sources.options import Data

_LOOKED_AT: Final = 16  # items, evenly apart, that say of what kind they are

Value = Tensor | Image.Image


class Items:
    """The samples of a map-style data set: of item number `index`, what stands at `key`.

    key: of a dict, or the place in a tuple; None: the item itself.
    """

    def __init__(self, dataset: MapStyle, key: Key | None, name: str) -> None:
        self.dataset, self.key, self.whose = dataset, key, name

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Value:
        """A tensor on the CPU, uint8 or float32, or a picture. Raises ValueError or OSError where
        it cannot be read, GanzooError where it is neither."""
        try:
            item = self.dataset[index]
            value = item if self.key is None else item[self.key]
        except (GanzooError, OSError, ValueError):
            raise
        except Exception as error:  # of code that is the user's
            raise ValueError(f"{type(error).__name__}: {one_line(error)}") from error
        if isinstance(value, np.ndarray | np.generic):
            value = torch.from_numpy(np.array(value))
        if isinstance(value, Tensor):
            value = value.detach().cpu()
            return value.float() if value.is_floating_point() else value
        if isinstance(value, Image.Image):
            return value
        raise GanzooError(
            f"data {self.whose!r}: item {index} has a sample of type {type(value).__name__}; it "
            "takes a tensor, an array or a picture of PIL"
        )

    def name(self, index: int) -> str:
        return f"item {index}"

    @functools.cached_property
    def some(self) -> list[Value]:
        """A few items, evenly apart, without those that cannot be read. Raises GanzooError where
        none can be read, and where one is not a sample."""
        values: list[Value] = []
        faults: list[Fault] = []
        for index in range(0, len(self), -(-len(self) // _LOOKED_AT)):
            try:
                values.append(self[index])
            except (OSError, ValueError) as error:
                faults.append(Fault(self.name(index), str(error)))
        if not values:
            raise none_readable(self.whose, len(self), faults)
        return values

    def fingerprint(self) -> str:
        """Of a few items, their number, and Hugging Face's own fingerprint if there is one."""
        own = getattr(self.dataset, "_fingerprint", "")
        digest = hashlib.sha256(f"{len(self)} {self.key} {own}".encode())
        for value in self.some:
            digest.update(np.asarray(value).tobytes())
        return digest.hexdigest()


class TensorItems:
    """Items that are tensors of one shape and type, as `LazySamples`."""

    def __init__(self, items: Items, like: Tensor) -> None:
        self.items, self.shape, self.dtype = items, tuple(like.shape), like.dtype

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Tensor:
        value = self.items[index]
        if not isinstance(value, Tensor) or (tuple(value.shape), value.dtype) != (
            self.shape,
            self.dtype,
        ):
            raise ValueError(f"{describe(value)}, where others are {self.dtype} {self.shape}")
        return value

    def name(self, index: int) -> str:
        return self.items.name(index)

    def fingerprint(self) -> str:
        return self.items.fingerprint()


def describe(value: Value) -> str:
    """What a value of an item is, for messages."""
    if isinstance(value, Tensor):
        return f"a tensor {value.dtype} {tuple(value.shape)}"
    return f"a picture of {value.size[0]} by {value.size[1]} pixels"


def from_dataset(
    dataset: MapStyle,
    *,
    name: str | None = None,
    sample: Key | None = None,
    label: Key | None = None,
    inputs: Key | None = None,
    data: Data | None = None,
) -> Dataset:
    """The data of a map-style data set, of torch or of Hugging Face, read item by item.

    An item is a sample (a tensor, an array or a picture of PIL), a tuple of a sample and its
    label, or a dict. sample, label, inputs: the key in a dict, or the place in a tuple; without
    them, ``image`` and ``label`` or another usual key, the first and the second place, and no
    inputs. inputs: what a generator works from, the other half of a pair. name: for folders and
    messages. data: the options of data, for kinds that look at theirs.

    A few items show which kind of sample it is. Labels are taken from ``targets`` or a column
    where the data set has them apart, else each item is read once; classes from ``classes`` or
    the feature's ``names``. Raises GanzooError that says which item is of which type.
    """
    check_map_style(dataset)
    name = name or _name(dataset)
    if len(dataset) == 0:
        raise GanzooError(f"data {name!r} is empty")
    try:
        first = dataset[0]
    except Exception as error:  # of code that is the user's
        raise GanzooError(
            f"data {name!r}: item 0: {type(error).__name__}: {one_line(error)}"
        ) from error
    sample, key = find_keys(first, name, sample, label)
    labels, classes = (None, ()) if key is None else read_labels(dataset, name, key)
    samples = _of_items(Items(dataset, sample, name), name, labels, classes, data)
    if inputs is None:
        return samples
    partners = _of_items(Items(dataset, inputs, f"{name} (inputs)"), name, None, (), data)
    return replace(samples, inputs=partners.samples, input_spec=partners.spec)


def _of_items(
    items: Items, name: str, labels: Tensor | None, classes: tuple[str, ...], data: Data | None
) -> Dataset:
    dataset = first_kind(
        lambda kind: kind.from_items(
            name, items, labels, classes, **asked_of(kind.from_items, kind, data)
        )
    )
    if dataset is not None:
        return dataset
    first = items.some[0]
    if not isinstance(first, Tensor) or not first.is_floating_point() or not first.dim():
        raise GanzooError(
            f"data {name!r}: item 0 is {describe(first)}; samples are pictures, tensors uint8 of "
            "the shape of images, or tensors of floats"
        )
    samples = TensorItems(items, first)
    low, high = (-1.0, 1.0) if _bounded(samples) else (None, None)
    return Dataset(name, samples, labels, classes, "array", low, high)


def _bounded(samples: TensorItems) -> bool:
    """Whether all values lie in [-1, 1]; each item is read for it."""
    for index in range(len(samples)):
        try:
            if not bool(samples[index].abs().max() <= 1):
                return False
        except (OSError, ValueError):
            continue  # a warning names it when it is read for training
    return True


def _name(dataset: MapStyle) -> str:
    info = getattr(dataset, "info", None)
    return str(getattr(info, "dataset_name", None) or type(dataset).__name__.lower())


def check_map_style(data: object) -> None:
    """Raise GanzooError for anything but a map-style data set."""
    what = type(data).__name__
    if hasattr(data, "__array__"):
        raise GanzooError(
            f"data of type {what}: it takes a name, a path, a tensor, an array of NumPy, a "
            "ganzoo.Dataset or a map-style data set; numpy.asarray makes an array of it"
        )
    if isinstance(data, MapStyle) and not isinstance(data, Mapping | bytes):
        return
    if hasattr(data, "__iter__") and not isinstance(data, Mapping | bytes):
        raise GanzooError(
            f"data of type {what} can only be iterated, and training asks for samples by their "
            "number: give a map-style data set, with __len__ and __getitem__ (of Hugging Face, "
            "load_dataset without streaming=True), or a list of the items"
        )
    raise GanzooError(
        f"data of type {what}: it takes a name, a path, a tensor, a ganzoo.Dataset or a map-style "
        "data set"
    )
