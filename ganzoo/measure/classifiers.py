"""Small convolutional classifiers, whose features samples are compared by."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import ClassVar, Literal

import pydantic
import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.files import sha256
from ganzoo.measure.features import Extractor, Features
from ganzoo.options import Options
from ganzoo.spec import SampleSpec
from ganzoo.tensors import load_tensors, read_header

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


class ClassifierRecord(Options):
    """What the file of a classifier says about it. judged: how many samples of `judged_on`, which
    it was not trained on, `accuracy` was measured with."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    channels: Literal[1, 3]
    classes: tuple[str, ...] = Field(min_length=2, max_length=10_000)
    width: int = Field(ge=1, le=1024)
    accuracy: float
    judged_on: str
    judged: int
    trained_on: str
    epochs: int = 0
    seed: int = 0


class Classifier(Extractor):
    """A `ConvNet` in a safetensors file, as ``ganzoo.measure.train_convnet`` writes it."""

    differentiable = True
    #: The weights that come with ganzoo; a file of the user's own is named by its own name.
    file: ClassVar[str] = ""

    def __init__(self, weights: Path | None = None) -> None:
        path = weights or Path(__file__).with_name("weights") / self.file
        stem, path = path.stem, path.resolve()  # the user's file may be a link
        # Other weights give other features, whatever their file is called.
        self.name = stem if weights is None else f"{stem}-{_digest(path)}"
        record = read_record(path)
        self.classes, self.channels = record.classes, record.channels
        self.about = (
            f"{record.accuracy:.4f} of {record.judged} right in {record.judged_on}, trained on "
            f"{record.trained_on}"
        )
        self.network = ConvNet(self.channels, len(self.classes), record.width)
        header = read_header(path)
        stored = {name: tensor.shape for name, tensor in header.items()}
        expected = {name: tuple(t.shape) for name, t in self.network.state_dict().items()}
        if stored != expected:
            name = next(n for n in {**expected, **stored} if stored.get(n) != expected.get(n))
            raise GanzooError(
                f"{path}: {name} has the shape {stored.get(name, 'none: it is missing')}, not "
                f"{expected.get(name, 'any: it is one too many')}; this is not an extractor of "
                "ganzoo's"
            )
        tensors = load_tensors(path, header)
        if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
            raise GanzooError(f"{path}: some weights are not finite")
        self.network.load_state_dict(tensors)
        self.network.eval().to(memory_format=torch.channels_last)

    def takes(self, spec: SampleSpec) -> bool:
        return spec.kind == "image" and spec.shape[0] == self.channels

    def features(self, samples: Tensor) -> Features:
        if samples.shape[1] != self.channels:
            raise GanzooError(
                f"{self.name} takes images of {self.channels} channel{'s' * (self.channels > 1)}, "
                f"not {samples.shape[1]}"
            )
        values, logits = self.network(samples)
        return Features(values, logits.argmax(1))


class MNISTConvNet(Classifier):
    """128 features of a classifier of digits, for small grey pictures."""

    file = "mnist-convnet.safetensors"


class CIFARConvNet(Classifier):
    """A classifier of CIFAR-10's classes, for small colour pictures."""

    file = "cifar-convnet.safetensors"


class StackedDigits(Extractor):
    """Three digits in three channels: the features of each beside each other, and 1,000 classes,
    the digits of the channels as a number of three (Srivastava 2017, arXiv:1705.07761)."""

    def __init__(self, weights: Path | None = None) -> None:
        self.digits = MNISTConvNet() if weights is None else Classifier(weights)
        if (self.digits.channels, len(self.digits.classes)) != (1, 10):
            raise GanzooError(
                f"{weights}: a classifier of {len(self.digits.classes)} classes and "
                f"{self.digits.channels} channels; stacked-digits takes one of 10 and 1"
            )
        self.name = "stacked-digits" if weights is None else f"stacked-{self.digits.name}"
        self.classes = tuple(f"{number:03}" for number in range(1000))
        self.about = self.digits.about

    def takes(self, spec: SampleSpec) -> bool:
        return spec.kind == "image" and spec.shape[0] == 3

    def features(self, samples: Tensor) -> Features:
        if samples.shape[1] != 3:
            raise GanzooError(f"{self.name} takes images of 3 channels, not {samples.shape[1]}")
        parts = [self.digits.features(samples[:, channel, None]) for channel in range(3)]
        hundreds, tens, ones = (part.classes for part in parts)
        assert hundreds is not None and tens is not None and ones is not None
        return Features(
            torch.cat([part.values for part in parts], 1), 100 * hundreds + 10 * tens + ones
        )


def _digest(path: Path) -> str:
    if not path.is_file():
        raise GanzooError(f"{path}: there is no such file")
    return sha256(path)[:8]


def read_record(path: Path) -> ClassifierRecord:
    """What the header of a classifier's file says about it. Raises GanzooError where it says
    nothing, or something impossible."""
    read_header(path)  # says in words what is damaged
    try:
        with safe_open(path, framework="pt") as file:
            return ClassifierRecord.model_validate_json(file.metadata()["ganzoo"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        raise GanzooError(
            f"{path}: its header does not say what it classifies; a feature extractor is made by "
            "python -m ganzoo.measure.train_convnet"
        ) from None
