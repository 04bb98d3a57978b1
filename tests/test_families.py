"""That each family learns: modes covered, digits told apart by a classifier, labels obeyed.

Sound and tables are in test_wavegan.py and test_ctgan.py. The recipes are small ones that take
seconds; docs/families.md has larger ones. All but one of digits and one of points are run by:
pytest -m slow tests/test_families.py
"""

from __future__ import annotations

import pytest
import torch
from ganzoo_vaegan.figures import encoded
from judge import judge

import ganzoo

QUICK = {"sample_every": 10**6, "checkpoint_every": 10**6, "precision": "auto", "device": "cpu"}


def trained(name: str, size: int, steps: int, settings: dict, out) -> ganzoo.Generator:
    run = ganzoo.train(
        name, "mnist-5k", steps=steps, image_size=size, settings=settings, out=out, **QUICK
    )
    return ganzoo.load(run)


def rates(generator: float, discriminator: float) -> dict[str, float]:
    return {"training.generator_lr": generator, "training.discriminator_lr": discriminator}


FAST = {
    "ebgan": (800, {"width": 16}),
    "sngan": (
        800,
        {
            "width": 16,
            "training.discriminator_steps": 1,
            "training.batch_size": 32,
            **rates(5e-4, 1e-3),
        },
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_digits_are_varied_and_some_are_sure(name, tmp_path):
    """Of an untrained generator the judge is sure of one digit at most."""
    steps, settings = FAST[name]
    shares = judge(16).shares(trained(name, 16, steps, settings, tmp_path / "run").sample(2000))
    assert (shares >= 0.005).sum() >= 8, shares
    assert shares.sum() >= 0.25, shares


LABELLED = {
    "acgan": (400, {"width": 16, "training.batch_size": 64, **rates(1e-3, 1e-3)}, 0.9),
    "projection": (
        1000,
        {
            "width": 16,
            "training.discriminator_steps": 1,
            "training.lr_decay": "constant",
            **rates(2e-3, 1e-3),
        },
        0.9,
    ),
}


@pytest.mark.parametrize("name", ["acgan", pytest.param("projection", marks=pytest.mark.slow)])
def test_labels_are_obeyed(name, tmp_path):
    steps, settings, least = LABELLED[name]
    generator = trained(name, 16, steps, settings, tmp_path / "run")
    labels = torch.arange(1000) % 10
    assert judge(16).agreement(generator.sample(1000, labels=labels), labels) >= least
    sevens = generator.sample(100, labels="7")
    assert torch.equal(sevens, generator.sample(100, labels=[7] * 100))
    assert judge(16).agreement(sevens, torch.full((100,), 7)) >= 0.5


def covered(generator: ganzoo.Generator) -> tuple[int, float]:
    """How many modes have two fifths of their fair share, and the share of samples near one."""
    samples, details = generator.sample(10_000), generator.spec.details
    distance, nearest = torch.cdist(samples, torch.tensor(details["centres"])).min(1)
    near = distance < 3 * details["spread"]
    modes = len(details["centres"])
    shares = torch.bincount(nearest[near], minlength=modes) / len(samples)
    return int((shares >= 0.4 / modes).sum()), float(near.float().mean())


@pytest.mark.parametrize(
    ("data", "modes", "steps"),
    [("ring", 8, 2000), pytest.param("grid", 25, 6000, marks=pytest.mark.slow)],
)
def test_points_cover_all_modes(data, modes, steps, tmp_path):
    out = tmp_path / data
    run = ganzoo.train("points", data, steps=steps, precision="fp32", device="cpu", out=out)
    found, near = covered(ganzoo.load(run))
    print(f"{data}: {found} of {modes} modes, {near:.3f} near one")
    assert found == modes
    assert near >= 0.8


R3GAN = {
    "width": 16,
    "blocks": 1,
    "training.batch_size": 32,
    "objective.penalty_weight": 2.0,
    **rates(2e-3, 2e-3),
}
BIGGAN = {
    "width": 16,
    "attention": 16,
    "training.batch_size": 64,
    "training.discriminator_steps": 1,
    "training.ema_decay": 0.999,
    **rates(5e-4, 1e-3),
}
#: As docs/families.md has them: size, steps, settings, least digits, least share that is sure.
FULL = {
    "acgan": (32, 2000, {"width": 32, **rates(1e-3, 1e-3)}, 10, 0.8),
    "projection": (
        32,
        3000,
        LABELLED["projection"][1],
        10,
        0.8,
    ),
    "ebgan": (32, 3000, {"width": 16}, 9, 0.4),
    "sngan": (
        32,
        3000,
        {"width": 32, "training.discriminator_steps": 1, **rates(5e-4, 1e-3)},
        9,
        0.4,
    ),
    "r3gan": (16, 3000, R3GAN, 9, 0.4),
    "biggan": (32, 800, BIGGAN, 10, 0.8),
    "fastgan": (32, 1500, {"width": 16}, 9, 0.4),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_the_recipes_of_the_documentation(name, tmp_path):
    size, steps, settings, digits, sure = FULL[name]
    generator = trained(name, size, steps, settings, tmp_path / "r")
    samples = generator.sample(2000)
    shares = judge(size).shares(samples)
    print(f"{name}: {int((shares >= 0.02).sum())} digits, {float(shares.sum()):.3f} sure: {shares}")
    if generator.spec.classes:
        print(f"as the label says: {judge(size).agreement(samples, torch.arange(2000) % 10):.3f}")
    assert (shares >= 0.02).sum() >= digits, shares
    assert shares.sum() >= sure, shares


def test_the_judge_knows_digits():
    assert judge(16).accuracy >= 0.96
    noise = torch.rand(500, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert (judge(16).shares(noise) >= 0.005).sum() <= 3


def test_an_encoder_comes_with_the_model(tmp_path):
    """Its codes are latents, and how much is left of a picture is measured."""
    settings = {"width": 4, "latent_size": 8, "training.batch_size": 16}
    real = torch.rand(60, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    run = ganzoo.train(
        "vaegan", real, steps=2, settings=settings, precision="fp32", out=tmp_path / "run"
    )
    generator = ganzoo.load(run)
    encoder = generator.partners["encoder"]
    with torch.no_grad():
        codes = encoder(real)
        mean, log_variance = encoder(real, spread=True)
        again = generator(codes)
    assert torch.equal(codes, mean)
    assert codes.shape == log_variance.shape == (60, 8)
    figure = encoded(ganzoo.Trial(generator, ganzoo.Dataset("noise", real), real, 0))["l1"]
    assert figure.value == pytest.approx(float((again - real).abs().mean()) / 2, rel=1e-4)
    assert figure.ceiling == pytest.approx(0.25, abs=0.01)  # of even noise, beside its mean


@pytest.mark.slow
def test_a_picture_made_of_a_code_is_like_the_one_that_was_encoded(tmp_path):
    settings = {"width": 16, **rates(5e-4, 5e-4)}
    generator = trained("vaegan", 16, 600, settings, tmp_path / "run")
    figure = ganzoo.evaluate(generator, "mnist-5k", samples=500, seeds=1)["l1[encoded]"]
    assert figure.value < 0.7 * figure.ceiling
