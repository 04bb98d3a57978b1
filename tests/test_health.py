"""That a sick game is told of in words, once, and that a healthy one is not.

Any warning in a run that should be healthy is an error here, as in all tests.
"""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import call, set_options
from test_step import PairGAN, Waits, make_match

import ganzoo
from ganzoo.measure.advice import Setting, advice
from ganzoo.measure.health import distances, separation
from ganzoo.plugins import catalogue
from ganzoo.runs.checkpoints import write_manifest

SMALL = {"widths": [32, 64], "training.batch_size": 50, "data.image_size": 16}
OPTIONS = {"device": "cpu", "precision": "fp32", "sample_every": 10**6, "checkpoint_every": 10**6}


@dataclass
class Sick:
    """A game that is sick on purpose. step: at which the warning comes."""

    name: str
    settings: dict[str, Any]
    steps: int
    log_every: int
    words: str
    tries: tuple[str, ...]
    objective: str | None = None
    points: bool = False
    options: dict[str, Any] = field(default_factory=lambda: dict(OPTIONS))

    def train(self, digits: torch.Tensor, out: Path, **more: Any) -> ganzoo.Run:
        return ganzoo.train(
            self.name,
            "ring" if self.points else digits,
            objective=self.objective,
            settings=self.settings,
            log_every=self.log_every,
            out=out,
            **{"steps": self.steps, **self.options, **more},
        )


OVERPOWERED = Sick(
    "vanilla",
    SMALL | {"training.discriminator_lr": 1e-2},  # 50 times the recipe's
    steps=180,
    log_every=20,
    words="the discriminator overpowers the generator",
    tries=("training.discriminator_lr=0.0025 (now 0.01)", "objective.penalty=r1", "hinge", "data"),
    objective="minimax",
)
COLLAPSED = Sick(
    "points",
    {"training.generator_lr": 1e-1, "training.batch_size": 64, "objective.penalty": "none"},
    steps=600,
    log_every=50,
    words="mode collapse",
    tries=("training.generator_lr=0.025 (now 0.1)", "--batch-size 128", "objective.penalty=r1"),
    points=True,
)
DIVERGED = Sick(
    "vanilla",
    SMALL | {"training.generator_lr": 1.0, "training.discriminator_lr": 1.0},
    steps=90,
    log_every=10,
    words="the game diverges",
    tries=("training.generator_lr=0.1", "training.clip_gradients=1"),
)
SICK = {"overpowered": OVERPOWERED, "collapsed": COLLAPSED, "diverged": DIVERGED}


def told(act, *args: Any, **more: Any) -> tuple[Any, list[str]]:
    """What `act` returns, and the warnings of ganzoo that it gave."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ganzoo.GanzooWarning)
        result = act(*args, **more)
    return result, [str(w.message) for w in found if issubclass(w.category, ganzoo.GanzooWarning)]


class Listening(ganzoo.Observer):
    def __init__(self) -> None:
        self.heard: list[tuple[int, str]] = []

    def warned(self, step: int, message: str) -> None:
        self.heard.append((step, message))


@pytest.mark.parametrize("sickness", SICK)
def test_each_sickness_is_told_once_with_something_to_try(sickness, digits, tmp_path):
    sick, listeners = SICK[sickness], [Listening(), Listening()]
    run, messages = told(sick.train, digits[0], tmp_path / "run", observers=listeners)
    (message,) = messages
    assert [line["warnings"] for line in run.metrics() if "warnings" in line] == [[message]]
    assert sick.words in message
    for words in sick.tries:
        assert words in message
    step = int(message.split()[1].rstrip(":"))
    assert step < sick.steps, "the run went on, and it was not said again"
    assert listeners[0].heard == listeners[1].heard == [(step, message)]


def test_the_command_line_shows_it(digits_npz, tmp_path):
    settings = set_options(DIVERGED.settings)
    args = ["train", "vanilla", "--data", digits_npz, "--steps", 90, "--log-every", 10]
    result, messages = told(call, *args, *settings, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    (message,) = messages
    assert "diverges" in message


FIGURES = {
    "health_separation",
    "health_score_spread",
    "health_discriminator_slope",
    "health_discriminator_gradient",
    "health_generator_gradient",
    "health_diversity",
    "health_real_duplicates",
    "health_fake_duplicates",
}
HEALTHY: dict[str, tuple[int, dict[str, Any]]] = {
    "vanilla": (200, SMALL),
    "dcgan": (120, {"width": 4, "data.image_size": 16}),
    "wgan-gp": (100, {"network": "mlp", "width": 16, "data.image_size": 16}),
    "ebgan": (110, {"width": 4, "data.image_size": 16}),
    "acgan": (50, {"width": 4, "data.image_size": 16, "training.batch_size": 32}),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_game_is_told_by_figures_alone(name, digits, tmp_path):
    steps, settings = HEALTHY[name]
    options = OPTIONS | {"log_every": 10, "out": tmp_path / "run", "settings": settings}
    run = ganzoo.train(name, digits[0], labels=digits[1], steps=steps, **options)
    lines = run.metrics()
    for line in lines:
        assert line.keys() >= FIGURES
        assert all(math.isfinite(line[name]) for name in FIGURES)
        assert 0 <= line["health_separation"] <= 1
    if name in ("dcgan", "wgan-gp"):
        # The scores alone, or the likeness of the samples that all begin with, are no sickness.
        assert sum(line["health_separation"] > 0.99 for line in lines) > 5
        assert sum(line["health_fake_duplicates"] > 0.5 for line in lines) > 5


def test_a_resumed_run_does_not_say_it_again(digits, tmp_path):
    out = tmp_path / "run"
    _, before = told(OVERPOWERED.train, digits[0], out, steps=160)
    assert len(before) == 1
    _, after = told(ganzoo.resume, out, data=digits[0], steps=300)
    assert after == []


def test_a_resumed_run_says_and_logs_the_same(digits, tmp_path):
    whole, once = told(OVERPOWERED.train, digits[0], tmp_path / "whole")
    _, none = told(OVERPOWERED.train, digits[0], tmp_path / "parts", steps=90)
    resumed, later = told(
        ganzoo.resume, tmp_path / "parts", data=digits[0], steps=OVERPOWERED.steps
    )
    assert (none, later) == ([], once)

    def figures(run: ganzoo.Run) -> list[dict[str, float]]:
        # Of the stopped run there is a line of step 90 more, so the next has fewer steps.
        return [
            {name: value for name, value in line.items() if "health" in name}
            for line in run.metrics()
            if line["step"] not in (90, 100)
        ]

    assert figures(whole) == figures(resumed)


def test_a_checkpoint_from_before_resumes(digits, tmp_path):
    run = ganzoo.train(
        "vanilla", digits[0], steps=20, settings=SMALL, out=tmp_path / "run", **OPTIONS
    )
    folder = run.path / "checkpoints" / "step-0000020"
    (folder / "health.safetensors").unlink()
    state = json.loads((folder / "state.json").read_text())
    del state["health"]
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    line = ganzoo.resume(run.path, data=digits[0], steps=60).metrics()[-1]
    assert line["step"] == 60
    assert line.keys() >= FIGURES


@pytest.mark.parametrize("name", ["vanilla", "dcgan"])
def test_measuring_changes_nothing(name, digits, tmp_path):
    weights = []
    for every in (1, 1000):
        out = tmp_path / str(every)
        settings = HEALTHY[name][1] | {"training.batch_size": 16}
        options = OPTIONS | {"steps": 8, "log_every": every, "settings": settings}
        ganzoo.train(name, digits[0], out=out, **options)
        weights.append((out / "model" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


@pytest.mark.parametrize("clip", [None, 1.0])
def test_measuring_waits_for_nothing(clip, digits):
    match = make_match("dcgan", digits[0], training__clip_gradients=clip)
    match.health.every = 1
    match.play()
    with Waits() as waits:
        for _ in range(3):
            match.play()
    assert waits.seen == []


class Together(ganzoo.NonSaturating):
    """Judges real samples and fakes in one batch, so that no scores of either are seen."""

    def discriminator_terms(self, game):
        real, fake = game.score(torch.cat([game.real, game.fake])).chunk(2)
        return {"real": self.real_loss(real), "fake": self.fake_loss(fake)}


class TogetherGAN(PairGAN):
    objective = Together

    def build_discriminator(self):
        return torch.nn.Linear(2, 1)


def test_what_cannot_be_seen_is_left_out(tmp_path):
    data = torch.randn(100, 2)
    options = {"steps": 4, "log_every": 2, "device": "cpu"}
    pairs = ganzoo.train(PairGAN, data, out=tmp_path / "pairs", **options)
    assert pairs.metrics()[-1].keys() >= FIGURES
    together = ganzoo.train(TogetherGAN, data, out=tmp_path / "together", **options)
    unseen = {"health_separation", "health_score_spread", "health_discriminator_slope"}
    assert {n for n in together.metrics()[-1] if "health" in n} == FIGURES - unseen


def test_a_picture_for_each_class_is_a_collapse_too():
    labels = torch.arange(40) % 4
    real, fake = torch.randn(40, 8), torch.eye(8)[labels] * 5
    figures = distances(real, fake, labels)
    count, pairs = figures["fake_duplicates"]
    assert pairs == 4 * 45
    assert count == pairs
    assert distances(real, fake, None)["fake_duplicates"][0] < 0.3 * (40 * 39 / 2)


def test_separation_is_of_the_order_alone():
    real, fake = torch.tensor([2.0, 3.0, 1.0]), torch.tensor([0.0, 2.0])
    assert separation(real, fake) == pytest.approx((3 + 0.5 + 1) / 6)
    assert separation(1e6 * real - 5, 1e6 * fake - 5) == separation(real, fake)
    assert separation(torch.ones(5000), torch.zeros(3)) == 1


SOOTHING = """
import ganzoo

class Soothing(ganzoo.NonSaturating):
    pass

class Other(Soothing):
    pass

@ganzoo.hookimpl
def ganzoo_objectives():
    yield ganzoo.ObjectiveEntry("soothing", Soothing, "", ("overpowered",))
    yield ganzoo.ObjectiveEntry("other", Other)
"""


@pytest.mark.usefixtures("fresh_catalogue")
def test_advice_names_the_objectives_that_say_they_help(tmp_path):
    """A plugin's as well as ganzoo's own, but neither the run's own nor what that is made of."""
    (tmp_path / "soothing.py").write_text(SOOTHING)
    ganzoo.use(tmp_path / "soothing.py")
    offered = {
        ganzoo.NonSaturating: "--objective hinge or soothing or wasserstein,",
        ganzoo.Hinge: "--objective soothing or wasserstein,",
        catalogue()
        .find(ganzoo.ObjectiveEntry, "other")
        .load(): "--objective hinge or wasserstein,",
    }
    for objective, words in offered.items():
        setting = Setting(ganzoo.Training(), objective(), "points", "fp32")
        assert words in advice("overpowered", setting)
        assert "soothing" not in advice("collapsed", setting)
