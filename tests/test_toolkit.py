"""The stability toolkit: labels by hand, the networks' options, and runs with each of it."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import SMALL
from test_step import PairGAN, Waits, make_match

import ganzoo
from ganzoo.game import Game
from ganzoo.layers import MinibatchStddev
from ganzoo.objectives import LeastSquares, Minimax, NonSaturating
from ganzoo.testing import ArchitectureTests

SCORE = torch.tensor([2.0])
SIGMA = 1 / (1 + math.exp(-2.0))

IMAGES = ["color", "translation", "cutout"]
LABELS = {"objective.real_label": 0.9, "objective.flip_labels": 0.1}
NOISE = {"training.instance_noise": 0.2}
REPLAY = {"training.replay": 0.25, "training.replay_size": 40}
AUGMENT = {"training.augment": IMAGES}
ALL = LABELS | NOISE | REPLAY | AUGMENT

#: Each alone, and together; of an architecture that has it.
TOOLS = {
    "real label": ("dcgan", {"objective.real_label": 0.9}),
    "flipped labels": ("dcgan", {"objective.flip_labels": 0.1}),
    "noise": ("dcgan", NOISE),
    "augment": ("dcgan", AUGMENT),
    "replay": ("dcgan", REPLAY),
    "dropout": ("dcgan", {"generator_dropout": 0.3}),
    "dropout of a perceptron": ("vanilla", {"generator_dropout": 0.3}),
    "stddev": ("dcgan", {"minibatch_stddev": True}),
    "all": ("dcgan", ALL | {"generator_dropout": 0.3, "minibatch_stddev": True}),
    "penalty": ("wgan-gp", NOISE | REPLAY | AUGMENT),
    "labels": ("acgan", ALL),
    "pairs": ("pairs", NOISE | REPLAY | LABELS),
    "packs": ("ctgan", NOISE | REPLAY | {"training.replay": 0.5, "conditions": False}),
}


@pytest.mark.parametrize(
    ("objective", "real", "fake"),
    [
        (NonSaturating, -0.9 * math.log(SIGMA) - 0.1 * math.log(1 - SIGMA), -math.log(1 - SIGMA)),
        (Minimax, -0.9 * math.log(SIGMA) - 0.1 * math.log(1 - SIGMA), -math.log(1 - SIGMA)),
        (LeastSquares, 0.5 * (2 - 0.9) ** 2, 0.5 * 2**2),
    ],
)
def test_smoothing_is_one_sided_and_the_discriminators(objective, real, fake):
    smooth, plain = objective(objective.Config(real_label=0.9)), objective()
    assert smooth.real_loss(SCORE).item() == pytest.approx(real, rel=1e-6)
    assert smooth.fake_loss(SCORE).item() == pytest.approx(fake, rel=1e-6)
    assert torch.equal(smooth.generator_loss(SCORE), plain.generator_loss(SCORE))


def test_smoothing_is_torchs_cross_entropy_with_soft_targets():
    scores = torch.randn(100) * 10
    made = NonSaturating(NonSaturating.Config(real_label=0.8))
    expected = F.binary_cross_entropy_with_logits(scores, torch.full((100,), 0.8))
    torch.testing.assert_close(made.real_loss(scores), expected)


def test_by_default_losses_and_their_gradients_are_the_plain_ones_to_the_bit():
    scores = (torch.randn(1000) * 20).requires_grad_()
    for ours, plain in (
        (NonSaturating().real_loss, lambda s: F.softplus(-s).mean()),
        (NonSaturating().fake_loss, lambda s: F.softplus(s).mean()),
        (LeastSquares().real_loss, lambda s: 0.5 * (s - 1).square().mean()),
        (LeastSquares().fake_loss, lambda s: 0.5 * s.square().mean()),
    ):
        assert torch.equal(ours(scores), plain(scores))
        gradients = [torch.autograd.grad(f(scores), scores)[0] for f in (ours, plain)]
        assert torch.equal(*gradients)


@pytest.mark.parametrize("objective", [NonSaturating, LeastSquares])
def test_the_share_of_swapped_labels(objective):
    torch.manual_seed(0)
    made = objective(objective.Config(flip_labels=0.05, real_label=0.9))
    scores = torch.zeros(100_000).requires_grad_()
    for loss, own, other in ((made.real_loss, 0.9, 0.0), (made.fake_loss, 0.0, 0.9)):
        # At a score of 0 the gradient is 0.5 or 0 minus the label.
        (gradient,) = torch.autograd.grad(loss(scores) * len(scores), scores)
        labels = (0.5 if objective is NonSaturating else 0.0) - gradient
        swapped = labels.isclose(torch.tensor(other))
        assert (swapped | labels.isclose(torch.tensor(own), atol=1e-6)).all()
        assert swapped.float().mean().item() == pytest.approx(0.05, rel=0.1)


def test_stddev_tells_a_collapsed_batch(digits):
    match = make_match("dcgan", digits[0], minibatch_stddev=True, schedule__precision="fp32")
    for _ in range(3):
        match.play()
    layer = next(m for m in match.networks.discriminator if isinstance(m, MinibatchStddev))
    planes: list[float] = []
    layer.register_forward_hook(lambda *given: planes.append(given[2][:, -1].mean().item()))
    game = match.game(match.draw(), with_gradient=False)
    game.score(game.real)
    game.score(game.real[:1].expand(16, -1, -1, -1))
    assert planes[0] > 0.1
    assert planes[1] < 1e-3


@pytest.mark.parametrize("name", ["dcgan", "vanilla"])
def test_dropout_in_the_generator_is_of_training_only(name, digits):
    plain = make_match(name, digits[0], schedule__precision="fp32").networks.generator
    match = make_match(name, digits[0], schedule__precision="fp32", generator_dropout=0.5)
    network = match.networks.generator
    assert plain.state_dict().keys() == network.state_dict().keys()
    network.load_state_dict(plain.state_dict())
    latent = match.architecture.sample_latent(16, match.batches.rng)
    with torch.no_grad():
        assert torch.equal(network.eval()(latent), plain.eval()(latent))
        network.train()
        assert not torch.equal(network(latent), network(latent))


def train(tool: str, out: Path, digits, precision: str = "fp32", steps: int = 6) -> ganzoo.Run:
    name, settings = TOOLS[tool]
    labels = None
    if name == "pairs":
        architecture, data = (
            PairGAN,
            torch.randn(100, 2, generator=torch.Generator().manual_seed(0)),
        )
    elif name == "ctgan":
        architecture, data = name, "auto-mpg"
        settings = {"width": 8, "training.batch_size": 80} | settings
    else:
        architecture, (data, labels) = name, (images[:200] for images in digits)
        settings = SMALL.get(name, SMALL["dcgan"]) | settings
    return ganzoo.train(
        architecture,
        data,
        labels=labels,
        steps=steps,
        settings=settings,
        precision=precision,
        device="cpu",
        log_every=1,
        checkpoint_every=3,
        sample_every=steps,
        out=out,
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_a_broken_off_run_ends_with_the_same_bytes(tool, digits, tmp_path):
    straight = train(tool, tmp_path / "straight", digits)
    broken = tmp_path / "broken"
    # As a crash leaves it that came after the checkpoint of half the steps.
    shutil.copytree(straight.path, broken)
    shutil.rmtree(broken / "model")
    shutil.rmtree(broken / "checkpoints" / "step-0000006")
    torch.manual_seed(99)  # what is not in the checkpoint must not count
    name = TOOLS[tool][0]
    data = {"ctgan": "auto-mpg", "pairs": torch.randn(100, 2, generator=_seeded())}
    resumed = ganzoo.resume(
        broken,
        architecture=PairGAN if name == "pairs" else None,
        data=data.get(name, digits[0][:200]),
        labels=None if name in data else digits[1][:200],
    )
    for file in ("networks", "optimizers", "random", "replay"):
        paths = [r.checkpoints.path(6) / f"{file}.safetensors" for r in (straight, resumed)]
        assert paths[0].exists() == paths[1].exists() == (file != "replay" or _replays(tool))
        if paths[0].exists():
            assert paths[0].read_bytes() == paths[1].read_bytes(), file


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _replays(tool: str) -> bool:
    return "training.replay" in TOOLS[tool][1]


@pytest.mark.parametrize("tool", TOOLS)
def test_each_changes_the_losses_and_stays_finite_in_bf16(tool, digits, tmp_path):
    run = train(tool, tmp_path / "run", digits, "bf16", steps=4)
    lines = run.metrics()
    assert all(math.isfinite(value) for line in lines for value in line.values())
    name, settings = TOOLS[tool]
    TOOLS["none"] = (name, {})
    try:
        plain = train("none", tmp_path / "plain", digits, "bf16", steps=4).metrics()
    finally:
        del TOOLS["none"]
    losses = [[line["discriminator_loss"] for line in kept] for kept in (lines, plain)]
    assert losses[0] != losses[1]
    assert settings


def test_nothing_of_it_waits_for_the_device(digits):
    settings = {key.replace(".", "__"): value for key, value in ALL.items()}
    match = make_match("dcgan", digits[0], minibatch_stddev=True, generator_dropout=0.2, **settings)
    match.play()
    with Waits() as waits:
        for _ in range(10):  # the buffer is full before the end
            match.play()
    assert waits.seen == []
    assert match.replay.filled == match.replay.size


def test_the_options_are_in_the_command_that_trains_the_same_again(tmp_path):
    settings = SMALL["dcgan"] | TOOLS["all"][1]
    run = ganzoo.train("dcgan", "mnist-5k", steps=1, settings=settings, out=tmp_path / "run")
    command = json.loads((run.model_path / "training.json").read_text())["command"]
    for part in ('training.augment=["color", "translation", "cutout"]', "training.replay=0.25"):
        assert part in command


def test_the_view_is_for_samples_not_for_what_is_judged_with_them():
    class Pairs(torch.nn.Module):
        def forward(self, samples, latent):
            return samples.sum(1) + 100 * latent.sum(1)

    ones = torch.ones(4, 2)
    game = Game(ones, ones, ones, None, torch.nn.Identity(), Pairs(), view=lambda x: x + 1)
    assert torch.equal(game.score(ones, latent=ones), torch.full((4,), 204.0))


class TestDcganWithAll(ArchitectureTests):
    architecture = "dcgan"
    options = {"width": 4, "generator_dropout": 0.3, "minibatch_stddev": True}


class TestVanillaWithDropout(ArchitectureTests):
    architecture = "vanilla"
    options = {"widths": [16, 32], "generator_dropout": 0.3}


def test_what_is_off_is_not_in_the_command(trained):
    """The command that is written down has only what differs from the recipe."""
    command = json.loads((trained / "model" / "training.json").read_text())["command"]
    assert "augment" not in command
    assert "replay" not in command
