"""What the items of a map-style data set hold: where sample and label are, labels and classes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.sources.labels import by_name

_SAMPLE_KEYS: Final = ("image", "img", "pixel_values", "sample", "x", "input", "data")
_LABEL_KEYS: Final = ("label", "labels", "fine_label", "target", "y", "class")

Key = str | int
"""A key of a dict, or a place in a tuple."""


@runtime_checkable
class MapStyle(Protocol):
    """A data set with a length, whose items are asked for by their number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


def find_keys(
    item: object, name: str, sample: Key | None, label: Key | None
) -> tuple[Key | None, Key | None]:
    """Where the sample and the label of an item are; None: the item is the sample, no label."""
    if isinstance(item, Mapping):
        sample = _key(item, name, "sample", sample, _SAMPLE_KEYS)
        if label is None:
            label = next((key for key in _LABEL_KEYS if _is_label(item.get(key))), None)
            _tell_of_several(label, [key for key in _LABEL_KEYS if key in item], item, name)
        return sample, label if label is None else _key(item, name, "label", label, ())
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item):
        places = {"sample": 0 if sample is None else sample, "label": label}
        if label is None and len(item) > 1 and _is_label(item[1]) and places["sample"] != 1:
            places["label"] = 1
        if label is None and len(item) == 2:
            _tell_of_several(places["label"], [1], item, name)
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
        others = [other for other in item if not _is_number(item[other])]
        key = others[0] if key is None and len(others) == 1 else key
    if key is None or key not in item:
        asked = "which of them is the sample" if key is None else f"there is no {key!r}"
        raise GanzooError(
            f"data {name!r}: items have {', '.join(map(repr, item))}; {asked}? "
            f"ganzoo.from_dataset(data, {what}=KEY) says it"
        )
    return key


def _is_label(value: object) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_number(value: object) -> bool:
    if isinstance(value, Tensor | np.ndarray):
        whole = torch.as_tensor(value)
        return whole.numel() == 1 and not whole.is_floating_point()
    return isinstance(value, int | np.integer)


def _tell_of_several(label: Key | None, keys: list[Key], item: Any, name: str) -> None:
    """Warn where an item has what is meant for a label, and is none: several, or a fraction."""
    if label is not None:
        return
    for key in keys:
        value = item[key]
        several = isinstance(value, list | tuple | float | np.floating) or (
            isinstance(value, Tensor | np.ndarray) and value.ndim <= 1
        )
        if several:
            warnings.warn(
                f"data {name!r}: item 0 has {key!r} of type {type(value).__name__}, which is not a "
                "single class: it is read without labels; several labels a sample are not "
                "supported",
                GanzooWarning,
                stacklevel=5,
            )


def read_labels(dataset: MapStyle, name: str, key: Key) -> tuple[Tensor | None, tuple[str, ...]]:
    """The labels of all items, and the names of the classes where there are."""
    column = _column(dataset, key)
    values = list(column) if column is not None else list(_each(dataset, name, key))
    for index, value in enumerate(values):
        if not _is_label(value) or isinstance(value, str) != isinstance(values[0], str):
            raise GanzooError(
                f"data {name!r}: the label of item {index} is of type {type(value).__name__}; it "
                "takes integers, or texts"
            )
    if isinstance(values[0], str):
        return by_name(values, f"data {name!r}")
    numbers = [int(value) for value in values]
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
