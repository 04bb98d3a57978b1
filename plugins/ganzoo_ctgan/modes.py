"""The modes of a column of numbers: a mixture of Gaussians, fitted by expectation maximisation.

The paper fits a variational mixture, which finds the number of modes itself; here it is the one
with the best Bayesian information criterion (Schwarz 1978), of at most 10, as in the paper.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

MOST: Final = 10
PATIENCE: Final = 3  # numbers of modes tried beyond the best so far
ROUNDS: Final = 60
SEEN: Final = 1000  # values that a fit looks at, evenly apart in their order
COUNTED: Final = 5000  # values that they speak for at most
NARROWEST: Final = 0.01  # a mode's deviation, of the column's; narrower is one value repeated


@dataclass(frozen=True)
class Modes:
    """A mixture, (K,) float64 each."""

    weights: Tensor
    means: Tensor
    deviations: Tensor

    def log_densities(self, values: Tensor) -> Tensor:
        """(N, K): of each value and mode, the weight included."""
        z = (values[:, None] - self.means) / self.deviations
        constant = self.weights.log() - self.deviations.log() - 0.5 * math.log(2 * math.pi)
        return constant - 0.5 * z.square()

    def choose(self, values: Tensor, rng: torch.Generator) -> Tensor:
        """A mode for each value, drawn by its probability, as in the paper's section 4.2."""
        chances = self.log_densities(values).softmax(1)
        drawn = torch.rand(len(values), 1, generator=rng, dtype=values.dtype)
        return (chances.cumsum(1) < drawn).sum(1).clamp_max(len(self.means) - 1)


def fit_modes(values: Tensor) -> Modes:
    """The modes of `values`, (N,) float64 that are not all the same."""
    count, values = min(len(values), COUNTED), values.sort().values
    if len(values) > SEEN:
        values = values[torch.linspace(0, len(values) - 1, SEEN).round().long()]
    centre, spread = values.mean(), values.std(correction=0)
    if spread == 0:  # the values looked at are all the same
        return Modes(torch.ones_like(centre[None]), centre[None], centre[None].abs() + 1)
    scaled = (values - centre) / spread
    best, lowest, chosen = 0, math.inf, _fit(scaled, 1)[0]
    for number in range(1, min(MOST, len(values)) + 1):
        modes, likelihood = _fit(scaled, number)
        likelihood *= count / len(values)
        criterion = (3 * number - 1) * math.log(count) - 2 * likelihood
        if criterion < lowest:
            best, lowest, chosen = number, criterion, modes
        elif number - best >= PATIENCE:
            break
    return Modes(chosen.weights, chosen.means * spread + centre, chosen.deviations * spread)


def _fit(values: Tensor, count: int) -> tuple[Modes, float]:
    """A mixture of `count` for sorted values, and their log-likelihood. It begins at even shares
    of the values, so that it is the same on every call."""
    shares = values.tensor_split(count)
    means = torch.stack([share.mean() for share in shares])
    deviations = torch.stack([share.std(correction=0) for share in shares]).clamp_min(NARROWEST)
    modes = Modes(torch.full_like(means, 1 / count), means, deviations)
    for _ in range(ROUNDS):
        chances = modes.log_densities(values).softmax(1)
        mass = chances.sum(0).clamp_min(1e-9)
        means = (chances * values[:, None]).sum(0) / mass
        squares = (chances * (values[:, None] - means).square()).sum(0) / mass
        modes = Modes(mass / mass.sum(), means, squares.sqrt().clamp_min(NARROWEST))
    return modes, float(modes.log_densities(values).logsumexp(1).sum())
