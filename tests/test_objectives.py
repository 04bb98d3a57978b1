"""Objectives and penalties against values worked out by hand, and every pairing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from conftest import SMALL
from torch import nn

import ganzoo
from ganzoo.game import Game
from ganzoo.objectives import Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein
from ganzoo.penalties import r1, r2, wgan_gp

SCORE = torch.tensor([2.0])
SIGMA = 1 / (1 + math.exp(-2.0))


@pytest.mark.parametrize(
    ("objective", "real", "fake", "generator"),
    [
        (Minimax, -math.log(SIGMA), -math.log(1 - SIGMA), math.log(1 - SIGMA)),
        (NonSaturating, -math.log(SIGMA), -math.log(1 - SIGMA), -math.log(SIGMA)),
        (LeastSquares, 0.5, 2.0, 0.5),
        (Hinge, 0.0, 3.0, -2.0),
        (Wasserstein, -2.0, 2.0, -2.0),
    ],
)
def test_losses_at_a_score_of_2(objective, real, fake, generator):
    made = objective()
    assert made.real_loss(SCORE).item() == pytest.approx(real, rel=1e-6)
    assert made.fake_loss(SCORE).item() == pytest.approx(fake, rel=1e-6)
    assert made.generator_loss(SCORE).item() == pytest.approx(generator, rel=1e-6)


def linear_game(slope: float) -> Game:
    """Two features, a critic s(x) = slope * x0: its gradient has the norm |slope| everywhere."""
    critic = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[slope, 0.0]]))
    real, fake = torch.randn(8, 2), torch.randn(8, 2)
    return Game(real, fake, fake, None, nn.Identity(), critic)


def test_penalties_of_a_linear_critic():
    game = linear_game(3.0)
    assert wgan_gp(game).item() == pytest.approx((3 - 1) ** 2)
    assert r1(game).item() == pytest.approx(9 / 2)
    assert r2(game).item() == pytest.approx(9 / 2)


def test_a_penalty_every_few_steps_weighs_as_much_more():
    game = linear_game(3.0)
    made = Hinge(Hinge.Config(penalty="r1+r2", penalty_weight=0.5, penalty_every=4))
    # The updates of a warm-up are all of step 0, and have one each.
    for step, times in ((0, 1), (1, None), (3, None), (4, 4), (6, None)):
        terms = made.penalties(replace(game, step=step))
        found = terms["penalty_r1"].item() if terms else None
        assert found == (None if times is None else pytest.approx(times * 0.5 * 9 / 2))


def test_wgan_gp_interpolates_each_sample_by_itself():
    """A critic s(x) = x^2/2 has the gradient x, so the penalty shows where it was taken."""

    class Square(nn.Module):
        def forward(self, x):
            seen.append(x.detach())
            return (x * x / 2).sum(1)

    seen: list[torch.Tensor] = []
    real, fake = torch.zeros(64, 1), torch.ones(64, 1)
    value = wgan_gp(Game(real, fake, fake, None, nn.Identity(), Square()))
    (points,) = seen
    assert ((points >= 0) & (points <= 1)).all()
    assert points.unique().numel() > 32
    assert value.item() == pytest.approx((points.abs() - 1).square().mean().item(), rel=1e-5)


def test_penalties_are_computed_in_float32_under_autocast():
    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x):
            score = self.layer(x)
            types.append((x.dtype, score.dtype, torch.is_autocast_enabled("cpu")))
            return score

    types: list[object] = []
    real = torch.randn(4, 2)
    game = Game(real, real.bfloat16(), real, None, nn.Identity(), Spy())
    with torch.autocast("cpu", torch.bfloat16):
        for penalty in (wgan_gp, r1, r2):
            assert penalty(game).dtype == torch.float32
    assert types == [(torch.float32, torch.float32, False)] * 3


@pytest.mark.parametrize("architecture", SMALL)
@pytest.mark.parametrize(
    "objective", ["minimax", "non-saturating", "least-squares", "hinge", "wasserstein"]
)
@pytest.mark.parametrize("penalty", ["none", "wgan-gp", "r1+r2"])
def test_any_objective_goes_with_any_architecture(
    architecture, objective, penalty, digits, tmp_path
):
    run = ganzoo.train(
        architecture,
        digits[0],
        steps=2,
        objective=objective,
        settings=SMALL[architecture] | {"objective.penalty": penalty},
        precision="bf16",
        log_every=1,
        out=tmp_path / "run",
    )
    line = run.metrics()[-1]
    named = {key for key in line if key.startswith("discriminator_penalty_")}
    assert named == {f"discriminator_penalty_{p}" for p in penalty.split("+") if p != "none"}
    terms = [v for k, v in line.items() if k.startswith("discriminator_") and k[14:] != "loss"]
    assert line["discriminator_loss"] == pytest.approx(sum(terms), rel=1e-4, abs=1e-5)
