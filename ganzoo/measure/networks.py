"""Small networks that see pictures: their features are what samples are compared by.

Each is called with images, uint8 (N, channels, H, W) of any size, which are brought to 32 pixels.
Each returns features (N, length) and one logit a class (N, classes).
"""

from __future__ import annotations

import itertools
from typing import Final

import torch.nn.functional as F
from torch import Tensor, nn

SIZE: Final = 32  # height and width that they work at, in pixels


class Network(nn.Module):
    """Base of the networks below: `body` gives features, a linear head one logit a class."""

    def __init__(self, channels: int, classes: int, width: int, length: int) -> None:
        super().__init__()
        self.channels, self.classes, self.width, self.length = channels, classes, width, length
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(length, classes)

    def body(self, images: Tensor) -> Tensor:
        """Features (N, length, h, w) of images in [-1, 1] at 32 pixels."""
        raise NotImplementedError

    def features(self, images: Tensor) -> Tensor:
        """Features (N, length): their mean over the picture."""
        return self.body(to_size(images.float() / 127.5 - 1)).mean((2, 3))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        return features, self.head(self.dropout(features))


class ConvNet(Network):
    """Three stages of two 3x3 convolutions: 4 * width features."""

    def __init__(self, channels: int, classes: int, width: int = 32) -> None:
        super().__init__(channels, classes, width, 4 * width)
        pairs = enumerate(itertools.pairwise([channels, width, 2 * width, 4 * width]))
        self.stages = nn.Sequential(*(_stage(*pair, halve=index > 0) for index, pair in pairs))

    def body(self, images: Tensor) -> Tensor:
        features: Tensor = self.stages(images)
        return features


def _stage(before: int, after: int, halve: bool) -> nn.Sequential:
    """Two convolutions at one resolution; with `halve`, at half of that before."""
    layers: list[nn.Module] = [nn.MaxPool2d(2)] if halve else []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)]
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class ResNet(Network):
    """Residual blocks, activated first (He 2016, arXiv:1603.05027): 4 * width features."""

    def __init__(self, channels: int, classes: int, width: int = 24) -> None:
        super().__init__(channels, classes, width, 4 * width)
        self.stem = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        widths = [width, width, 2 * width, 4 * width]
        pairs = enumerate(itertools.pairwise(widths))
        blocks = [_Block(*pair, stride=2 if index else 1) for index, pair in pairs]
        self.blocks = nn.Sequential(*blocks, nn.BatchNorm2d(4 * width), nn.ReLU(inplace=True))

    def body(self, images: Tensor) -> Tensor:
        features: Tensor = self.blocks(self.stem(images))
        return features


class _Block(nn.Module):
    """Two 3x3 convolutions, added to what came in."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.BatchNorm2d(before)
        self.narrow = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.second = nn.BatchNorm2d(after)
        self.wide = nn.Conv2d(after, after, 3, padding=1, bias=False)
        same = before == after and stride == 1
        self.passed = nn.Identity() if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.first(x))
        came: Tensor = x if isinstance(self.passed, nn.Identity) else self.passed(active)
        return came + self.wide(F.relu(self.second(self.narrow(active))))


class ConvMixer(Network):
    """Patches of 4x4, mixed in space and in channels by turns (Trockman 2022, arXiv:2201.09792):
    4 * width features."""

    def __init__(self, channels: int, classes: int, width: int = 32, depth: int = 5) -> None:
        super().__init__(channels, classes, width, 4 * width)
        length = 4 * width
        cut = nn.Conv2d(channels, length, 4, 4)
        self.patches = nn.Sequential(cut, nn.GELU(), nn.BatchNorm2d(length))
        self.spatial = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(length, length, 5, padding=2, groups=length),
                nn.GELU(),
                nn.BatchNorm2d(length),
            )
            for _ in range(depth)
        )
        self.mixed = nn.ModuleList(
            nn.Sequential(nn.Conv2d(length, length, 1), nn.GELU(), nn.BatchNorm2d(length))
            for _ in range(depth)
        )

    def body(self, images: Tensor) -> Tensor:
        x: Tensor = self.patches(images)
        for spatial, mixed in zip(self.spatial, self.mixed, strict=True):
            x = mixed(x + spatial(x))
        return x


#: By the names that ``--architecture`` of the training script and the weights' files have.
NETWORKS: Final[dict[str, type[ConvNet | ResNet | ConvMixer]]] = {
    "convnet": ConvNet,
    "resnet": ResNet,
    "convmixer": ConvMixer,
}


def to_size(images: Tensor) -> Tensor:
    """Images (N, C, H, W) at 32 pixels: bilinear, antialiased where they get smaller."""
    if images.shape[-2:] == (SIZE, SIZE):
        return images
    return F.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
