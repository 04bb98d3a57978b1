"""FreezeD (Mo 2020, arXiv:2002.10964): where training starts from a model, the discriminator's
first layers keep their weights, which know much that holds for other pictures, too."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

from torch import nn

from ganzoo.errors import GanzooError


def freeze(discriminator: nn.Module, count: int) -> list[str]:
    """Freeze its first `count` layers, and return the names of the parameters that are frozen.

    A layer is a module with a weight of two or more dimensions, as a convolution or a linear layer
    has, and what follows up to the next one: a normalisation's gain. They are counted in the order
    in which the discriminator defines them. A frozen parameter is in no
    optimizer, so that a captured step, a checkpoint and a resumed run need not know of it; buffers
    such as the means of a normalisation still follow what they see.

    Raises GanzooError where no layer would be left that learns.
    """
    if not count:
        return []
    layers: list[list[str]] = [[]]
    named = discriminator.named_parameters()
    for _, own in itertools.groupby(named, lambda item: _owner(item[0])):
        parameters = dict(own)
        if any(parameter.dim() > 1 for parameter in parameters.values()) and any(layers):
            layers.append([])
        layers[-1] += parameters
    if count >= len(layers):
        raise GanzooError(
            f"training.freeze_discriminator={count}: the discriminator has {len(layers)} layers, "
            f"and one must learn; it takes at most {max(0, len(layers) - 1)}"
        )
    frozen = [name for layer in layers[:count] for name in layer]
    for name in frozen:
        discriminator.get_parameter(name).requires_grad_(False)
    return frozen


def check_frozen(frozen: Collection[str], taken: Collection[str], model: str) -> None:
    """Raise GanzooError where parameters are frozen that did not come from `model`, which training
    starts from. taken: those that did."""
    random = [name for name in frozen if name not in taken]
    if random:
        raise GanzooError(
            f"training.freeze_discriminator: the weights of {random[0]} would stay as they are "
            f"drawn, for --init {model} has none that fit. Start from a run, or from a model that "
            "was saved with its discriminator, of the same size and channels"
        )


def frozen_note(frozen: Sequence[str]) -> list[str]:
    """Which parameters are frozen, as a sentence; none where there are none."""
    if not frozen:
        return []
    last = f" to {frozen[-1]}" if len(frozen) > 1 else ""
    return [f"the discriminator's first parameters, {frozen[0]}{last}, are frozen"]


def _owner(name: str) -> str:
    """The layer that a parameter is of; torch keeps a weight that is normalised further inside."""
    layer, inside, _ = name.partition(".parametrizations.")
    return layer if inside else name.rpartition(".")[0]
