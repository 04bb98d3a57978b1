"""Self-attention over the places of a feature map, as SAGAN has it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo import SampleSpec
from ganzoo.layers import smallest_map, spectral_norm


class Attention(nn.Module):
    """Zhang 2019 (arXiv:1805.08318), section 3: each place is given what other places have that
    answer to it. (N, C, H, W) to the same.

    As in the authors' code, the places that are looked at are every second one each way. It begins
    as the identity: `share` starts at 0.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner, half = max(1, width // 8), max(1, width // 2)
        self.query, self.key = _pointwise(width, inner), _pointwise(width, inner)
        self.value, self.out = _pointwise(width, half), _pointwise(half, width)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2).transpose(1, 2)
        key = F.max_pool2d(self.key(x), 2).flatten(2)
        value = F.max_pool2d(self.value(x), 2).flatten(2).transpose(1, 2)
        seen = (query @ key).softmax(-1).to(value.dtype) @ value
        seen = seen.transpose(1, 2).unflatten(2, x.shape[2:])
        return x + self.share.to(x.dtype) * self.out(seen)


def _pointwise(inputs: int, outputs: int) -> nn.Conv2d:
    return spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False))


def doublings_to(spec: SampleSpec, height: int) -> int:
    """How often the smallest map is doubled until it has this height; 0 for a height of 0, which
    stands for no attention.

    Raises ValueError where the networks for `spec` have no such map between the smallest one and
    the picture.
    """
    halvings, (smallest, _) = smallest_map(*spec.shape[1:])
    heights = [smallest << doublings for doublings in range(1, halvings)]
    if height and height not in heights:
        there = " or ".join(map(str, heights)) or "no height: the picture is too small"
        raise ValueError(f"attention={height}: it goes with maps of {there}")
    return heights.index(height) + 1 if height else 0
