"""StyleGAN2: its layers by hand, and one small run that truncates and mixes styles."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from conftest import call
from ganzoo_stylegan2.generator import Generator
from ganzoo_stylegan2.layers import Convolution, Linear, StyledConvolution

import ganzoo
from ganzoo import GanzooError, Run

OPTIONS = {
    "width": 4,
    "latent_size": 8,
    "data.image_size": 16,
    "training.batch_size": 8,
    "objective.penalty_every": 4,
    "objective.path_every": 3,
}


@torch.no_grad()
def test_equalised_layers_keep_the_variance_and_learn_at_one_rate():
    torch.manual_seed(0)
    x = torch.randn(256, 100)
    for rate in (1.0, 0.01):
        layer = Linear(100, 400, rate)
        assert float(layer(x).std()) == pytest.approx(1, abs=0.05)
        assert float(layer.weight.std()) == pytest.approx(1 / rate, rel=0.05)
    maps = Convolution(64, 64)(torch.randn(4, 64, 16, 16))
    assert float(maps.std()) == pytest.approx(1, abs=0.1)
    assert Linear(3, 2, bias=1.0)(torch.zeros(1, 3)).tolist() == [[1, 1]]


@pytest.mark.parametrize("demodulate", [True, False])
def test_a_styled_convolution_is_one_with_weights_of_each_samples_own(demodulate):
    torch.manual_seed(0)
    layer = StyledConvolution(3, 5, style=4, demodulate=demodulate)
    x, styles = torch.randn(2, 3, 6, 6), torch.randn(2, 4)
    weight = layer.convolution.weight * layer.convolution.scale
    for index in range(2):  # equations 1 to 3 of the paper
        own = weight * layer.affine(styles)[index][None, :, None, None]
        if demodulate:
            own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected = F.conv2d(x[index : index + 1], own, padding=1)
        torch.testing.assert_close(layer(x, styles)[index : index + 1], expected)


def test_styles_are_mixed_from_a_layer_on():
    torch.manual_seed(0)
    network = Generator([8, 4], 3, latent=6, depth=1, mixing=0.5)
    styles = torch.arange(400.0)[:, None, None].expand(-1, 4, 6)
    mixed = network.mixed(styles)[..., 0]
    own, neighbour = mixed == styles[..., 0], mixed == styles.roll(1, 0)[..., 0]
    assert (own | neighbour).all()
    assert own[:, 0].all(), "the first layer is a sample's own"
    assert not (own[:, 1:] & neighbour[:, :-1]).any(), "and those behind one of the other are, too"
    assert float((~own).any(1).float().mean()) == pytest.approx(0.5, abs=0.1)


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("style") / "run"
    options = {"device": "cpu", "precision": "fp32", "log_every": 1, "progress": False}
    return ganzoo.train("stylegan2", digits[0], settings=OPTIONS, steps=8, out=out, **options)


def test_regularisers_are_lazy(run):
    lines = run.metrics()
    assert [n["step"] for n in lines if "discriminator_penalty_r1" in n] == [4, 8]
    assert [n["step"] for n in lines if "generator_path" in n] == [3, 6]
    assert all("path_length" in n for n in lines if "generator_path" in n)


def test_truncation_goes_to_the_mean_style(run):
    generator = ganzoo.load(run)
    full, half, none = (generator.sample(4, seed=1, truncation=t) for t in (1.0, 0.5, 0.0))
    assert torch.equal(full, generator.sample(4, seed=1))
    assert not torch.equal(full, half)
    network, latents = generator.network, generator.latents(4, seed=1)
    mean = network.mean.expand(4, len(network.layers) + 1, -1)
    with torch.no_grad():
        torch.testing.assert_close(none, network.synthesis(mean, latents))
    with pytest.raises(GanzooError, match="truncation"):
        generator.sample(2, truncation=2.0)


def test_the_later_layers_have_the_style_of_a_seed(run, tmp_path):
    generator = ganzoo.load(run)
    own, other = generator.sample(seeds=[1, 2]), generator.sample(seeds=[5])
    first = generator.network
    mixed = {
        layer: generator.sample(seeds=[1, 2], mix_seed=5, mix_layer=layer) for layer in (0, 2, 9)
    }
    assert torch.equal(mixed[9], own), "behind the last layer"
    assert not torch.equal(mixed[2], own)
    alone = generator.sample(seeds=[1], mix_seed=5, mix_layer=2)
    torch.testing.assert_close(alone, mixed[2][:1])
    torch.testing.assert_close(generator.sample(seeds=[5], mix_seed=5, mix_layer=0), other)
    with torch.no_grad():  # of all layers: what is left of a sample is its noise
        styles = first.styles(ganzoo.latent_of(generator.architecture, 5)).expand(2, -1, -1)
        latents = torch.cat([ganzoo.latent_of(generator.architecture, seed) for seed in (1, 2)])
        torch.testing.assert_close(mixed[0], first.synthesis(styles, latents))
    grid = tmp_path / "mixed.png"
    asked = ("--seeds", "1,2", "--set", "mix_seed=5", "--set", "mix_layer=2", "-o", grid)
    result = call("sample", run.path, *asked)
    assert result.exit_code == 0, result.output
    assert grid.exists()


def test_both_parts_of_a_latent_go_their_own_way(run):
    generator = ganzoo.load(run)
    latents, size = generator.latents(2, seed=3), generator.config.latent_size
    halfway = generator.architecture.interpolate(*latents, torch.tensor([0.5]))[0]
    for part in (slice(size), slice(size, None)):
        lengths = latents[:, part].norm(dim=1)
        assert float(halfway[part].norm()) == pytest.approx(float(lengths.mean()), rel=1e-3)
