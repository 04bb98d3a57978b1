"""What the items of a map-style data set hold: where sample and label are, labels and classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import GanzooError, one_line

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


def read_labels(
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
