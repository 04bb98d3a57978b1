"""The moving average (EMA) of the generator, which is what is sampled and published."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd
from torch.optim.swa_utils import get_ema_multi_avg_fn

# torch's AveragedModel is not used: it asks whether a counter on the device is zero at every
# update, for which the loop would wait. Its averaging function is.


class MovingAverage:
    """A copy of `generator` whose floating-point parameters and buffers follow it slowly.

    The decay grows as (1 + n) / (10 + n) up to `decay`, so that a short run is not an average
    with its own first weights. A decay of 0 keeps the copy equal.
    """

    def __init__(self, generator: nn.Module, decay: float) -> None:
        self.decay = decay
        self.generator = copy.deepcopy(generator).requires_grad_(False).eval()
        self._pairs = list(zip(_state(self.generator), _state(generator), strict=True))
        #: The weight of what is new, where a captured step reads it on the device.
        self.weight: Tensor | None = None

    def decay_at(self, updates: int) -> float:
        """The decay of the `updates`-th update."""
        return min(self.decay, (1 + updates) / (10 + updates))

    def update(self, updates: int) -> None:
        """Take in the generator after its `updates`-th update."""
        floats = [(mean, new) for mean, new in self._pairs if mean.is_floating_point()]
        averages, news = zip(*floats, strict=True)
        if self.weight is None:
            get_ema_multi_avg_fn(self.decay_at(updates))(averages, news, updates)
        else:
            _descend(averages, news, self.weight)
        counters = [pair for pair in self._pairs if not pair[0].is_floating_point()]
        if counters:
            means, newest = zip(*counters, strict=True)
            with torch.no_grad():
                torch._foreach_copy_(means, newest)


def _descend(averages: Sequence[Tensor], news: Sequence[Tensor], weight: Tensor) -> None:
    """``average += weight * (new - average)``, with a weight that lies on the device.

    It is a step of gradient descent with the rate `weight` along ``average - new``, which torch's
    SGD computes for all tensors at once from weight decay and a gradient that is climbed.
    """
    sgd(
        list(averages),
        list(news),
        [None] * len(averages),
        fused=True,
        weight_decay=1.0,
        momentum=0.0,
        lr=weight,
        dampening=0.0,
        nesterov=False,
        maximize=True,
    )


def _state(module: nn.Module) -> list[Tensor]:
    return [*(p.detach() for p in module.parameters()), *module.buffers()]
