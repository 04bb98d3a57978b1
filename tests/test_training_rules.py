"""The rules of training that an architecture, an objective or a run may change."""

from __future__ import annotations

import copy
import json
import shutil
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import ganzoo
from ganzoo import Options, Regulariser, Training
from ganzoo.engine.match import Match
from ganzoo.engine.session import Session
from ganzoo.processes import Processes
from ganzoo.runs.resolve import resolve
from ganzoo.sources.given import from_tensor

DATA = torch.randn(96, 2, generator=torch.Generator().manual_seed(4))


class Plain(ganzoo.Architecture):
    """Points from networks that look at each sample by itself."""

    class Config(Options):
        latent_size: int = 4

    kinds = ("points",)
    training: ClassVar = Training(batch_size=16, steps=8)

    def build_generator(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))

    def build_discriminator(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))


def match_of(architecture: type[ganzoo.Architecture], data: Tensor = DATA, **options: Any) -> Match:
    settings = {key.replace("__", "."): value for key, value in options.items()}
    name = architecture.__name__
    config = resolve(
        architecture,
        name,
        {},
        {"schedule": {"device": "cpu", "precision": "fp32"}},
        settings,
    )
    return Session(architecture, config, from_tensor(data), Processes(), (), ()).match


def same_when_resumed(
    architecture: type[ganzoo.Architecture], tmp_path: Any, **options: Any
) -> Any:
    """A run to step 8, and one that was left at step 4 and resumed: the same bytes."""
    settings = {"schedule.log_every": 1, "schedule.sample_every": 100}
    kept = {"device": "cpu", "settings": settings}
    straight = ganzoo.train(architecture, DATA, steps=8, out=tmp_path / "straight", **kept)
    ganzoo.train(architecture, DATA, steps=4, out=tmp_path / "broken", **kept)
    broken = ganzoo.resume(tmp_path / "broken", steps=8, architecture=architecture, data=DATA)
    for name in ("networks", "optimizers", "random"):
        one, two = (
            (run.path / "checkpoints" / "step-0000008" / f"{name}.safetensors").read_bytes()
            for run in (straight, broken)
        )
        assert one == two, name
    return straight


def lines(run: ganzoo.Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]


def test_players_have_betas_and_optimizers_of_their_own() -> None:
    match = match_of(
        Plain,
        training__beta1=0.3,
        training__generator_beta1=0.0,
        training__generator_beta2=0.9,
        training__discriminator_optimizer="rmsprop",
        training__discriminator_beta2=0.8,
    )
    ours, theirs = match.generator.optimizer, match.discriminator.optimizer
    assert isinstance(ours, torch.optim.Adam)
    assert ours.defaults["betas"] == (0.0, 0.9)
    assert isinstance(theirs, torch.optim.RMSprop)
    assert theirs.defaults["alpha"] == 0.8
    match.play()


@pytest.mark.parametrize("objective", ["non-saturating", "wasserstein"])
def test_a_batch_played_in_parts_gives_the_gradient_of_the_whole(objective: str) -> None:
    """With plain gradient descent weights show gradients. The penalty between real and fake draws
    its points part by part, so it is left out."""
    after = []
    for parts in (1, 4):
        config = resolve(
            Plain,
            "Plain",
            {},
            {"objective": objective, "schedule": {"device": "cpu", "precision": "fp32"}},
            {
                "training.optimizer": "sgd",
                "training.accumulate": parts,
                "training.discriminator_steps": 2,
                "objective.penalty": "r1",
            },
        )
        match = Session(Plain, config, from_tensor(DATA), Processes(), (), ()).match
        for _ in range(5):
            match.play()
        after.append([*match.networks.generator.parameters(), *match.discriminator.parameters])
        means = match.totals.means(match.processes)
        after[-1].append(torch.tensor([means["generator_loss"], means["discriminator_loss"]]))
    for whole, joined in zip(*after, strict=True):
        torch.testing.assert_close(whole, joined, atol=1e-6, rtol=1e-5)


def test_no_more_than_a_part_is_generated_at_once() -> None:
    match = match_of(Plain, training__accumulate=4)
    sizes: list[int] = []
    match.networks.generator.register_forward_hook(lambda *args: sizes.append(len(args[2])))
    match.play()
    assert sizes == [4] * 8  # four for each player


def test_a_batch_that_cannot_be_played_in_parts_is_refused() -> None:
    with pytest.raises(ganzoo.GanzooError, match=r"training.accumulate=3: the 16 samples"):
        match_of(Plain, training__accumulate=3)


def test_old_fakes_are_a_share_of_each_part() -> None:
    match = match_of(Plain, training__accumulate=2, training__replay=0.5)
    for _ in range(3):
        match.play()
    assert match.replay is not None
    assert match.replay.count == 4


class Counting(torch.optim.Optimizer):
    """Gradient descent that slows down by a count that is no tensor, in two places."""

    def __init__(self, parameters: list[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr, "turns": 0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            group["turns"] += 1
            for parameter in group["params"]:
                state = self.state[parameter]
                state["count"] = state.get("count", 0) + 1
                state["note"] = None
                share = 1 / (state["count"] + group["turns"] ** 0.5)
                parameter.sub_(group["lr"] * share * parameter.grad)


class Counted(Plain):
    def optimizers(self, networks: ganzoo.Networks) -> dict[str, torch.optim.Optimizer]:
        return {
            player: Counting(networks.parameters(player), self.training.lr(player))
            for player in ("generator", "discriminator")
        }


def test_numbers_in_the_state_of_an_optimizer_are_kept(tmp_path: Any) -> None:
    run = same_when_resumed(Counted, tmp_path)
    state = json.loads((run.path / "checkpoints" / "step-0000008" / "state.json").read_text())
    assert state["optimizers"]["generator"]["values"]["0.count"] == 8
    assert state["optimizers"]["generator"]["groups"] == [{"turns": 8}]


def test_slow_copies_are_of_the_weights_that_training_starts_from(tmp_path: Any) -> None:
    first = ganzoo.train(Followed, DATA, steps=3, out=tmp_path / "first", device="cpu")
    trained = first.checkpoints.read(3)[0]["networks"]["discriminator.0.weight"]
    second = ganzoo.train(
        Followed, DATA, steps=1, out=tmp_path / "second", device="cpu", init=first.path
    )
    # The first checkpoint is of the weights that were given.
    assert second.checkpoints.steps() == [1, 0]
    tensors = second.checkpoints.read(0)[0]["networks"]
    assert torch.equal(tensors["objective.slow.0.weight"], trained)


class Rated(Plain):
    def learning_rate(self, player: str, step: int) -> float:
        warm = min(1.0, (step + 1) / 4)
        return (1e-3 if player == "generator" else 4e-3) * warm


def test_an_architecture_sets_its_learning_rates(tmp_path: Any) -> None:
    match = match_of(Rated)
    rates = []
    for _ in range(5):
        match.play()
        rates.append([p.optimizer.param_groups[0]["lr"] for p in match.players.values()])
    assert rates[0] == pytest.approx([2.5e-4, 1e-3])
    assert rates[4] == pytest.approx([1e-3, 4e-3])
    same_when_resumed(Rated, tmp_path)


class Slowly(Plain):
    """A bias that learns ten times as fast as the rest."""

    def optimizers(self, networks: ganzoo.Networks) -> dict[str, torch.optim.Optimizer]:
        made = super().optimizers(networks)
        *rest, bias = networks.parameters("generator")
        rate = self.training.generator_lr
        made["generator"] = torch.optim.Adam(
            [{"params": rest}, {"params": [bias], "lr": 10 * rate}], rate
        )
        return made


def test_groups_keep_their_ratio_under_a_schedule() -> None:
    match = match_of(
        Slowly, training__lr_decay="linear", training__steps=4, training__generator_lr=1e-3
    )
    match.play()
    match.play()
    rates = [group["lr"] for group in match.generator.optimizer.param_groups]
    assert rates == pytest.approx([0.75e-3, 7.5e-3])


class Lookahead(Plain):
    """Zhang 2019 (arXiv:1907.08610): every second step, halfway back to slow weights."""

    def build_extras(self, networks: ganzoo.Networks) -> dict[str, nn.Module]:
        return {"slow": copy.deepcopy(networks.generator).requires_grad_(False)}

    def after_step(self, networks: ganzoo.Networks, step: int) -> None:
        if step % 2:
            return
        slow = networks.extras["slow"].parameters()
        for ours, theirs in zip(networks.generator.parameters(), slow, strict=True):
            theirs.lerp_(ours, 0.5)
            ours.copy_(theirs)


def test_lookahead_goes_on_from_its_slow_weights(tmp_path: Any) -> None:
    match = match_of(Lookahead)
    first = [p.detach().clone() for p in match.networks.extras["slow"].parameters()]
    match.play()
    fast = [p.detach().clone() for p in match.networks.generator.parameters()]
    match.play()
    both = list(match.networks.generator.parameters())
    assert all(not torch.equal(a, b) for a, b in zip(fast, both, strict=True))
    assert all(
        torch.equal(a, b)
        for a, b in zip(both, match.networks.extras["slow"].parameters(), strict=True)
    )
    assert not torch.equal(first[0], both[0])
    run = same_when_resumed(Lookahead, tmp_path)
    assert not [
        k for k in ganzoo.load(run.path, architecture=Lookahead).network.state_dict() if "slow" in k
    ]


def drift(game: ganzoo.Game) -> Tensor:
    return game.score(game.real).square().mean()


class Follower(ganzoo.NonSaturating):
    """Keeps a slow copy of the discriminator, a count and a mean; each generator turn now and then
    a penalty."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.register_buffer("turns", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(()))

    def setup(self, networks: ganzoo.Networks) -> None:
        self.slow = copy.deepcopy(networks.discriminator).requires_grad_(False)

    def generator_terms(self, game: ganzoo.Game) -> dict[str, Tensor]:
        self.turns += 1
        scores = game.score(game.fake)
        self.mean.lerp_(game.average(scores.detach().mean()), 0.5)
        game.log("mean_score", self.mean)
        game.log("distance", scores.detach().std())
        with torch.no_grad():
            ours, theirs = self.slow.parameters(), game.discriminator.parameters()
            for slow, fast in zip(ours, theirs, strict=True):
                slow.lerp_(fast, 0.25)
        return {"adversarial": self.generator_loss(scores - self.mean)} | {
            "slow": self.generator_loss(self.slow(game.fake).flatten())
        }

    def regularisers(self) -> list[Regulariser]:
        return [
            Regulariser("generator", "size", 3, lambda game: game.fake.square().mean()),
            Regulariser(
                "discriminator", "drift", 2, lambda game: game.score(game.real).square().mean()
            ),
        ]


class Followed(Plain):
    objective = Follower


def test_slow_copies_and_figures_of_an_objective(tmp_path: Any) -> None:
    run = same_when_resumed(Followed, tmp_path)
    metrics = lines(run)
    assert all(line["mean_score"] and line["distance"] > 0 for line in metrics)
    tensors = run.checkpoints.read(8)[0]["networks"]
    assert tensors["objective.turns"] == 8
    assert not torch.equal(tensors["objective.slow.0.weight"], tensors["discriminator.0.weight"])
    match = match_of(Followed)
    trained = {id(p) for player in match.players.values() for p in player.parameters}
    assert not trained & {id(p) for p in match.objective.slow.parameters()}


def test_regularisers_of_either_player_have_their_own_intervals(tmp_path: Any) -> None:
    run = ganzoo.train(Followed, DATA, steps=6, out=tmp_path / "run", device="cpu", log_every=1)
    with_size = [line["step"] for line in lines(run) if "generator_size" in line]
    with_drift = [line["step"] for line in lines(run) if "discriminator_drift" in line]
    assert with_size == [3, 6]
    assert with_drift == [2, 4, 6]
    match = match_of(Followed)
    match.step = 2
    game = match.game(match.draw(), with_gradient=True)
    game.step = 3
    terms = match.objective.terms("generator", game)
    torch.testing.assert_close(terms["size"], 3 * game.fake.square().mean())


class Turns(ganzoo.NonSaturating):
    """Logs a buffer that it goes on to change in place."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.register_buffer("turns", torch.zeros(()))

    def generator_terms(self, game: ganzoo.Game) -> dict[str, Tensor]:
        game.log("turns", self.turns.add_(1))
        return super().generator_terms(game)


def test_a_logged_buffer_may_change_afterwards(tmp_path: Any) -> None:
    class WithTurns(Plain):
        objective = Turns

    run = ganzoo.train(WithTurns, DATA, steps=4, out=tmp_path / "run", device="cpu", log_every=2)
    assert [line["turns"] for line in lines(run)] == [1.5, 3.5]


class Colliding(ganzoo.NonSaturating):
    def generator_terms(self, game: ganzoo.Game) -> dict[str, Tensor]:
        game.log(self.name, game.fake.mean())
        return super().generator_terms(game)


@pytest.mark.parametrize("name", ["generator_loss", "discriminator_real", "step", "two words"])
def test_a_figure_needs_a_name_of_its_own(name: str) -> None:
    class Named(Colliding):
        pass

    Named.name = name

    class Refused(Plain):
        objective = Named

    with pytest.raises(ganzoo.GanzooError, match=name):
        match_of(Refused)


class Upscaler(ganzoo.Architecture):
    """Makes pictures of twice the size: what it works from is made of the real ones."""

    class Config(Options):
        latent_size: int = 4

    training: ClassVar = Training(batch_size=8, steps=4)

    @property
    def input_spec(self) -> ganzoo.SampleSpec:
        channels, height, width = self.spec.shape
        return ganzoo.SampleSpec("image", (channels, height // 2, width // 2))

    def condition(
        self,
        real: Tensor,
        labels: Tensor | None,
        generator: torch.Generator,
        inputs: Tensor | None = None,
    ) -> Tensor:
        small = nn.functional.avg_pool2d(real, 2)
        return self.latent_from(small, generator)

    def latent_from(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(inputs.shape, generator=generator, device=generator.device)
        return torch.cat([inputs, noise.to(inputs.device)], 1)

    def build_generator(self) -> nn.Module:
        channels = self.spec.shape[0]
        return nn.Sequential(
            nn.Conv2d(2 * channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.Tanh()
        )

    def build_discriminator(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 1))


def test_inputs_are_made_of_the_real_samples(digits: Any) -> None:
    match = match_of(Upscaler, digits[0], training__replay=0.25)
    for _ in range(3):
        match.play()
    game = match.game(match.draw(), with_gradient=False)
    expected = nn.functional.avg_pool2d(game.real, 2)
    torch.testing.assert_close(game.latent[:, :1], expected)
    again = match.networks.generator(game.latent)
    torch.testing.assert_close(again, game.fake)
    assert match.replay is not None
    assert match.replay.kept["latent"].shape[2:] == game.latent.shape[1:]


def test_processes_draw_noise_of_their_own_where_inputs_are_made_of_samples(digits: Any) -> None:
    match = match_of(Upscaler, digits[0])
    batch = match.batches.peek(4)
    noise = []
    for rank in (0, 1, 0):
        match.processes = Processes(rank, 2)
        noise.append(match.with_latent(batch).latent[:, 1:])
    assert torch.equal(noise[0], noise[2])
    assert not torch.equal(noise[0], noise[1])


def test_the_run_s_options_are_in_the_architecture() -> None:
    assert match_of(Plain, training__beta1=0.25).architecture.training.beta1 == 0.25
    spec = ganzoo.SampleSpec("points", (2,), None, None)
    assert Plain(spec).training == Plain.training


@pytest.mark.parametrize(
    ("option", "value", "near"),
    [
        ("training.optimizer", "adan", "'adam'"),
        ("training.generator_optimizer", "sdg", "'sgd'"),
        ("training.lr_decay", "liner", "'linear'"),
        ("training.augment", ["colour"], "'color'"),
        ("objective.penalty", "r1+wgan", "'wgan-gp'"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_nearest(option: str, value: Any, near: str) -> None:
    with pytest.raises(ganzoo.GanzooError, match=f"Did you mean {near}"):
        match_of(Plain, **{option.replace(".", "__"): value})


def test_optimizers_schedules_and_penalties_of_a_plugin(tmp_path: Any) -> None:
    plugin = tmp_path / "rules.py"
    plugin.write_text(
        """
import torch
from ganzoo import OptimizerEntry, PenaltyEntry, ScheduleEntry, hookimpl

def slow(parameters, lr, training, player):
    return torch.optim.SGD(parameters, lr / 2)

def halved(step, training):
    return 0.5 ** (step // 2)

def centred(game):
    return game.score(game.real).mean().square()

@hookimpl
def ganzoo_optimizers():
    yield OptimizerEntry("slow", slow)

@hookimpl
def ganzoo_schedules():
    yield ScheduleEntry("halved", halved)

@hookimpl
def ganzoo_penalties():
    yield PenaltyEntry("centred", centred)
"""
    )
    ganzoo.use(plugin)
    match = match_of(
        Plain,
        training__generator_optimizer="slow",
        training__lr_decay="halved",
        training__generator_lr=0.5,
        objective__penalty="r1+centred",
    )
    for _ in range(3):
        match.play()
    assert match.generator.optimizer.param_groups[0]["lr"] == 0.125
    assert "discriminator_penalty_centred" in match.totals.means(match.processes)


class Taught(ganzoo.NonSaturating):
    """Judges by a head of its own, too, which is trained with the discriminator."""

    def setup(self, networks: ganzoo.Networks) -> None:
        self.head = nn.Linear(2, 1)

    def discriminator_terms(self, game: ganzoo.Game) -> dict[str, Tensor]:
        return super().discriminator_terms(game) | {"head": self.head(game.real).square().mean()}


class Headed(Plain):
    objective = Taught


def test_what_an_objective_makes_is_trained_where_training_starts_from_a_model(
    tmp_path: Any,
) -> None:
    first = ganzoo.train(Headed, DATA, steps=1, out=tmp_path / "first", device="cpu")
    run = ganzoo.train(Headed, DATA, steps=3, out=tmp_path / "second", init=first, device="cpu")
    before, after = (run.checkpoints.read(step)[0]["networks"] for step in (0, 3))
    assert not torch.equal(before["objective.head.weight"], after["objective.head.weight"])


def test_a_run_that_starts_from_a_model_and_has_no_checkpoint_yet_starts_from_it_again(
    tmp_path: Any,
) -> None:
    first = ganzoo.train(Plain, DATA, steps=4, out=tmp_path / "first", device="cpu")
    options = {"steps": 2, "init": first, "device": "cpu"}
    whole = ganzoo.train(Plain, DATA, out=tmp_path / "whole", **options)
    killed = ganzoo.train(Plain, DATA, out=tmp_path / "killed", **options)
    shutil.rmtree(killed.path / "checkpoints")
    shutil.rmtree(killed.model_path)
    ganzoo.resume(killed.path, architecture=Plain, data=DATA)
    one, two = (run.model_path / "model.safetensors" for run in (whole, killed))
    assert one.read_bytes() == two.read_bytes()
