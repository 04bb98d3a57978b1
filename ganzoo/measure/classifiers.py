"""Small classifiers, ganzoo's or the user's own, whose features samples are compared by."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import pydantic
import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.files import sha256
from ganzoo.measure.features import Extractor, Features
from ganzoo.measure.networks import NETWORKS
from ganzoo.options import Options
from ganzoo.spec import SampleSpec
from ganzoo.tensors import load_tensors, read_header


class ClassifierRecord(Options):
    """What the file of a classifier says about it.

    task: what its features were learned for: to tell the classes apart, or, without labels, to tell
    each picture from all others; then only the last layer has seen the classes. judged: how many
    samples of `judged_on`, which it was not trained on, `accuracy` was measured with.
    """

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    architecture: Literal["convnet", "resnet", "convmixer"] = "convnet"
    task: Literal["classes", "contrast"] = "classes"
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
    """One of `NETWORKS` in a safetensors file, as ``ganzoo.measure.train_convnet`` writes it."""

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
        alone = ", without labels but for the last layer" if record.task == "contrast" else ""
        self.about = (
            f"{record.architecture}, {record.accuracy:.4f} of {record.judged} right in "
            f"{record.judged_on}, trained on {record.trained_on}{alone}"
        )
        self.network = NETWORKS[record.architecture](self.channels, len(self.classes), record.width)
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
        return Features(values, logits.argmax(1), logits)


class MNISTConvNet(Classifier):
    """128 features of a classifier of digits, for small grey pictures."""

    file = "mnist-convnet.safetensors"


class MNISTResNet(Classifier):
    """96 features of a classifier of digits of another architecture."""

    file = "mnist-resnet.safetensors"


class MNISTContrast(Classifier):
    """96 features that tell each digit from all others; only the last layer has seen labels."""

    file = "mnist-contrast.safetensors"


class CIFARConvNet(Classifier):
    """128 features of a classifier of CIFAR-10's classes, for small colour pictures."""

    file = "cifar-convnet.safetensors"


class CIFARResNet(Classifier):
    """64 features of a classifier of CIFAR-10's classes of another architecture."""

    file = "cifar-resnet.safetensors"


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
