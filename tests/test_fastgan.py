"""FastGAN: what excites what, which quarter is reconstructed, and noise that stays."""

from __future__ import annotations

import pytest
import torch
from ganzoo_fastgan.blocks import Noise
from ganzoo_fastgan.networks import FastGAN, difference, quarter

from ganzoo.architecture import build_architecture
from ganzoo.spec import SampleSpec


def made(size: int) -> FastGAN:
    options = {"width": 4, "latent_size": 8}
    architecture = build_architecture(
        FastGAN, "fastgan", options, SampleSpec("image", (3, size, size))
    )
    assert isinstance(architecture, FastGAN)
    return architecture


@pytest.mark.parametrize(
    ("size", "excited", "excitations"),
    [
        (32, {16: 4, 32: 8}, 1),
        (64, {32: 4, 64: 8}, 2),
        (256, {64: 4, 128: 8, 256: 16}, 3),
        (512, {64: 4, 128: 8, 256: 16, 512: 32}, 3),
    ],
)
def test_sizes_and_skip_layer_excitations(size, excited, excitations):
    generator, discriminator = made(size).build_generator(), made(size).build_discriminator()
    assert generator.excited == excited
    assert len(discriminator.excitations) == excitations
    samples = generator(torch.randn(2, 8))
    assert samples.shape == (2, 3, size, size)
    score, error = discriminator(samples, reconstruct=True)
    assert (score.shape, error.shape) == ((2, 50), (2,))
    assert discriminator(samples).shape == (2, 50)


def test_quarters_of_maps_and_of_pictures_are_of_the_same_place():
    pictures = torch.zeros(4, 1, 4, 4)
    pictures[:, :, :2, 2:], pictures[:, :, 2:, :2], pictures[:, :, 2:, 2:] = 1, 2, 3
    found = quarter(pictures, torch.tensor([0, 1, 2, 3]))
    assert found.shape == (4, 1, 2, 2)
    assert [part.unique().tolist() for part in found] == [[0], [1], [2], [3]]


def test_differences_are_of_each_sample():
    one = torch.zeros(2, 3, 8, 8)
    other = one.clone()
    other[1] = 0.5
    assert difference(one, other).tolist() == [0, 0.5]


def test_noise_is_the_same_in_evaluation():
    noise, maps = Noise(4), torch.zeros(2, 3, 4, 4)
    torch.nn.init.ones_(noise.strength)
    assert not torch.equal(noise(maps), noise(maps))
    noise.eval()
    assert torch.equal(noise(maps)[0, 0], noise(maps)[1, 2])
