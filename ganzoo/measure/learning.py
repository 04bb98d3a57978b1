"""How the networks that judge samples learn: to tell classes apart, or each picture from others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.measure.distortion import Distortion
from ganzoo.measure.networks import Network
from ganzoo.progress import bar

BATCH: Final = 128
TEMPERATURE: Final = 0.2  # of the contrast
EPOCHS_OF_HEAD: Final = 20


def learn_classes(
    network: Network, images: Tensor, labels: Tensor, epochs: int, mirror: bool
) -> None:
    """Learn to tell the classes of distorted pictures apart.

    images: (N, C, 32, 32) from 0 to 255, at least a batch of them. labels: (N,).
    """
    distort = Distortion(mirror)

    def loss_of(batch: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            _, logits = network(distort(images[batch]))
        return F.cross_entropy(logits.float(), labels[batch])

    _minimise(loss_of, [network], len(images), epochs)


def learn_contrast(
    network: Network, images: Tensor, labels: Tensor, epochs: int, mirror: bool
) -> None:
    """Learn, without labels, to find the other distorted copy of a picture among many (SimCLR,
    Chen 2020, arXiv:2002.05709). Then the last layer alone learns the classes."""
    distort = Distortion.strong(mirror)
    length = network.length
    projection = nn.Sequential(nn.Linear(length, length), nn.ReLU(), nn.Linear(length, 64))

    def loss_of(batch: Tensor) -> Tensor:
        copies = torch.cat([distort(images[batch]), distort(images[batch])])
        with torch.autocast("cpu", torch.bfloat16):
            projected = projection(network.features(copies))
        return contrast(projected.float())

    _minimise(loss_of, [network, projection], len(images), epochs)
    with torch.no_grad():
        features = torch.cat([network.features(part) for part in images.split(1000)])

    def loss_of_head(batch: Tensor) -> Tensor:
        return F.cross_entropy(network.head(features[batch]), labels[batch])

    _minimise(loss_of_head, [network.head], len(images), EPOCHS_OF_HEAD)


#: What a network can learn, by the names that ``--task`` of the training script takes.
TASKS: Final = {"classes": learn_classes, "contrast": learn_contrast}


def contrast(projected: Tensor) -> Tensor:
    """SimCLR's loss: row n and row n + N of (2N, D) are copies of one picture."""
    unit = F.normalize(projected, dim=1)
    alike = (unit @ unit.T / TEMPERATURE).fill_diagonal_(-torch.inf)
    half = len(unit) // 2
    return F.cross_entropy(alike, torch.arange(2 * half).roll(half))


def _minimise(
    loss_of: Callable[[Tensor], Tensor], parts: list[nn.Module], count: int, epochs: int
) -> None:
    """Adam with one cycle of the learning rate. loss_of: of the pictures of these numbers."""
    parameters = [p for part in parts for p in part.parameters()]
    per_epoch = count // BATCH
    optimizer = torch.optim.AdamW(parameters, 1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * per_epoch)
    for part in parts:
        part.train()
    with torch.enable_grad(), bar("teaching a classifier", epochs * per_epoch) as advance:
        for _ in range(epochs):
            for batch in torch.randperm(count).split(BATCH)[:per_epoch]:
                loss = loss_of(batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                advance(1)
    for part in parts:
        part.eval()


@torch.no_grad()
def accuracy_of(network: Network, images: Tensor, labels: Tensor) -> float:
    """The share of pictures, (N, C, H, W), whose class it names."""
    network.eval()
    guesses = torch.cat([network(part)[1].argmax(1) for part in images.split(1000)])
    return (guesses == labels).float().mean().item()
