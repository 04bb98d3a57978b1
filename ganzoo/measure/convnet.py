"""A small convolutional classifier, whose features and classes samples are judged by."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

SIZE = 32  # height and width that it works at, in pixels


class ConvNet(nn.Module):
    """Three stages of two 3x3 convolutions, then the mean over the picture: 4 * width features.

    Called with images, uint8 (N, channels, H, W) of any size, which are brought to 32 pixels.
    Returns features (N, 4 * width), not negative, and one logit a class (N, classes).
    """

    def __init__(self, channels: int, classes: int, width: int = 32) -> None:
        super().__init__()
        self.channels, self.classes, self.width = channels, classes, width
        widths = [channels, width, 2 * width, 4 * width]
        pairs = enumerate(itertools.pairwise(widths))
        stages = [_stage(*pair, halve=index > 0) for index, pair in pairs]
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.stages(to_size(images.float() / 127.5 - 1)).mean((2, 3))
        return features, self.head(self.dropout(features))


def to_size(images: Tensor) -> Tensor:
    """Images (N, C, H, W) at 32 pixels: bilinear, antialiased where they get smaller."""
    if images.shape[-2:] == (SIZE, SIZE):
        return images
    return F.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)


def _stage(before: int, after: int, halve: bool) -> nn.Sequential:
    """Two convolutions at one resolution; with `halve`, at half of that before."""
    layers: list[nn.Module] = [nn.MaxPool2d(2)] if halve else []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
