"""One step of the game: who gets which gradient, what is waited for, what the recipe changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import SMALL
from torch.utils._python_dispatch import TorchDispatchMode

import ganzoo
from ganzoo.engine.match import Match
from ganzoo.engine.rehearsal import rehearse
from ganzoo.engine.session import Session
from ganzoo.engine.totals import Totals
from ganzoo.models.load import find_architecture
from ganzoo.processes import Processes
from ganzoo.runs.resolve import resolve
from ganzoo.sources.given import from_tensor


def make_match(name: str, data: torch.Tensor, **settings: Any) -> Match:
    found = find_architecture(name)
    settings = {key.replace("__", "."): value for key, value in settings.items()}
    config = resolve(
        found,
        name,
        {},
        {"schedule": {"device": "cpu", "precision": "fp32"}},
        SMALL.get(name, {}) | settings,
    )
    return Session(found, config, from_tensor(data), Processes(), (), ()).match


def weights(module: torch.nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def changed(before: list[torch.Tensor], module: torch.nn.Module) -> bool:
    return any(not torch.equal(b, p) for b, p in zip(before, module.parameters(), strict=True))


@pytest.mark.parametrize("name", SMALL)
def test_each_player_gets_gradient_from_its_own_turn_alone(name, digits):
    match = make_match(name, digits[0], schedule__precision="fp32")
    generator, discriminator = match.networks.generator, match.networks.discriminator
    game = match.game(match.draw(), with_gradient=True)

    g, d = weights(generator), weights(discriminator)
    match.turn(match.discriminator, [game])
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None for p in discriminator.parameters())
    assert changed(d, discriminator)
    assert not changed(g, generator)

    before = [p.grad.clone() for p in discriminator.parameters()]
    d = weights(discriminator)
    match.turn(match.generator, [game])
    after = [p.grad for p in discriminator.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.grad is not None for p in generator.parameters())
    assert changed(g, generator)
    assert not changed(d, discriminator)


class Waits(TorchDispatchMode):
    """Counts the operations that fetch a number from the device."""

    FETCHES = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "item")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in self.FETCHES:
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_the_loop_waits_for_nothing_between_logged_steps(name, precision, clip, digits):
    match = make_match(
        name, digits[0], schedule__precision=precision, training__clip_gradients=clip
    )
    match.play()
    with Waits() as waits:
        for _ in range(3):
            match.play()
    assert waits.seen == []
    with Waits() as control:
        match.totals.means(match.processes)
        float(torch.ones(()).sum())
    assert control.seen, "the counter must see a fetch where there is one"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_the_loop_waits_for_nothing_on_cuda(name, precision, digits):
    found = find_architecture(name)
    asked = {"schedule": {"device": "cuda", "precision": precision}}
    config = resolve(found, name, {}, asked, SMALL[name])
    match = Session(found, config, from_tensor(digits[0]), Processes(), (), ()).match
    match.play()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            match.play()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_linear_decay_two_rates_and_warmup(digits):
    match = make_match(
        "vanilla",
        digits[0],
        training__steps=10,
        training__lr_decay="linear",
        training__generator_lr=1e-3,
        training__discriminator_lr=4e-3,
        training__discriminator_warmup=7,
        training__discriminator_steps=2,
    )
    rates = []
    for _ in range(10):
        match.play()
        rates.append(
            [p.optimizer.param_groups[0]["lr"] for p in (match.generator, match.discriminator)]
        )
    assert rates[0] == [1e-3, 4e-3]
    assert rates[5] == pytest.approx([0.5e-3, 2e-3])
    assert rates[9] == pytest.approx([0.1e-3, 0.4e-3])
    assert match.rounds == 7 + 10 * 2
    counts = [s["step"].item() for s in match.discriminator.optimizer.state.values()]
    assert set(counts) == {7 + 10 * 2}


def test_moving_average_is_the_sum_it_should_be(digits):
    match = make_match("dcgan", digits[0], training__ema_decay=0.4, schedule__precision="fp32")
    parameter = next(match.networks.generator.parameters())
    average = parameter.detach().clone()
    for step in range(1, 6):
        match.play()
        decay = min(0.4, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * parameter.detach()
    followed = next(match.average.generator.parameters())
    torch.testing.assert_close(followed, average)
    ours = dict(match.average.generator.named_buffers())
    theirs = dict(match.networks.generator.named_buffers())
    assert ours["2.num_batches_tracked"] == theirs["2.num_batches_tracked"] == 5


def test_terms_may_change_from_step_to_step():
    totals = Totals()
    one, three = torch.tensor(1.0), torch.tensor(3.0)
    totals.add("d", ["real"], [one, one])
    totals.add("d", ["real", "penalty"], [three + one, three, one])
    means = totals.means(Processes())
    assert means == {"d_loss": 2.5, "d_real": 2.0, "d_penalty": 1.0}


def test_clipping_bounds_the_gradient(digits):
    match = make_match("vanilla", digits[0], training__clip_gradients=1e-3)
    match.play()
    for player in (match.generator, match.discriminator):
        norms = torch.stack([p.grad.norm() for p in player.parameters])
        assert norms.norm() <= 1e-3 * 1.001


def test_dcgan_starts_from_the_papers_distribution(digits):
    match = make_match("dcgan", digits[0], width=64)
    for network in (match.networks.generator, match.networks.discriminator):
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                if module.weight.numel() > 10_000:
                    assert module.weight.std().item() == pytest.approx(0.02, rel=0.05)
                assert module.bias is None


def test_wgan_gp_critic_has_no_normalisation(digits):
    critic = make_match("wgan-gp", digits[0]).networks.discriminator
    assert not [m for m in critic.modules() if "Norm" in type(m).__name__]
    first, second = torch.randn(4, 1, 16, 16), torch.randn(4, 1, 16, 16)
    together = critic(torch.cat([first, second]))
    torch.testing.assert_close(together[:4], critic(first), atol=1e-5, rtol=1e-4)


class Pairs(torch.nn.Module):
    """A discriminator of samples with their latents, as BiGAN has it."""

    def __init__(self) -> None:
        super().__init__()
        self.out = torch.nn.Linear(2 + 4, 1)

    def forward(self, samples: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat([samples, latent], 1))


class OfPairs(ganzoo.NonSaturating):
    def discriminator_terms(self, game):
        real = game.score(game.real, latent=game.real.repeat(1, 2))
        return {"real": self.real_loss(real), "fake": self.fake_loss(self.fake_score(game))}

    def generator_terms(self, game):
        return {"adversarial": self.generator_loss(self.fake_score(game))}

    def fake_score(self, game):
        return game.score(game.fake, latent=game.latent)


class PairGAN(ganzoo.Architecture):
    class Config(ganzoo.Options):
        latent_size: int = 4

    kinds = ("points",)
    objective = OfPairs

    def build_generator(self):
        return torch.nn.Linear(4, 2)

    def build_discriminator(self):
        return Pairs()


def test_a_discriminator_of_pairs_trains(tmp_path):
    data = torch.randn(100, 2)
    run = ganzoo.train(PairGAN, data, steps=2, out=tmp_path / "run", device="cpu")
    assert run.finished


class Odd(PairGAN):
    """Points whose networks and loss are replaced one by one."""

    objective = "non-saturating"

    def build_discriminator(self):
        return torch.nn.Linear(2, 1)


class Failing(torch.nn.Linear):
    def forward(self, samples):
        return super().forward(samples) + len(3)


class Wide(torch.nn.Linear):
    def forward(self, samples):
        return super().forward(samples.repeat(1, 2))


class TwoHeads(torch.nn.Linear):
    def forward(self, samples):
        return {"score": super().forward(samples)}


class Loss(ganzoo.NonSaturating):
    def generator_terms(self, game):
        return self.wrong(game)


def loss(function):
    return type("Loss", (Loss,), {"wrong": staticmethod(function)})


@pytest.mark.parametrize(
    ("method", "value", "says"),
    [
        ("build_discriminator", lambda self: Failing(2, 1), r"TypeError.*test_step.py:\d+\)"),
        ("build_discriminator", lambda self: Wide(2, 1), "RuntimeError: mat1 and mat2"),
        ("build_discriminator", lambda self: TwoHeads(2, 1), "named tuple with a field score"),
        ("build_generator", lambda self: torch.nn.Linear(4, 3), r"expected \(64, 2\) for 64 lat"),
        ("build_generator", lambda self: torch.nn.Linear(3, 2), "build_generator: its forward"),
        ("sample_latent", lambda self, count, rng: torch.randn(2, 4), "a tensor of 64 latents"),
        ("objective", loss(lambda game: game.score(game.fake).mean()), "a dict; came tensor"),
        ("objective", loss(lambda game: {"a": game.score(game.fake)}), "scalar tensor 'a'; came"),
        ("objective", loss(lambda game: {"a": game.fake.mean() / 0}), "a finite 'a'; came"),
        ("objective", loss(lambda game: {"a": game.fake.detach().mean()}), "came a constant"),
        ("objective", loss(lambda game: {"a": game.fakes.mean()}), "objective.generator_terms"),
        ("objective", loss(lambda game: {"a": game.score(game.fake, z=3).mean()}), "'z'"),
    ],
)
def test_the_rehearsal_names_what_is_wrong(method, value, says, tmp_path):
    architecture = type("Odd", (Odd,), {method: value})
    data = torch.randn(100, 2)
    with pytest.raises(ganzoo.GanzooError, match=says) as caught:
        ganzoo.train(architecture, data, steps=2, out=tmp_path / "run", device="cpu")
    assert str(caught.value).startswith("Odd: ")
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_rehearsal_leaves_no_trace(digits):
    """Buffers, chance and sums are as they were: two matches, one rehearsed again, play alike."""
    played = []
    for again in (False, True):
        match = make_match("dcgan", digits[0], minibatch_stddev=True, training__dequantize=True)
        if again:
            rehearse(match, "dcgan")
        assert match.totals.means(match.processes) == {}
        match.play()
        played.append([t.clone() for t in match.networks.generator.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*played, strict=True))
