"""The classification accuracy score: what a classifier learns from samples, not real data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import read_all
from ganzoo.errors import GanzooError
from ganzoo.kinds import kind_of
from ganzoo.measure.learning import BATCH, accuracy_of, learn_classes
from ganzoo.measure.networks import SIZE, ConvNet, to_size
from ganzoo.measure.trial import Figure, Trial

WIDTH, STEPS = 16, 300


def accuracy(trial: Trial) -> dict[str, Figure]:
    """Ravuri 2019 (arXiv:1905.10887): a small network learns the classes from the samples of a
    conditional generator, and then names those of the real ones. The floor is that of one which
    learned from half of the real samples and names the others."""
    dataset, labels = trial.dataset, trial.labels
    if labels is None or dataset.labels is None:
        raise GanzooError(
            "what a classifier learns from samples is measured of a conditional generator, with "
            "data that has labels"
        )
    count = len(dataset.classes)
    if "real" not in trial.kept:
        images, classes = trial.kept["real"] = _real(dataset)
        trial.kept["floor"] = _of_halves(images, classes, count)
    images, classes = trial.kept["real"]
    network = _taught(to_size(trial.made.float()), labels, count, trial.seed)
    return {
        "accuracy": Figure(
            accuracy_of(network, images, classes),
            trial.kept["floor"],
            1 / count,
            higher_is_better=True,
            ceiling_of="guessing",
            how=f"a network of width {WIDTH} that learned from them in {STEPS} steps",
        )
    }


def _real(dataset: Dataset) -> tuple[Tensor, Tensor]:
    read = read_all(dataset)
    assert isinstance(read.samples, Tensor) and read.labels is not None
    return to_size(kind_of(dataset.spec).store(read.samples).float()), read.labels


def _of_halves(images: Tensor, labels: Tensor, classes: int) -> float:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    half = len(order) // 2
    network = _taught(images[order[:half]], labels[order[:half]], classes, 0)
    return accuracy_of(network, images[order[half:]], labels[order[half:]])


def _taught(images: Tensor, labels: Tensor, classes: int, seed: int) -> ConvNet:
    if len(images) < BATCH:
        raise GanzooError(f"{len(images)} samples; a classifier learns from {BATCH} or more")
    assert images.shape[-1] == SIZE
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ConvNet(images.shape[1], classes, WIDTH)
        network.to(memory_format=torch.channels_last)
        epochs = math.ceil(STEPS / (len(images) // BATCH))
        learn_classes(network, images, labels, epochs, mirror=False)
    return network
