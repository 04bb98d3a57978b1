"""Labels as people have them; the names of classes, their order and how they are spelled; and which
folders are no classes but splits."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ganzoo.errors import GanzooError, GanzooWarning, one_line

_DIGITS: Final = re.compile(r"([0-9]+)")
_SPLITS: Final = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_WORDS: Final = "|".join(word for words in _SPLITS.values() for word in words)
_SPLIT: Final = re.compile(
    rf"(?:[a-z]+[_-])?({_WORDS})(?:[_-]?(?:set|data|split|images?|imgs?))?[_-]?\d*", re.IGNORECASE
)
_DOMAIN: Final = re.compile(rf"({_WORDS})[_-]?[a-z]", re.IGNORECASE)  # trainA, testB


def class_labels(labels: object, count: int, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """Labels of `count` samples as numbers, (count,) int64, and the classes where they are texts.

    labels: whole numbers from 0, of any type; texts, which are classes in their natural order; or
    rows (count, K) with a single 1, which is told. name: of the data. Raises GanzooError that says
    which value is not a label.
    """
    whose = f"data {name!r}"
    try:
        values = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GanzooError(
            f"{whose}: labels are whole numbers from 0, or texts, one a sample: {one_line(error)}"
        ) from error
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind in "SUO":
        return by_name(_texts(values, whose, count), whose)
    if values.dtype.kind not in "biuf":
        raise GanzooError(
            f"{whose}: labels of type {values.dtype}; it takes whole numbers or texts"
        )
    if values.ndim == 2 and len(values) == count:
        values = _single(values, whose)
    _check_length(values, count, whose)
    with np.errstate(invalid="ignore"):
        bad = ~((values >= 0) & (values < 2**62) & (values == np.floor(values)))
    if bad.any():
        raise GanzooError(f"{whose}: labels are whole numbers from 0, not {values[bad][0]}")
    return torch.from_numpy(values.astype(np.int64)), ()


def by_name(names: list[str], whose: str) -> tuple[Tensor, tuple[str, ...]]:
    """The numbers, (N,) int64, of classes that each sample names, and the classes in order. whose:
    for the message where names are not UTF-8."""
    spelled = _spelled(set(names), whose)
    classes = in_order(spelled.values())
    number = {label: index for index, label in enumerate(classes)}
    return torch.tensor([number[spelled[name]] for name in names]), classes


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names in their natural order, in which 2 comes before 10."""
    return tuple(sorted(set(names), key=_natural))


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    parts = [part for part in _DIGITS.split(name) if part]
    return [(0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts], name


def readable(text: str) -> bool:
    """Whether a text can be written as UTF-8, which a file's name need not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def latin(text: str) -> str:
    """A text whose bytes are not UTF-8 as Latin-1 has them."""
    return text if readable(text) else text.encode("utf-8", "surrogateescape").decode("latin-1")


def split_of(folder: str) -> str:
    """Which split a folder's name says, such as ``train``; empty where it says none."""
    found = _SPLIT.fullmatch(folder)
    word = found[1].lower() if found else ""
    return next((split for split, words in _SPLITS.items() if word in words), "")


def are_splits(heads: set[str]) -> bool:
    """Whether folders are splits: each is called so, and they are not all called the same one, as
    classes such as steam_train would be."""
    splits = {split_of(head) for head in heads}
    return "" not in splits and (len(splits) > 1 or len(heads) == 1)


def domain_of(folder: str) -> str:
    """As `split_of`, for the folders of two domains, such as ``trainA``."""
    found = _DOMAIN.fullmatch(folder)
    return split_of(found[1]) if found else ""


def _spelled(names: set[str], whose: str) -> dict[str, str]:
    """Each name as it can be written. Raises GanzooError where two would be the same."""
    spelled = {name: latin(name) for name in names}
    changed = sorted(new for old, new in spelled.items() if old != new)
    if len(set(spelled.values())) < len(spelled):
        raise GanzooError(
            f"{whose}: two classes would both be called {changed[0]!r}, since the name of one is "
            "not UTF-8; rename it"
        )
    if changed:
        warnings.warn(
            f"{whose}: names of classes are not UTF-8 and are read as Latin-1: "
            f"{', '.join(changed[:5])}",
            GanzooWarning,
            stacklevel=5,
        )
    return spelled


def _texts(values: np.ndarray[Any, Any], whose: str, count: int) -> list[str]:
    _check_length(values, count, whose)
    texts = []
    for value in values.tolist():
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        if not isinstance(value, str):
            raise GanzooError(
                f"{whose}: labels are whole numbers from 0, or texts, one a sample, not {value!r}"
            )
        texts.append(value)
    return texts


def _single(values: np.ndarray[Any, Any], whose: str) -> np.ndarray[Any, Any]:
    """The place of the only 1 of each row. Raises GanzooError where there are other rows."""
    ones = ((values == 0) | (values == 1)).all() and (values.sum(1) == 1).all()
    if not ones:
        raise GanzooError(
            f"{whose}: labels of shape {values.shape}: several labels a sample are not supported; "
            "give one whole number for each sample"
        )
    warnings.warn(
        f"{whose}: labels of shape {values.shape} have a single 1 in each row: its place is the "
        "class",
        GanzooWarning,
        stacklevel=4,
    )
    return values.argmax(1)


def _check_length(values: np.ndarray[Any, Any], count: int, whose: str) -> None:
    if values.shape != (count,):
        raise GanzooError(
            f"{whose}: {count} samples but labels of shape {values.shape}; one a sample is needed"
        )
