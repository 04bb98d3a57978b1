"""The layers that authors build with: spectral norm, residual blocks, stacks, perceptrons."""

from __future__ import annotations

import copy
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import ganzoo
from ganzoo import SampleSpec, layers
from ganzoo.models.load import find_architecture

NORMALISED = {
    "linear": lambda: nn.Linear(12, 7),
    "convolution": lambda: nn.Conv2d(3, 5, 3),
    "transposed": lambda: nn.ConvTranspose2d(3, 5, 3),
    "embedding": lambda: nn.Embedding(10, 6),
}


def as_matrix(layer: nn.Module) -> torch.Tensor:
    weight = layer.weight.detach()
    if isinstance(layer, nn.ConvTranspose2d):
        weight = weight.transpose(0, 1)
    return weight.flatten(1)


def test_they_are_reached_without_torch_until_used():
    code = "import sys, ganzoo; assert 'torch' not in sys.modules; print(ganzoo.layers.UpBlock)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ganzoo.layers.UpBlock" in shown.stdout
    assert ganzoo.layers is layers
    for name in layers.__all__:
        assert getattr(layers, name).__doc__, name


@pytest.mark.parametrize("kind", NORMALISED)
def test_the_largest_singular_value_becomes_one(kind):
    torch.manual_seed(0)
    layer = layers.spectral_norm(NORMALISED[kind]())
    for _ in range(200):
        layer.weight  # noqa: B018, one power iteration
    assert torch.linalg.matrix_norm(as_matrix(layer), 2).item() == pytest.approx(1, abs=1e-3)
    layer.eval()
    assert torch.equal(layer.weight, layer.weight)


@pytest.mark.parametrize("kind", NORMALISED)
def test_it_is_torchs_own_but_for_the_precision(kind):
    torch.manual_seed(0)
    layer = layers.spectral_norm(NORMALISED[kind]())
    torch.manual_seed(0)
    plain = parametrizations.spectral_norm(NORMALISED[kind]())
    assert layer.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(layer.weight, plain.weight)
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(layer.eval().weight, plain.eval().weight)


def test_it_is_in_float32_under_autocast():
    torch.manual_seed(0)
    layer = layers.spectral_convolution(3, 8)
    exact = copy.deepcopy(layer)
    x = torch.randn(2, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.weight.dtype == torch.float32
        assert torch.equal(layer.weight, [exact.weight, exact.weight][1])
        assert layer(x).dtype == torch.bfloat16


def block(name: str) -> nn.Module:
    return {
        "up": lambda: layers.UpBlock(3, 5),
        "up without normalisation": lambda: layers.UpBlock(3, 5, norm=lambda _: nn.Identity()),
        "down": lambda: layers.DownBlock(3, 5, half=True),
        "down, same size": lambda: layers.DownBlock(3, 3, half=False),
        "down, spectral": lambda: layers.DownBlock(
            3, 5, half=True, conv=layers.spectral_convolution
        ),
        "first": lambda: layers.FirstDownBlock(3, 5),
        "first, spectral": lambda: layers.FirstDownBlock(3, 5, layers.spectral_convolution),
        "stddev": layers.MinibatchStddev,
    }[name]()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("up", (4, 5, 16, 16)),
        ("up without normalisation", (4, 5, 16, 16)),
        ("down", (4, 5, 4, 4)),
        ("down, same size", (4, 3, 8, 8)),
        ("down, spectral", (4, 5, 4, 4)),
        ("first", (4, 5, 4, 4)),
        ("first, spectral", (4, 5, 4, 4)),
        ("stddev", (4, 4, 8, 8)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shapes_and_second_derivatives(name, shape, dtype):
    torch.manual_seed(0)
    layer = block(name)
    x = torch.randn(4, 3, 8, 8, requires_grad=True)
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        out = layer(x)
    assert out.shape == shape
    (slope,) = torch.autograd.grad(out.float().square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    for key, parameter in layer.named_parameters():
        if not key.endswith("bias"):  # a gradient need not depend on a bias
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key


def test_a_block_that_keeps_the_size_keeps_the_channels():
    with pytest.raises(ValueError, match="keeps its 3 channels"):
        layers.DownBlock(3, 5, half=False)


def test_initial_weights():
    """Limits by hand: sqrt(6 / (fan in + fan out)), times the gain."""
    torch.manual_seed(0)
    layer = layers.convolution(64, 32)
    limit = (2 * 6 / ((64 + 32) * 9)) ** 0.5
    assert 0.99 * limit < layer.weight.abs().max().item() <= limit
    assert not layer.bias.any()
    network = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(4096)).apply(layers.dcgan_weights)
    assert network[0].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert network[1].weight.mean().item() == pytest.approx(1, abs=0.002)
    assert network[1].weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_stacks_double_and_halve():
    growing, shrinking = layers.doubling([8, 4, 3]), layers.halving([3, 4, 8], bias=False)
    assert nn.Sequential(*growing)(torch.zeros(2, 8, 4, 4)).shape == (2, 3, 16, 16)
    assert nn.Sequential(*shrinking)(torch.zeros(2, 3, 16, 16)).shape == (2, 8, 4, 4)
    assert [layer.bias is None for layer in growing + shrinking] == [False, False, True, True]


def test_a_perceptron():
    network = layers.perceptron(5, [7, 9], 2, nn.ReLU, partial(nn.Dropout, 0.5))
    assert [type(layer).__name__ for layer in network] == [
        *["Linear", "ReLU", "Dropout"] * 2,
        "Linear",
    ]
    assert nn.Sequential(*network)(torch.zeros(4, 5)).shape == (4, 2)
    assert [type(layer) for layer in layers.perceptron(5, [], 2, nn.ReLU)] == [nn.Linear]


def test_stddev_by_hand():
    x = torch.randn(6, 3, 4, 4, requires_grad=True)
    out = layers.MinibatchStddev()(x)
    assert torch.equal(out[:, :3], x)
    mean = x.detach().std(0, correction=0).mean()
    assert torch.allclose(out[:, 3], mean.expand(6, 4, 4), atol=1e-4)
    lone = torch.randn(1, 3, 4, 4, requires_grad=True)
    layers.MinibatchStddev()(lone).sum().backward()
    assert torch.equal(lone.grad, torch.ones_like(lone))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("sngan", "1.body.1.parametrizations.weight.0._u"),
        ("projection", "layers.0.parametrizations.weight.0.parametrization._u"),
        ("wgan-gp", "1.body.1.weight"),
        ("dcgan", "3.running_mean"),
    ],
)
def test_names_of_saved_discriminators_stay(name, key):
    architecture = find_architecture(name)
    spec = SampleSpec("image", (1, 16, 16), classes=("a", "b"))
    network = architecture(spec, architecture.Config(width=2)).build_discriminator()
    assert key in network.state_dict()
