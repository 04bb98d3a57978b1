"""Feature extractors: what turns samples into vectors whose distributions are compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ganzoo.errors import GanzooError, one_line
from ganzoo.files import sha256
from ganzoo.measure.convnet import ConvNet
from ganzoo.tensors import load_tensors, read_header

BATCH: Final = 250  # samples that go through a network at once


@dataclass(frozen=True)
class Features:
    """values: (N, D) float32. classes: (N,) int64, the class of each sample as the extractor
    sees it, or None where it is no classifier. Both are brought to the CPU."""

    values: Tensor
    classes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Tensor | slice) -> Features:
        return Features(self.values[index], None if self.classes is None else self.classes[index])

    def shuffled(self) -> Features:
        """The same in an order of chance, always the same: data sets are often in classes."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))
        return self[order]

    @classmethod
    def joined(cls, parts: list[Features]) -> Features:
        """Those of all parts, on the CPU."""
        classes = [part.classes.cpu() for part in parts if part.classes is not None]
        return cls(
            torch.cat([part.values.float().cpu() for part in parts]),
            torch.cat(classes) if classes else None,
        )


class Extractor:
    """Maps samples to features. A plugin's subclass is offered by the hook
    ``ganzoo_extractors``, and is made with ``weights``: the user's own file of weights, or None.

    name: stands in the names of figures, ``fid[NAME]``: figures of different features can not be
    compared, so weights of one's own must give another name. classes: what a classifier tells
    apart, by the order of its numbers; empty for others.
    """

    name: str = ""
    classes: tuple[str, ...] = ()
    #: What the card says of it: its training and its own accuracy.
    about: str = ""
    #: Whether features have a scale of chance, such as that of a table's column: then KID, whose
    #: kernel needs one near 1, is computed of features that are scaled by the real ones.
    unscaled: bool = False
    #: Where samples are handed over; see `to`.
    device: torch.device = torch.device("cpu")

    def __init__(self, weights: Path | None = None) -> None:
        if weights is not None:
            raise GanzooError(f"{weights}: {type(self).__name__} takes no file of weights")

    def features(self, samples: Tensor) -> Features:
        """The features of a batch: images as uint8 (N, C, H, W), other kinds as float32 in the
        range of their spec. Raises GanzooError where it cannot take them."""
        raise NotImplementedError(f"{type(self).__name__} has no features")

    def to(self, device: torch.device) -> Self:
        """Move the networks that it has as attributes; samples are handed over there."""
        self.device = device
        for part in vars(self).values():
            if isinstance(part, nn.Module | Extractor):
                part.to(device)
        return self

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> Features:
        """The features of any number of samples, a batch at a time. Raises GanzooError where
        `features` does not give what it should: a fault of its plugin."""
        parts = samples.split(BATCH)
        return Features.joined([self._checked(part.to(self.device)) for part in parts])

    def _checked(self, samples: Tensor) -> Features:
        try:
            found = self.features(samples)
            values, classes = found.values, found.classes
            if values.dim() != 2 or len(values) != len(samples) or not values.is_floating_point():
                raise TypeError(f"values of shape {tuple(values.shape)}, {values.dtype}")
            if not values.isfinite().all():
                raise ValueError("values that are not finite")
            if (classes is None) != (not self.classes):
                raise TypeError("classes without their names, or names without classes")
            if classes is not None:
                if classes.shape != (len(samples),) or classes.dtype != torch.int64:
                    raise TypeError(f"classes of shape {tuple(classes.shape)}, {classes.dtype}")
                if not 0 <= int(classes.min()) <= int(classes.max()) < len(self.classes):
                    raise ValueError("numbers of classes that there are not")
        except GanzooError:
            raise
        except Exception as error:
            raise GanzooError(
                f"the extractor {self.name!r} gave no features, (N, D) finite floats and int64 "
                f"classes: {type(error).__name__}: {one_line(error)}; that is a fault of its plugin"
            ) from error
        return found


class Values(Extractor):
    """The values of a sample themselves: for points, rows and whatever has few of them."""

    name = "values"
    unscaled = True

    def features(self, samples: Tensor) -> Features:
        return Features(samples.flatten(1))


class Classifier(Extractor):
    """A `ConvNet` in a safetensors file, as ``ganzoo.measure.train_convnet`` writes it."""

    #: The weights that come with ganzoo; a file of the user's own is named by its own name.
    file: ClassVar[str] = ""

    def __init__(self, weights: Path | None = None) -> None:
        path = weights or Path(__file__).with_name("weights") / self.file
        # Other weights are another space of features, whatever their file is called.
        self.name = path.stem if weights is None else f"{path.stem}-{_digest(path)}"
        about = _about(path)
        self.classes = tuple(about["classes"])
        self.channels = about["channels"]
        self.about = (
            f"{about['accuracy']:.4f} of {about['judged']} right in {about['judged_on']}, trained "
            f"on {about['trained_on']}"
        )
        self.network = ConvNet(self.channels, len(self.classes), about["width"])
        header = read_header(path)
        found = {name: stored.shape for name, stored in header.items()}
        wanted = {name: tuple(t.shape) for name, t in self.network.state_dict().items()}
        if found != wanted:
            name = next(n for n in {**wanted, **found} if found.get(n) != wanted.get(n))
            raise GanzooError(
                f"{path}: {name} has the shape {found.get(name, 'none: it is missing')}, not "
                f"{wanted.get(name, 'there: it is one too many')}; it is no extractor of ganzoo's"
            )
        tensors = load_tensors(path, header)
        if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
            raise GanzooError(f"{path}: some weights are not finite")
        self.network.load_state_dict(tensors)
        self.network.eval().to(memory_format=torch.channels_last)

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


def _about(path: Path) -> dict[str, Any]:
    """What the header of a classifier's file says of it. Raises GanzooError where it is none."""
    read_header(path)  # tells in words what is damaged
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = json.loads(file.metadata()["ganzoo"])
        fits = (
            about["channels"] in (1, 3)
            and 1 <= int(about["width"]) <= 1024
            and 2 <= len(about["classes"]) <= 10_000
            and all(isinstance(name, str) for name in about["classes"])
            and isinstance(about["accuracy"], float)
            and all(isinstance(about[key], str) for key in ("judged_on", "trained_on"))
            and isinstance(about["judged"], int)
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise GanzooError(
            f"{path}: its header does not say what it classifies; a feature extractor is made by "
            "python -m ganzoo.measure.train_convnet"
        )
    return about
