"""Features: vectors that stand for samples, whose distributions are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError, one_line
from ganzoo.spec import SampleSpec

BATCH: Final = 250  # samples that go through a network at once


@dataclass(frozen=True)
class Features:
    """values: (N, D) float32. classes: (N,) int64, the class of each sample as the extractor
    sees it, or None where it is not a classifier. logits: (N, K) float, its scores of K classes,
    from which an Inception Score is computed; or None. All are brought to the CPU."""

    values: Tensor
    classes: Tensor | None = None
    logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Tensor | slice) -> Features:
        rest = (None if part is None else part[index] for part in (self.classes, self.logits))
        return Features(self.values[index], *rest)

    def shuffled(self) -> Features:
        """The same in a random order, the same one on every call: data sets are often sorted by
        class."""
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))
        return self[order]

    @classmethod
    def joined(cls, parts: list[Features]) -> Features:
        """Those of all parts, on the CPU."""
        classes = [part.classes.cpu() for part in parts if part.classes is not None]
        logits = [part.logits.float().cpu() for part in parts if part.logits is not None]
        return cls(
            torch.cat([part.values.float().cpu() for part in parts]),
            torch.cat(classes) if classes else None,
            torch.cat(logits) if logits else None,
        )


class Extractor:
    """Maps samples to features. A plugin's subclass is offered by the hook
    ``ganzoo_extractors``, and is made with ``weights``: the user's own file of weights, or None.

    name: stands in the names of figures, ``fid[NAME]``. Figures in different features cannot be
    compared, so weights of the user's own must give another name. classes: the names of the
    classes that a classifier tells apart, in the order of their numbers; empty for others.
    """

    name: str = ""
    classes: tuple[str, ...] = ()
    #: One line on its weights and, for a classifier, its own accuracy; else its entry's summary.
    about: str = ""
    #: Whether the features keep whatever scale the samples have, such as that of a table's column:
    #: KID, whose kernel needs values near 1, is then computed from features scaled by the real
    #: ones.
    unscaled: bool = False
    #: Whether `features` takes images as floats from 0 to 255, too, and lets a gradient pass to
    #: them: `Generator.project` then looks for a sample by them, and path lengths are measured.
    differentiable: bool = False
    #: Where samples are handed over; see `to`.
    device: torch.device = torch.device("cpu")

    def __init__(self, weights: Path | None = None) -> None:
        if weights is not None:
            raise GanzooError(f"{weights}: {type(self).__name__} takes no file of weights")

    def takes(self, spec: SampleSpec) -> bool:
        """Whether it is for samples of `spec`, of a kind that its entry names. Asked when an
        extractor is chosen for the user; one chosen by name is taken as it is."""
        return True

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
        """The features of any number of samples, computed in batches. Raises GanzooError where
        `features` does not return what it should: a fault of its plugin."""
        parts = samples.split(BATCH)
        return Features.joined([self._checked(part.to(self.device)) for part in parts])

    def _checked(self, samples: Tensor) -> Features:
        try:
            features = self.features(samples)
            values, classes, logits = features.values, features.classes, features.logits
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
                    raise ValueError("class numbers out of range")
            if logits is not None and (logits.dim() != 2 or not logits.isfinite().all()):
                raise ValueError(f"logits of shape {tuple(logits.shape)}, or not finite")
        except GanzooError:
            raise
        except Exception as error:
            raise GanzooError(
                f"the extractor {self.name!r} gave no features, (N, D) finite floats and int64 "
                f"classes: {type(error).__name__}: {one_line(error)}; this is a bug in its plugin"
            ) from error
        return features


class Values(Extractor):
    """The values of a sample themselves: for points, rows and whatever has few of them."""

    name = "values"
    unscaled = True

    def features(self, samples: Tensor) -> Features:
        return Features(samples.flatten(1).float())  # images come as uint8
