"""Whether a generator repeats its training samples: they are held against unseen real ones."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.figure_name import FigureName
from ganzoo.measure.features import Extractor
from ganzoo.measure.nearest import TrainingSamples
from ganzoo.measure.neighbours import nearest_distances
from ganzoo.measure.trial import Figure, Trial

NEAR = 0.01  # the share of unseen real samples that are called near to a training sample


def copying(trial: Trial) -> dict[str, Figure]:
    """How near samples are to the nearest training sample, in the features of each extractor,
    against how near the data is, which must not be what the generator was trained on.

    nearer: the chance that a sample is nearer to one than an unseen real sample is, as in the test
    of Meehan 2020 (arXiv:2004.05675); 0.5 for unseen samples, 1 for copies. copies: the share of
    samples that are as near as only one in a hundred unseen real ones is.
    """
    figures: dict[str, Figure] = {}
    parts = zip(trial.extractors, trial.seen, trial.seen_real, strict=True)
    for extractor, made, real in parts:
        training, how = _training(trial, extractor)
        held_out = nearest_distances(real.values, training).sort().values
        found = nearest_distances(made.values, training)
        near = held_out[int(NEAR * len(held_out))]
        named = {
            "nearer": (chance_of_less(found, held_out), 0.5),
            "copies": (float((found < near).double().mean()), NEAR),
        }
        for name, (value, floor) in named.items():
            whole = str(FigureName(name, extractor.name))
            figures[whole] = Figure(value, floor, 1.0, ceiling_of="copying", how=how)
    return figures


def chance_of_less(values: Tensor, ordered: Tensor) -> float:
    """The chance that one of `values` is less than one of `ordered`; a tie counts half."""
    below = torch.searchsorted(ordered, values).double()
    not_above = torch.searchsorted(ordered, values, right=True).double()
    return float(1 - (below + not_above).mean() / (2 * len(ordered)))


def _training(trial: Trial, extractor: Extractor) -> tuple[Tensor, str]:
    """The features of the training samples, (N, D), and which samples those are."""
    kept = trial.kept
    if "training" not in kept:
        kept["training"] = _samples(trial)
    samples: TrainingSamples = kept["training"]
    if extractor.name not in kept:
        kept[extractor.name] = extractor(samples.samples).values
    count, total = len(samples.samples), samples.total
    of = "" if count == total else f"{count:,} of "
    return kept[extractor.name], f"the nearest of {of}{total:,} training samples"


def _samples(trial: Trial) -> TrainingSamples:
    record = trial.generator.training.get("data")
    trained_on = record.get("sha256") if isinstance(record, dict) else None
    if trained_on is not None and trained_on == trial.sha256:
        raise GanzooError(
            f"{trial.dataset.name} is what the model was trained on: whether it copies is seen "
            "against data that it has not seen"
        )
    try:
        return TrainingSamples(trial.generator)
    except GanzooError as error:
        raise GanzooError(f"the training samples are not here: {error}") from None
