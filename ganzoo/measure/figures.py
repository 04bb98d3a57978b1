"""Figures from features: how far two distributions are apart, and which classes are there.

The distances are torch-fidelity's own functions, so that the figures are those of its command.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, WorkFailed
from ganzoo.measure.features import Extractor, Features
from ganzoo.measure.neighbours import WIDER, Neighbourhoods, precision_recall
from ganzoo.progress import bar

KID_SUBSETS: Final = 100
KID_SUBSET_SIZE: Final = 1000
MOST_NEIGHBOURS: Final = 10_000  # samples of each side that are looked at for neighbours
SEED: Final = 2020  # torch-fidelity's own, of KID's subsets
PARTS: Final = 10  # of the samples, for the Inception Score
FEWEST: Final = WIDER + 2  # samples that have the neighbours that figures look at

#: Figures that torch-fidelity computes.
FIDELITY: Final = frozenset({"fid", "kid", "precision", "recall", "inception_score"})
#: Figures of which more is better.
HIGHER: Final = frozenset(
    {
        *("precision", "recall", "density", "coverage", "inception_score"),
        *("modes", "rarest_class", "label_agreement"),
    }
)


@dataclass(frozen=True)
class Reference:
    """The features of real samples, and what is needed of them again and again.

    classes: how many the extractor tells apart; 0 where it is not a classifier, or one of other
    things than the samples show. unscaled: KID is computed from features scaled to the real ones'
    mean 0 and deviation 1, since its kernel is cubic and means nothing at other scales.
    """

    features: Features
    classes: int = 0
    unscaled: bool = False

    @classmethod
    def of(cls, features: Features, extractor: Extractor, classes: Sequence[str] = ()) -> Reference:
        """From what `extractor` made of real samples. classes: the names of theirs, if known."""
        count = 0 if _are_others(classes, extractor.classes) else len(extractor.classes)
        return cls(features, count, extractor.unscaled)

    @cached_property
    def mean(self) -> Tensor:
        """(D,) float64."""
        return self.features.values.double().mean(0)

    @cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        """Of up to 10,000 of them."""
        return Neighbourhoods(self.near(self.features))

    def near(self, features: Features) -> Tensor:
        """Up to 10,000 of `features`, (N, D), centred on the mean of the real ones: far away from
        0, float32 has few digits for distances."""
        return (_some(features).values.double() - self.mean).float()

    @cached_property
    def statistics(self) -> dict[str, Any]:
        """Mean and covariance, for FID."""
        return statistics(self.features)

    @cached_property
    def shares(self) -> Tensor | None:
        """(classes,): the share of each class."""
        return _shares(self.features, self.classes)


def _are_others(classes: Sequence[str], known: Sequence[str]) -> bool:
    """Whether `classes` are none of those that a classifier knows, as faces are no aeroplanes.
    Numbers do not say what they stand for."""
    named = not all(name.isdecimal() for name in classes)
    return named and set(classes).isdisjoint(known)


def check_enough(count: int, what: str, times: int = 1) -> None:
    """Raise GanzooError where so few samples cannot be compared, or not in `times` parts."""
    if count < times * FEWEST:
        halves = f" in each of {times} halves" if times > 1 else ""
        raise GanzooError(f"{what}: {count} samples; it takes at least {FEWEST}{halves}")


def least(length: int) -> int:
    """The fewest samples that give the covariance of `length` features full rank, which FID
    needs."""
    return length + 2


def check_enough_for_fid(features: Features, what: str) -> None:
    """Raise GanzooError where there are too few samples for FID."""
    length = features.values.shape[1]
    if len(features) < least(length):
        raise GanzooError(
            f"{what}: {len(features)} samples, and FID with {length} features needs at least "
            f"{least(length)}: more samples than features"
        )


def statistics(features: Features) -> dict[str, Any]:
    """Mean and covariance, as torch-fidelity takes them."""
    from torch_fidelity.metric_fid import fid_features_to_statistics

    moments: dict[str, Any] = fid_features_to_statistics(features.values)
    length = features.values.shape[1]
    sigma = moments["sigma"].reshape(length, length)  # with one feature it comes flat
    return {**moments, "sigma": sigma}


def fid(fake: Features, real: Reference) -> float:
    """Heusel 2017 (arXiv:1706.08500). It falls with the number of samples on both sides."""
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    figures = fid_statistics_to_metric(statistics(fake), real.statistics, False)
    return float(figures[KEY_METRIC_FID])


def kid(fake: Features, real: Reference) -> float:
    """Binkowski 2018 (arXiv:1801.01401): the mean over 100 subsets of up to 1,000 samples."""
    from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

    values = [fake.values, real.features.values]
    if real.unscaled:
        deviation = real.features.values.double().std(0)
        deviation[deviation == 0] = 1
        values = [((v.double() - real.mean) / deviation).float() for v in values]
    figures = kid_features_to_metric(
        *values,
        kid_subsets=KID_SUBSETS,
        kid_subset_size=min(KID_SUBSET_SIZE, len(fake), len(real.features)),
        rng_seed=SEED,
        verbose=False,
    )
    return float(figures[KEY_METRIC_KID_MEAN])


def _some(features: Features) -> Features:
    return features if len(features) <= MOST_NEIGHBOURS else features.shuffled()[:MOST_NEIGHBOURS]


def inception_score(fake: Features) -> float:
    """Salimans 2016 (arXiv:1606.03498), from a classifier's logits: how sure it is of each sample,
    and how many classes there are; the mean over 10 parts. It rises with the number of samples."""
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    return float(isc_features_to_metric(fake.logits, PARTS, rng_seed=SEED)[KEY_METRIC_ISC_MEAN])


def compared(fake: Features, real: Reference) -> dict[str, float]:
    """All figures that features give: distances and, of a classifier, those about classes.

    ``fid`` only where each side has more samples than features. Raises WorkFailed where one is not
    finite.
    """
    figures: dict[str, float] = {}
    with bar("comparing features", 3) as advance:
        if min(len(fake), len(real.features)) >= least(fake.values.shape[1]):
            figures["fid"] = fid(fake, real)
        advance(1)
        figures["kid"] = kid(fake, real)
        advance(1)
        near = real.near(fake)
        figures |= precision_recall(near, real.neighbourhoods.real)
        figures |= real.neighbourhoods.density_coverage(near)
    if fake.logits is not None and len(fake) >= 2 * PARTS:
        figures["inception_score"] = inception_score(fake)
    figures |= class_figures(fake, real)
    check_finite(figures)
    return figures


def caution(
    value: float, ceiling: float | None, higher_is_better: bool, than: str = "noise"
) -> str:
    """The words beside a figure of which noise has as good a one; else none.

    than: what `ceiling` is the figure of.
    """
    if ceiling is None or (value > ceiling if higher_is_better else value < ceiling):
        return ""
    return f"no better than {than}"


def too_few(name: str, count: int, real: Reference, floor: float | None) -> str:
    """The words beside a figure of so few samples that it says little; else none."""
    if name == "fid" and floor is None:
        return "too few real samples to say how low it can be"
    logits = real.features.logits
    if name == "inception_score" and logits is not None and count < PARTS * logits.shape[1]:
        return f"too few samples for {logits.shape[1]} classes"
    return ""


def check_finite(figures: Mapping[str, float]) -> None:
    """Raise WorkFailed where a figure is not finite."""
    for name, value in figures.items():
        if not math.isfinite(value):
            raise WorkFailed(
                f"{name} is {value}: the features are too large, or too far apart, to be measured"
            )


def class_figures(fake: Features, real: Reference) -> dict[str, float]:
    """``modes``, the number of classes with at least one sample; ``kl``, the divergence of the
    classes' shares from the real ones' in nats (Metz 2016, arXiv:1611.02163); the shares of the
    rarest and of the commonest class. Empty where the extractor is not a classifier.
    """
    shares, real_shares = _shares(fake, real.classes), real.shares
    if shares is None or real_shares is None:
        return {}
    # A class without any real sample would make it infinite: it counts as half a sample.
    floor = 0.5 / len(real.features)
    present = shares > 0
    ratio = shares[present] / real_shares[present].clamp_min(floor)
    return {
        "modes": float(present.sum()),
        "kl": float((shares[present] * ratio.log()).sum().clamp_min(0)),
        "rarest_class": float(shares.min()),
        "commonest_class": float(shares.max()),
    }


def _shares(features: Features, classes: int) -> Tensor | None:
    if features.classes is None or not classes:
        return None
    return torch.bincount(features.classes, minlength=classes).double() / len(features)
