"""Figures from nearest neighbours: who lies among whom, and who lies too near."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import torch
from torch import Tensor

NEIGHBOURHOOD: Final = 3  # of precision and recall
WIDER: Final = 5  # of density and coverage, as in their paper
PART: Final = 2000  # rows that are compared with all others at once


def precision_recall(fake: Tensor, real: Tensor) -> dict[str, float]:
    """Kynkaanniemi 2019 (arXiv:1904.06991): the share of fakes among the real ones, and of real
    ones among the fakes."""
    from torch_fidelity.metric_prc import (
        KEY_METRIC_PRECISION,
        KEY_METRIC_RECALL,
        prc_features_to_metric,
    )

    figures = prc_features_to_metric(
        *(fake, real),
        prc_neighborhood=NEIGHBOURHOOD,
        prc_batch_size=PART,
        save_cpu_ram=True,
        verbose=False,
    )
    return {
        "precision": float(figures[KEY_METRIC_PRECISION]),
        "recall": float(figures[KEY_METRIC_RECALL]),
    }


class Neighbourhoods:
    """Real features (N, D), and how far the fifth neighbour of each is."""

    def __init__(self, real: Tensor) -> None:
        self.real = real

    @cached_property
    def radii(self) -> Tensor:
        """(N,)."""
        # The nearest of a sample is the sample itself.
        parts = [torch.cdist(part, self.real).kthvalue(WIDER + 1).values for part in self._parts]
        return torch.cat(parts)

    def density_coverage(self, fake: Tensor) -> dict[str, float]:
        """Naeem 2020 (arXiv:2002.09797). density: in how many neighbourhoods a fake lies, over
        how many it would be if they were spread like real ones: 1; it may be more. coverage: the
        share of real samples with a fake in their neighbourhood."""
        inside, covered = 0, 0
        radii = self.radii.split(PART)
        for part, radius in zip(self._parts, radii, strict=True):
            within = torch.cdist(part, fake) <= radius[:, None]
            inside += int(within.sum())
            covered += int(within.any(1).sum())
        return {
            "density": inside / (WIDER * len(fake)),
            "coverage": covered / len(self.real),
        }

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return self.real.split(PART)


def nearest_distances(samples: Tensor, others: Tensor) -> Tensor:
    """(N,): how far each of `samples`, (N, D), is from the nearest of `others`, (M, D)."""
    parts = [torch.cdist(part, others).amin(1) for part in samples.split(PART)]
    return torch.cat(parts)
