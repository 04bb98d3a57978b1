"""A classifier of digits, trained on the fly: it counts which digits a generator makes."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.chance import Chance
from ganzoo.kinds.image.fit import fit_images
from ganzoo.kinds.image.named import mnist_5k

HELD_OUT = 1000  # of the 5,000 images
EPOCHS = 8
BATCH = 50


@dataclass(frozen=True)
class Judge:
    """accuracy: on the 1,000 digits of mnist-5k that it has not seen."""

    network: nn.Module
    accuracy: float

    @torch.no_grad()
    def digits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The digit in each of (N, 1, S, S) images in [-1, 1], and its probability: (N,) each."""
        parts = [self.network(part.float()).softmax(1) for part in images.split(500)]
        confidence, labels = torch.cat(parts).max(1)
        return labels, confidence

    def shares(self, images: Tensor, confident: float = 0.9) -> Tensor:
        """(10,): of all images, the share of those that are surely a 0, a 1, ..."""
        labels, confidence = self.digits(images)
        return torch.bincount(labels[confidence >= confident], minlength=10) / len(images)

    def agreement(self, images: Tensor, labels: Tensor) -> float:
        """The share of images that are the digit that they should be."""
        return (self.digits(images)[0] == labels).float().mean().item()


@functools.cache
def judge(size: int) -> Judge:
    """A judge of images of `size` pixels, the same in each process. It takes some seconds."""
    data = fit_images(mnist_5k("train"), size, 1)
    assert isinstance(data.samples, Tensor)
    assert data.labels is not None
    with Chance(torch.device("cpu"), 0), torch.enable_grad():
        order = torch.randperm(len(data.samples))
        images, labels = data.samples[order].float() / 127.5 - 1, data.labels[order]
        network = _train(images[HELD_OUT:], labels[HELD_OUT:], size)
    made = Judge(network, 0.0)
    return Judge(network, made.agreement(images[:HELD_OUT], labels[:HELD_OUT]))


def _train(images: Tensor, labels: Tensor, size: int) -> nn.Module:
    side = size // 4
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.5), nn.Linear(32 * side * side, 10)),
    )
    steps = EPOCHS * (len(images) // BATCH)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            loss = F.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval().requires_grad_(False)
