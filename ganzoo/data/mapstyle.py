"""Map-style data sets, of torch or of Hugging Face, read item by item."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.given import first_kind
from ganzoo.data.reading import none_readable
from ganzoo.errors import GanzooError, one_line

_SAMPLE_KEYS: Final = ("image", "img", "pixel_values", "sample", "x", "input", "data")
_LABEL_KEYS: Final = ("label", "labels", "fine_label", "target", "y", "class")
_LOOKED_AT: Final = 16  # items, evenly apart, that say of what kind they are

Key = str | int
Value = Tensor | Image.Image


@runtime_checkable
class MapStyle(Protocol):
    """A data set with a length, whose items are asked for by their number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


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
        """A few items, evenly apart, without what cannot be read. Raises GanzooError where none
        can be, and where one is no sample."""
        values, faults = [], []
        for index in range(0, len(self), -(-len(self) // _LOOKED_AT)):
            try:
                values.append(self[index])
            except (OSError, ValueError) as error:
                faults.append(f"item {index}: {error}")
        if not values:
            raise none_readable(self.whose, len(self), faults[0])
        return values

    def fingerprint(self) -> str:
        """Of a few items, their number, and of Hugging Face's own fingerprint where there is."""
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
) -> Dataset:
    """The data of a map-style data set, of torch or of Hugging Face, read item by item.

    An item is a sample (a tensor, an array or a picture of PIL), a tuple of a sample and its
    label, or a dict. sample, label, inputs: the key in a dict, or the place in a tuple; without
    them, ``image`` and ``label`` or what is usual in their stead, the first and the second place,
    and no inputs. inputs: what a generator works from, the other half of a pair. name: for
    folders and messages.

    Which kind of sample it is, a few items say. Labels are taken from ``targets`` or a column
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
    sample, found = _keys(first, name, sample, label)
    labels, classes = (None, ()) if found is None else _labels(dataset, name, found, label)
    data = _of_items(Items(dataset, sample, name), name, labels, classes)
    if inputs is None:
        return data
    given = _of_items(Items(dataset, inputs, f"{name} (inputs)"), name, None, ())
    return Dataset(
        name,
        data.samples,
        labels,
        data.classes,
        data.kind,
        data.low,
        data.high,
        data.details,
        given.samples,
        given.spec,
    )


def _of_items(items: Items, name: str, labels: Tensor | None, classes: tuple[str, ...]) -> Dataset:
    dataset = first_kind(lambda kind: kind.from_items(name, items, labels, classes))
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
            continue  # it is told when it is read for training
    return True


def _name(dataset: MapStyle) -> str:
    info = getattr(dataset, "info", None)
    return str(getattr(info, "dataset_name", None) or type(dataset).__name__.lower())


def _keys(
    item: object, name: str, sample: Key | None, label: Key | None
) -> tuple[Key | None, Key | None]:
    """Where the sample and the label of an item are; None: the item is the sample, no label."""
    if isinstance(item, Mapping):
        sample = _key(item, name, "sample", sample, _SAMPLE_KEYS)
        if label is None:
            label = next((key for key in _LABEL_KEYS if _is_label(item.get(key))), None)
        return sample, label if label is None else _key(item, name, "label", label, ())
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item):
        places = {"sample": 0 if sample is None else sample, "label": label}
        if label is None and len(item) > 1 and _is_label(item[1]) and places["sample"] != 1:
            places["label"] = 1
        for what, place in places.items():
            if place is not None and (not isinstance(place, int) or place >= len(item)):
                raise GanzooError(
                    f"data {name!r}: items are tuples of {len(item)}, in which {what}={place!r} is "
                    "no place"
                )
        return places["sample"], places["label"]
    if sample is not None or label is not None:
        raise GanzooError(
            f"data {name!r}: item 0 is of type {type(item).__name__}, which has no keys"
        )
    return None, None


def _key(
    item: Mapping[Any, object], name: str, what: str, key: Key | None, usual: Iterable[str]
) -> Key:
    if key is None:
        key = next((key for key in usual if key in item), None)
        others = [other for other in item if not _is_label(item[other])]
        key = others[0] if key is None and len(others) == 1 else key
    if key is None or key not in item:
        asked = "which of them is the sample" if key is None else f"there is no {key!r}"
        raise GanzooError(
            f"data {name!r}: items have {', '.join(map(repr, item))}; {asked}? "
            f"ganzoo.from_dataset(data, {what}=KEY) says it"
        )
    return key


def _is_label(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and not value.is_floating_point()
    return isinstance(value, int | np.integer)


def _labels(
    dataset: MapStyle, name: str, key: Key, asked: Key | None
) -> tuple[Tensor | None, tuple[str, ...]]:
    """The labels of all items, and the names of the classes where there are."""
    column = _column(dataset, key)
    values = list(column) if column is not None else list(_each(dataset, name, key))
    if asked is not None and values and all(isinstance(value, str) for value in values):
        classes = tuple(sorted(set(values)))
        number = {label: index for index, label in enumerate(classes)}
        return torch.tensor([number[value] for value in values]), classes
    numbers = []
    for index, value in enumerate(values):
        if not _is_label(value):
            raise GanzooError(
                f"data {name!r}: the label of item {index} is of type {type(value).__name__}; it "
                "takes integers"
            )
        numbers.append(int(value))
    return torch.tensor(numbers, dtype=torch.int64), _classes(dataset, key, numbers)


def _column(dataset: Any, key: Key) -> Iterable[Any] | None:
    """The labels where a data set has them apart from its items; None where it has not."""
    inner, indices = getattr(dataset, "dataset", None), getattr(dataset, "indices", None)
    if inner is not None and indices is not None:  # torch's Subset
        column = _column(inner, key)
        return None if column is None else [list(column)[int(index)] for index in indices]
    if isinstance(key, str):
        return dataset[key] if key in (getattr(dataset, "features", None) or ()) else None
    if getattr(dataset, "target_transform", None) is not None or key != 1:
        return None
    tensors = getattr(dataset, "tensors", None)  # torch's TensorDataset
    column = tensors[1] if isinstance(tensors, tuple) else getattr(dataset, "targets", None)
    return column if column is not None and len(column) == len(dataset) else None


def _each(dataset: MapStyle, name: str, key: Key) -> Iterator[Any]:
    for index in range(len(dataset)):
        try:
            yield dataset[index][key]
        except Exception as error:  # of code that is the user's
            raise GanzooError(
                f"data {name!r}: the label of item {index}: {type(error).__name__}: "
                f"{one_line(error)}"
            ) from error


def _classes(dataset: Any, key: Key, numbers: list[int]) -> tuple[str, ...]:
    features = getattr(dataset, "features", None)
    feature = features.get(key) if isinstance(features, Mapping) else None
    inner = getattr(dataset, "dataset", None)  # of torch's Subset
    names = getattr(feature, "names", None) or getattr(dataset, "classes", None)
    if names is None and inner is not None:
        return _classes(inner, key, numbers)
    whole = isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
    return tuple(names) if names and whole and len(names) > max(numbers, default=0) else ()


def check_map_style(data: object) -> None:
    """Raise GanzooError for what is no map-style data set."""
    what = type(data).__name__
    if hasattr(data, "__array__"):
        raise GanzooError(
            f"data of type {what}: it takes a name, a path, a tensor, a ganzoo.Dataset or a "
            "map-style data set; torch.from_numpy makes a tensor of an array"
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
