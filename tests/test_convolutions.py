"""The convolutions that are differentiated twice have the derivatives of torch's."""

from __future__ import annotations

import contextlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ganzoo.convolutions import TwiceDifferentiable

CASES = {
    "plain": (F.conv2d, (2, 3, 8, 8), (4, 3, 3, 3), {"padding": 1}),
    "grouped": (F.conv2d, (2, 8, 6, 6), (8, 2, 3, 3), {"padding": 1, "groups": 4}),
    "stride": (F.conv2d, (2, 3, 9, 8), (4, 3, 4, 4), {"stride": 2, "padding": (1, 2)}),
    "dilated": (F.conv2d, (2, 3, 9, 9), (4, 3, 3, 3), {"dilation": 2}),
    "sound": (F.conv1d, (2, 2, 30), (4, 2, 5), {"stride": 4, "padding": 2}),
    "volume": (F.conv3d, (1, 2, 5, 5, 5), (3, 2, 3, 3, 3), {"padding": 1}),
    "same": (F.conv2d, (2, 3, 8, 8), (4, 3, 3, 3), {"padding": "same"}),
    "unbatched": (F.conv2d, (3, 8, 8), (4, 3, 3, 3), {}),
}


class Here(TwiceDifferentiable):
    """On this machine's device, too."""

    devices = ("cpu", "cuda")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", [True, False])
def test_second_derivatives_are_right(case, bias):
    convolve, shape, weights, options = CASES[case]
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(weights, dtype=torch.float64, requires_grad=True)
    added = torch.randn(weights[0], dtype=torch.float64, requires_grad=True) if bias else None

    def result(x, weight, *added):
        with Here():
            return convolve(x, weight, *added, **options).tanh()

    torch.testing.assert_close(
        result(x, weight, *([added] if bias else [])), convolve(x, weight, added, **options).tanh()
    )
    inputs = (x, weight, *([added] if bias else []))
    assert torch.autograd.gradcheck(result, inputs)
    assert torch.autograd.gradgradcheck(result, inputs)


def test_a_penalty_has_the_gradients_of_torchs_own():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(8, 8, 4, 2, 1, groups=2),
        nn.Tanh(), nn.Flatten(), nn.Linear(8 * 4 * 4, 1),
    )  # fmt: skip
    samples = torch.randn(5, 3, 8, 8)

    def gradients(mode) -> list[torch.Tensor]:
        shown = samples.clone().requires_grad_()
        with mode:
            scores = network(shown)
            (slope,) = torch.autograd.grad(scores.sum(), shown, create_graph=True)
        loss = slope.square().sum() + scores.square().sum()
        return list(torch.autograd.grad(loss, list(network.parameters())))

    for one, other in zip(gradients(contextlib.nullcontext()), gradients(Here()), strict=True):
        torch.testing.assert_close(one, other)
