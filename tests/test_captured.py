"""Captured steps: what is replayed is what would have been played, and what cannot be captured is
found beforehand. On the CPU a tape takes the place of CUDA graphs."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from architectures import Labelled
from conftest import SMALL
from tape import Tape
from torch import Tensor, nn

from ganzoo import Architecture, GanzooWarning, NonSaturating, Options, Regulariser, Training
from ganzoo.chance import seed_everything
from ganzoo.engine.captured import Captured
from ganzoo.engine.match import Match
from ganzoo.engine.obstacle import differing, obstacle
from ganzoo.engine.reads import reads
from ganzoo.engine.recorder import CudaGraphs
from ganzoo.engine.session import Session
from ganzoo.engine.state import capture, restore
from ganzoo.engine.tuning import playing
from ganzoo.game import Game
from ganzoo.models.load import find_architecture
from ganzoo.processes import Processes
from ganzoo.runs.config import Execution
from ganzoo.runs.resolve import resolve
from ganzoo.sources.given import from_tensor
from ganzoo.testing.plugin import architecture_checks

STEPS = 26
#: Of networks that take long.
FEW = {"dcgan": 10, "sngan": 7, "wgan-gp": 9}


class Tiny(Architecture):
    """Two layers each, of any images."""

    class Config(Options):
        latent_size: int = 4

    training: ClassVar = Training(batch_size=8, steps=40, ema_decay=0.9)

    def build_generator(self) -> nn.Module:
        # A bias before batch normalisation would have no gradient but rounding errors.
        layers = [
            nn.Linear(4, 8, bias=False),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Linear(8, self.spec.size),
        ]
        return nn.Sequential(*layers, nn.Tanh(), nn.Unflatten(1, self.spec.shape))

    def build_discriminator(self) -> nn.Module:
        layers = [nn.Linear(self.spec.size, 8), nn.LeakyReLU(0.2), nn.Dropout(0.3)]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(8, 1))


class Lazily(NonSaturating):
    """Has regularisers of either player, asks for an interval itself, and keeps a mean."""

    mean: Tensor

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(()))

    def regularisers(self) -> Sequence[Regulariser]:
        return (
            Regulariser("generator", "size", 3, lambda game: 0.1 * game.fake.square().mean()),
            Regulariser(
                "discriminator", "slope", 3, lambda game: game.score(game.real).mean() ** 2
            ),
        )

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        terms = super().discriminator_terms(game)
        self.mean.lerp_(game.score(game.real).detach().mean(), 0.1)
        game.log("kept_mean", self.mean)
        if game.due(2):
            terms["drift"] = self.mean * game.score(game.real).mean()
        return terms


class Lookahead(Tiny):
    def build_extras(self, networks: Any) -> dict[str, nn.Module]:
        return {"slow": nn.Linear(4, 8, bias=False).requires_grad_(False)}

    def after_step(self, networks: Any, step: int) -> None:
        if step % 2 == 0:
            slow, fast = networks.extras["slow"], networks.generator[0]
            for kept, new in zip(slow.parameters(), fast.parameters(), strict=True):
                kept.lerp_(new, 0.5)
                new.copy_(kept)


class Moving(Tiny):
    """Puts another tensor in a weight's place after some steps."""

    def after_step(self, networks: Any, step: int) -> None:
        if step in (9, 15):
            weight = networks.generator[0].weight
            weight.data = 0.9 * weight.data


def of(**attributes: Any) -> type[Architecture]:
    """A Tiny with these attributes."""
    return type("Tiny", (Tiny,), attributes)


def make(found: str | type[Architecture], data: Any, device: str = "cpu", **settings: Any) -> Match:
    name = found if isinstance(found, str) else found.__name__
    found = find_architecture(found) if isinstance(found, str) else found
    settings = {key.replace("__", "."): value for key, value in settings.items()}
    asked = {"device": device, "precision": "fp32", "log_every": 10}
    settings = {**SMALL.get(name, {}), "training.steps": 40, **settings}
    config = resolve(found, name, {}, {"schedule": asked}, settings)
    samples, labels = data
    dataset = from_tensor(samples, labels if found.conditional else None)
    match = Session(found, config, dataset, Processes(), (), ()).match
    seed_everything(5)
    return match


CASES: dict[str, tuple[str | type[Architecture], dict[str, Any]]] = {
    "dcgan": ("dcgan", {}),
    "vanilla": ("vanilla", {"training__lr_decay": "linear"}),
    "dropout, sgd": (Tiny, {"training__optimizer": "sgd", "training__momentum": 0.5}),
    "wgan-gp": ("wgan-gp", {"training__discriminator_steps": 3, "training__lr_decay": "linear"}),
    "sngan": ("sngan", {"width": 4, "training.batch_size": 8, "data.image_size": 32}),
    "penalty": (Tiny, {"objective__penalty": "r1+r2", "objective__penalty_every": 3}),
    "lazily": (of(objective=Lazily), {}),
    "noise": (Tiny, {"training__instance_noise": 0.3, "training__instance_noise_steps": 12}),
    "augmented": (Tiny, {"training__augment": ["color", "translation", "cutout"]}),
    "adaptive": (Tiny, {"training__ada_target": 0.1, "training__ada_images": 200}),
    "flips": (Tiny, {"training__flip": True, "training__dequantize": True}),
    "labels": (Labelled, {"training__steps": 40}),
    "parts": (Tiny, {"training__accumulate": 2, "training__clip_gradients": 0.5}),
    "warm-up": (Tiny, {"training__discriminator_warmup": 3, "training__ema_decay": 0.0}),
    "replay": (Tiny, {"training__replay": 0.5, "training__replay_size": 24}),
    "lookahead": (Lookahead, {}),
    "moving": (Moving, {}),
    "frozen": (Tiny, {"training__freeze_discriminator": 1}),
    "bf16": ("vanilla", {"schedule__precision": "bf16"}),
}


def play(match: Match, one: Any, steps: int = STEPS) -> list[Any]:
    """Play, and return what is logged every 10 steps."""
    lines = []
    for _ in range(steps):
        one()
        if match.step % 10 == 0:
            lines.append(match.totals.means(match.processes))
            lines.append(match.health.line(match.step, match.processes.average))
            match.totals.clear()
    return lines


def differences(one: Match, other: Match) -> dict[str, float]:
    """The largest difference of each tensor of a checkpoint, relative to its largest value where
    that is over 1; the checkpoint's numbers must be the same."""
    (tensors, values), (others, numbers) = capture(one), capture(other)
    assert values["totals"] == numbers["totals"]
    assert (values["step"], values["rounds"]) == (numbers["step"], numbers["rounds"])
    found = {}
    for group, members in tensors.items():
        assert members.keys() == others[group].keys()
        for name, tensor in members.items():
            a, b = tensor.double(), others[group][name].double()
            if a.numel():
                size = max(1.0, float(b.abs().nan_to_num(0).max()))
                found[f"{group}/{name}"] = float((a - b).abs().nan_to_num(0).max()) / size
    return found


@pytest.mark.parametrize("case", CASES)
def test_replayed_steps_are_the_steps(case, digits):
    found, settings = CASES[case]
    plain, eager, taped = (make(found, digits, **settings) for _ in range(3))
    steps = FEW.get(case, STEPS)
    seed_everything(5)
    expected = play(plain, plain.play, steps)

    never = Captured(eager, Tape(eager.batches.rng))
    never.warm = 1000
    seed_everything(5)
    close = play(eager, never.play, steps)

    tape = Tape(taped.batches.rng)
    captured = Captured(taped, tape)
    seed_everything(5)
    lines = play(taped, captured.play, steps)

    assert captured.reason == ""
    assert tape.replayed >= {"moving": 8, **dict.fromkeys(FEW, 2)}.get(case, 14)
    # The same operations: the same bits, in every tensor and in what is logged.
    assert {name: d for name, d in differences(eager, taped).items() if d} == {}
    assert lines == close
    # A rate is rounded to float32, and the average has another formula.
    bound = 1e-3 if case == "bf16" else 1e-5
    assert {name: d for name, d in differences(plain, taped).items() if d > bound} == {}
    for line, other in zip(lines[::2], expected[::2], strict=True):
        assert line == pytest.approx(other, rel=1e-2 if case == "bf16" else 1e-3, abs=1e-5)


def test_a_resumed_run_is_captured_anew_and_goes_on(digits):
    settings = {"objective__penalty": "r1", "objective__penalty_every": 3}
    whole = make(Tiny, digits, **settings)
    play(whole, Captured(whole, Tape(whole.batches.rng)).play, 13)
    groups, values = copy.deepcopy(capture(whole))
    resumed = make(Tiny, digits, **settings)
    restore(resumed, *copy.deepcopy((groups, values)))
    tape = Tape(resumed.batches.rng)
    play(resumed, Captured(resumed, tape).play, 13)
    assert tape.replayed > 3

    rest = make(Tiny, digits, **settings)
    restore(rest, *copy.deepcopy((groups, values)))
    never = Captured(rest, Tape(rest.batches.rng))
    never.warm = 1000
    play(rest, never.play, 13)
    assert {name: d for name, d in differences(rest, resumed).items() if d} == {}


class Item(NonSaturating):
    def real_loss(self, scores: Tensor) -> Tensor:
        return super().real_loss(scores) * (1 + 0 * scores.mean().item())


class Branch(NonSaturating):
    def fake_loss(self, scores: Tensor) -> Tensor:
        return scores.mean() if scores.mean() > 1e9 else super().fake_loss(scores)


class Mask(NonSaturating):
    def fake_loss(self, scores: Tensor) -> Tensor:
        return super().fake_loss(scores[scores > -1e9])


class Listed(NonSaturating):
    def fake_loss(self, scores: Tensor) -> Tensor:
        return super().fake_loss(scores) + 0 * max(scores.tolist())


class Brought(NonSaturating):
    def fake_loss(self, scores: Tensor) -> Tensor:
        return super().fake_loss(scores) * torch.tensor([1.0], device=scores.device).sum()


class Stepping(NonSaturating):
    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        return {"adversarial": self.generator_loss(game.score(game.fake)) / (1 + game.step)}


class Chance(NonSaturating):
    def generator_loss(self, scores: Tensor) -> Tensor:
        return super().generator_loss(scores) * (1 + random.random())


class Counting(NonSaturating):
    calls = 0

    def generator_loss(self, scores: Tensor) -> Tensor:
        self.calls += 1
        return super().generator_loss(scores) / self.calls


class Listing(NonSaturating):
    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.past: list[int] = []

    def generator_loss(self, scores: Tensor) -> Tensor:
        self.past.append(len(self.past))
        return super().generator_loss(scores)


class Rebound(NonSaturating):
    mean: Tensor

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(()))

    def real_loss(self, scores: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * scores.detach().mean()
        return super().real_loss(scores - self.mean)


class Aside(NonSaturating):
    mean: Any = torch.zeros(())

    def real_loss(self, scores: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * scores.detach().mean()
        return super().real_loss(scores - self.mean)


class Cached(NonSaturating):
    """Keeps a tensor of the step, which only the same step reads."""

    last: Any = None

    def real_loss(self, scores: Tensor) -> Tensor:
        self.last = scores.detach().mean()
        return super().real_loss(scores - self.last)


@pytest.mark.parametrize(
    ("objective", "method", "words"),
    [
        (Item, "real_loss", "reads the device by Tensor.item"),
        (Branch, "fake_loss", "reads the device by Tensor.__bool__"),
        (Mask, "fake_loss", "reads the device by Tensor.__getitem__"),
        (Listed, "fake_loss", "reads the device by Tensor.tolist"),
        (Brought, "fake_loss", "brings a value to the device by torch.tensor"),
        (Stepping, "generator_terms", "reads game.step"),
    ],
)
def test_the_line_that_cannot_be_captured_is_named(objective, method, words, digits):
    (found,) = reads(make(of(objective=objective), digits))
    line = getattr(objective, method).__code__.co_firstlineno + 1
    assert found.startswith(f"{__file__}:{line} {words}")


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (Chance, "a step draws from Python's own chance"),
        (Counting, "a step changes Counting (objective).calls, which is not a tensor"),
        (Listing, "a step changes Listing (objective).past"),
        (Rebound, "another tensor in the place of the buffer mean of Rebound (objective)"),
        (Aside, "another tensor in the place of Aside (objective).mean"),
    ],
)
def test_what_a_recording_would_not_repeat_is_told(objective, words, digits):
    assert words in reads(make(of(objective=objective), digits))[0]


@pytest.mark.parametrize("found", ["vanilla", "dcgan", "wgan-gp", of(objective=Lazily), Lookahead])
def test_nothing_is_said_of_a_step_that_can_be_captured(found, digits):
    assert reads(make(found, digits)) == []
    assert "only CUDA" in obstacle(make(found, digits))


def test_a_tensor_that_is_kept_for_the_step_alone_may_be(digits):
    assert reads(make(of(objective=Cached), digits)) == []


@pytest.mark.parametrize("objective", [Item, Rebound])
def test_a_step_that_cannot_be_recorded_after_all_is_played(objective, digits):
    plain, taped = (make(of(objective=objective), digits) for _ in range(2))
    seed_everything(5)
    expected = play(plain, plain.play, 12)

    captured = Captured(taped, Tape(taped.batches.rng))
    seed_everything(5)
    with pytest.warns(GanzooWarning, match="from step 4 on, steps are no longer captured") as told:
        lines = play(taped, captured.play, 12)
    assert len(told) == 1
    assert {name: d for name, d in differences(plain, taped).items() if d > 1e-5} == {}
    for line, other in zip(lines[::2], expected[::2], strict=True):
        assert line == pytest.approx(other, rel=1e-3)


@pytest.mark.parametrize("case", [case for case in CASES if case not in FEW])
def test_recorded_steps_are_compared_with_others_beforehand(case, digits):
    found, settings = CASES[case]
    match = make(found, digits, **settings)
    assert reads(match) == []
    tape = Tape(match.batches.rng)
    assert differing(match, tape) == ""
    assert tape.replayed >= 3


class Lost(Tape):
    """Loses what it records."""

    def record(self, step: Any) -> Any:
        super().record(step)
        return lambda: None


class Own(NonSaturating):
    """Has chance of its own."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.chance = np.random.default_rng(0)

    def real_loss(self, scores: Tensor) -> Tensor:
        return super().real_loss(scores * float(self.chance.normal()))


@pytest.mark.parametrize(
    ("recorder", "objective", "words"),
    [
        (Tape, Item, "RuntimeError: aten._local_scalar_dense.default is not permitted"),
        (Tape, Own, "steps that are played twice differ: of the discriminator"),
        (Lost, NonSaturating, "captured steps differ from eager ones: of the generator"),
    ],
)
def test_recorded_steps_that_differ_are_found_beforehand(recorder, objective, words, digits):
    match = make(of(objective=objective), digits)
    assert differing(match, recorder(match.batches.rng)).startswith(words)


def test_check_plugin_says_which_line_reads_the_device():
    checks = {check.name: check for check in architecture_checks(of(objective=Item))}
    with pytest.raises(Exception, match=r"steps are not captured: .*test_captured\.py:.*item"):
        checks["captured"]()
    {check.name: check for check in architecture_checks(Tiny)}["captured"]()


def cuda(found: Any, data: Any, **settings: Any) -> Match:
    return make(found, data, "cuda", **settings)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("case", [case for case in CASES if case != "bf16"])
def test_captured_steps_are_the_steps_on_cuda(case, precision, digits):
    found, settings = CASES[case]
    settings = {**settings, "schedule__precision": precision}
    assert obstacle(cuda(found, digits, **settings)) == ""
    plain = cuda(found, digits, **settings)
    expected = play(plain, plain.play)
    match = cuda(found, digits, **settings)
    captured = Captured(match, CudaGraphs(match.device.device, match.batches.rng))
    lines = play(match, captured.play)
    assert captured.reason == ""
    assert any(kind.replay for kind in captured.kinds)
    for line, other in zip(lines[::2], expected[::2], strict=True):
        assert line == pytest.approx(other, rel=0.02 if precision == "fp32" else 0.1, abs=0.02)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_resumed_run_has_the_same_bits_on_cuda(digits, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    def finished(match: Match, steps: int) -> Match:
        captured = Captured(match, CudaGraphs(match.device.device, match.batches.rng))
        play(match, captured.play, steps)
        assert captured.reason == ""
        return match

    torch.use_deterministic_algorithms(True)
    try:
        whole = finished(cuda("vanilla", digits), 26)
        half = capture(finished(cuda("vanilla", digits), 13))
        resumed = cuda("vanilla", digits)  # this seeds the device's own generator, too
        restore(resumed, *half)
        assert {n: d for n, d in differences(whole, finished(resumed, 13)).items() if d} == {}
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("objective", [Item, Brought, Stepping])
def test_a_reason_leaves_cuda_as_it_was(objective, digits):
    assert obstacle(cuda(of(objective=objective), digits)) != ""
    match = cuda(of(objective=objective), digits)
    captured = Captured(match, CudaGraphs(match.device.device, match.batches.rng))
    if objective is not Stepping:
        with pytest.warns(GanzooWarning, match="no longer captured"):
            play(match, captured.play, 12)
    torch.randn(4, device="cuda")
    assert obstacle(cuda(Tiny, digits)) == ""


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_captured_steps_decided_for_fewer_samples_are_played_on_cuda(digits):
    match = cuda(Tiny, digits)
    match.batches.resident = match.batches.resident.cpu()
    with pytest.warns(GanzooWarning, match="steps are not captured: the data is too large"):
        player = playing(match, Execution(step="captured"))
    player.play()
    assert match.step == 1
