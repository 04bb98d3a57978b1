"""Real samples and fakes are judged in one pass where that gives the same, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from conftest import SMALL
from test_step import make_match
from torch import nn

import ganzoo
from ganzoo.engine.session import Session
from ganzoo.game import Game
from ganzoo.models.load import remember
from ganzoo.processes import Processes
from ganzoo.runs.resolve import resolve
from ganzoo.sources.given import from_tensor

IMAGES = torch.randint(0, 256, (64, 3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()
#: By name: whether the discriminator judges each sample by itself.
ALONE = {
    "vanilla": True,
    "wgan-gp": True,
    "r3gan": True,
    "dcgan": False,  # batch normalisation
    "sngan": False,  # a call changes the vectors of the power iteration
}


@pytest.mark.parametrize("name", ALONE)
def test_who_judges_each_sample_by_itself(name):
    match = make_match(name, IMAGES, **({} if name in SMALL else {"width": 16}))
    assert match.joined == ALONE[name]
    assert all(
        p.isfinite().all() for n in match.networks.modules().values() for p in n.parameters()
    )
    assert all(b.isfinite().all() for b in match.networks.discriminator.buffers())


def round_of(match) -> Game:
    return match.game(match.draw(), with_gradient=False)


@pytest.mark.parametrize("name", ["wgan-gp", "r3gan"])
def test_joined_passes_have_the_scores_and_gradients_of_separate_ones(name):
    match = make_match(name, IMAGES, width=16)
    match.networks.discriminator.apply(trained)
    gradients, losses, drawn = [], [], round_of(match)
    for joined in (False, True):
        game = replace(drawn, joined=joined)
        calls = counted(match.networks.discriminator)
        real, fake = game.scores(game.real, game.fake)
        assert len(calls) == (1 if joined else 2)
        loss = (real - fake).square().mean()
        losses.append(loss.item())
        gradients.append(torch.autograd.grad(loss, match.discriminator.parameters))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def trained(module: nn.Module) -> None:
    """Weights that are zero at first have other values later."""
    for parameter in module.parameters(recurse=False):
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)


def counted(network: nn.Module) -> list[int]:
    calls: list[int] = []
    network.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_the_scores_of_a_penalty_serve_the_loss_once():
    match = make_match("r3gan", IMAGES, width=16)
    game = round_of(match)
    assert game.joined
    calls = counted(match.networks.discriminator)
    gradient = game.score_gradient(game.real)
    first = game.score(game.real)
    assert len(calls) == 1
    assert first.requires_grad and gradient.requires_grad
    second = game.score(game.real)  # an objective that asks twice wants two passes
    assert len(calls) == 2
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
    game.score_gradient(game.real)
    game.scores(game.real, game.fake)
    assert len(calls) == 4  # the real ones' are there, the fakes' are not


def test_penalties_on_real_samples_and_fakes_are_one_pass():
    match = make_match("r3gan", IMAGES, width=16)
    alone, joined = round_of(match), round_of(match)
    apart = [alone.score_gradient(alone.real), alone.score_gradient(alone.fake)]
    calls = counted(match.networks.discriminator)
    joined.foresee_gradients(joined.real, joined.fake)
    together = [joined.score_gradient(joined.real), joined.score_gradient(joined.fake)]
    assert len(calls) == 1
    joined.scores(joined.real, joined.fake)
    assert len(calls) == 1
    for one, other in zip(apart, together, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    joined.score_gradient(joined.real)
    assert len(calls) == 2  # what was foreseen serves once


def test_a_whole_step_calls_the_discriminator_no_more_than_it_must():
    match = make_match("r3gan", IMAGES, width=16)
    calls = counted(match.networks.discriminator)
    match.play()
    assert len(calls) == 3  # once for loss and penalties, and each batch once for the generator


class Mixing(nn.Module):
    """Looks at the rest of the batch by a weight that is still zero."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(3 * 32 * 32, 1)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        scores = self.score(x.flatten(1))
        return scores + self.share * scores.mean()


class Mixed(ganzoo.Architecture):
    def build_generator(self):
        return nn.Sequential(nn.Linear(4, 3 * 32 * 32), nn.Tanh(), nn.Unflatten(1, (3, 32, 32)))

    def build_discriminator(self):
        return Mixing()

    class Config(ganzoo.Options):
        latent_size: int = 4


def test_a_weight_that_is_zero_hides_nothing():
    remember(Mixed)
    asked = {"schedule": {"device": "cpu", "precision": "fp32"}}
    config = resolve(Mixed, "Mixed", {}, asked, {})
    assert not Session(Mixed, config, from_tensor(IMAGES), Processes(), (), ()).match.joined
