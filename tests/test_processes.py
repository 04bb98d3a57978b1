"""Several processes, started by torchrun, with gloo on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SMALL, set_options
from safetensors.torch import load_file

from ganzoo import Run

#: Commands one after the other, in the same processes: it is the start that takes long.
SEVERAL = """
import json, sys
from ganzoo.cli import commands
from ganzoo.processes import processes_of
with processes_of("cpu"):
    for words in json.load(open(sys.argv[1])):
        commands.main(words, standalone_mode=False)
"""


def torchrun(processes: int, *args: object) -> subprocess.CompletedProcess[str]:
    """ganzoo, as a user starts it."""
    return started(processes, "-m", "ganzoo", *args)


def started(processes: int, *program: object) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*launcher, f"--nproc-per-node={processes}", *map(str, program)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def several(processes: int, folder: Path, commands: list[list[object]]) -> None:
    """Run commands that must succeed, all in the processes of one start."""
    script, words = folder / "several.py", folder / "words.json"
    script.write_text(SEVERAL)
    words.write_text(json.dumps([[str(word) for word in command] for command in commands]))
    done = started(processes, script, words)
    assert done.returncode == 0, done.stderr


def weights(run: Path, step: int) -> dict:
    return load_file(run / "checkpoints" / f"step-{step:07d}" / "networks.safetensors")


#: Trained by one process and by two, with what plain gradient descent makes of them.
ALIKE: dict[str, tuple[str, dict[str, object]]] = {
    "flip": ("vanilla", {"widths": [32, 64], "dropout": 0, "training.flip": "true"}),
    "critic": ("wgan-gp", {"network": "mlp", "width": 16, "objective.penalty": "r1"}),
    "toolkit": (
        "vanilla",
        {
            "widths": [32, 64],
            "dropout": 0,
            "training.augment": '["color", "translation", "scale"]',
            "training.ada_target": 0.3,
            "training.ada_images": 500,
            "training.instance_noise": 0.2,
            "objective.real_label": 0.9,
            "objective.penalty": "r1",
        },
    ),
}
#: Trained by two processes, at once and with a break.
BROKEN_OFF: dict[str, dict[str, object]] = {
    "plain": {},
    "all": {
        "generator_dropout": 0.2,
        "minibatch_stddev": True,
        "training.instance_noise": 0.2,
        "training.instance_noise_steps": 5,  # not over the run, whose end is moved here
        "training.replay": 0.25,
        "training.replay_size": 32,
        "objective.flip_labels": 0.1,
    },
}
EXACT = ("--precision", "fp32", "--device", "cpu")


@pytest.fixture(scope="module")
def runs(digits_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all the runs that are compared here: each has a name and, after a dash, the
    number of its processes or "straight" and "broken"."""
    folder = tmp_path_factory.mktemp("processes")
    drifting, passing = (folder / f"{name}.py" for name in ("drifting", "passing"))
    drifting.write_text(DRIFTING)
    passing.write_text(PASSING)
    for processes in (1, 2):
        commands = [
            [*alike(name, digits_npz), "--out", folder / f"{name}-{processes}"] for name in ALIKE
        ]
        points = ("--data", "ring", "--steps", 4, "--checkpoint-every", 4, *EXACT)
        out = folder / f"passing-{processes}"
        commands.append(["--plugin", passing, "train", "passing", *points, "--out", out])
        for run, steps in (("straight", 6), ("broken", 3)) if processes == 2 else ():
            for name, options in BROKEN_OFF.items():
                train = ["train", "dcgan", "--data", digits_npz, *EXACT, "--log-every", 3]
                train += set_options(SMALL["dcgan"] | options)
                commands.append([*train, "--steps", steps, "--out", folder / f"{name}-{run}"])
            train = ["--plugin", drifting, "train", "drifting", "--data", "ring", *EXACT]
            train += ["--log-every", 3, "--checkpoint-every", 3, "--steps", steps]
            commands.append([*train, "--out", folder / f"drifting-{run}"])
        several(processes, folder, commands)
    names = [*BROKEN_OFF, "drifting"]
    commands = [["resume", folder / f"{name}-broken", "--steps", 6] for name in names]
    commands[-1] = ["--plugin", drifting, *commands[-1]]
    several(2, folder, commands)
    return folder


def alike(name: str, data: Path) -> list[object]:
    """The command that trains what one process and two must do the same with."""
    architecture, options = ALIKE[name]
    settings = options | {"training.optimizer": "sgd", "training.ema_decay": 0}
    rates = {"training.generator_lr": 0.01, "training.discriminator_lr": 0.01}
    args = ["train", architecture, "--data", data, "--steps", 5, "--batch-size", 32]
    args += [*EXACT, "--checkpoint-every", 1, "--log-every", 1]
    return [*args, *set_options(settings | rates | {"schedule.keep_checkpoints": 9})]


@pytest.mark.parametrize("name", ALIKE)
def test_two_processes_do_what_one_does(name, runs):
    """With plain gradient descent the change of a weight is its gradient times the rate, so equal
    weights after one step and after five mean equal averaged gradients."""
    ones, twos = runs / f"{name}-1", runs / f"{name}-2"
    for step in (1, 5):
        one, two = weights(ones, step), weights(twos, step)
        for key, tensor in one.items():
            difference = (tensor - two[key]).abs().max()
            assert difference <= 1e-6 * max(1.0, tensor.abs().max()), (step, key, difference)
    start = weights(ones, 1)
    moved = [(start[k] - v).abs().max() for k, v in weights(ones, 5).items()]
    assert max(moved) > 1e-4
    lines = [
        [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (ones, twos)
    ]
    for a, b in zip(*lines, strict=True):
        assert a["discriminator_loss"] == pytest.approx(b["discriminator_loss"], rel=1e-4)
        assert a["generator_loss"] == pytest.approx(b["generator_loss"], rel=1e-4)


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_batch_normalised_network_trains_and_resumes_in_two_processes(name, runs):
    straight, broken = runs / f"{name}-straight", runs / f"{name}-broken"
    models = [run / "model" / "model.safetensors" for run in (straight, broken)]
    assert models[0].read_bytes() == models[1].read_bytes()
    assert Run.open(broken).finished


def test_torchrun_trains_and_says_where_once(digits_npz, tmp_path):
    done = torchrun(2, *alike("flip", digits_npz), "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "run")


def test_a_batch_that_cannot_be_shared_is_refused(digits_npz, tmp_path):
    args = ["train", "vanilla", "--data", digits_npz, "--batch-size", 7, "--out", tmp_path / "r"]
    done = torchrun(2, *args)
    assert "cannot be shared by 2 processes" in done.stderr
    assert not (tmp_path / "r").exists()


DRIFTING = """
import random

import torch
from torch import nn

from ganzoo import Architecture, ArchitectureEntry, NonSaturating, Options, Training, hookimpl


class Drifting(NonSaturating):
    def __init__(self, config=None):
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("turns", torch.zeros((), dtype=torch.int64))

    def generator_terms(self, game):
        scores = game.score(game.fake)
        self.mean.lerp_(scores.detach().mean(), 0.5)  # of this process's samples alone
        self.turns += 1
        game.log("mean_score", self.mean)
        centre = game.average(scores.mean())
        return {"adversarial": self.generator_loss(scores - self.mean), "centre": centre.square()}


class Points(Architecture):
    class Config(Options):
        latent_size: int = 4

    kinds = ("points",)
    objective = Drifting
    training = Training(batch_size=32, optimizer="sgd", generator_lr=0.1, discriminator_lr=0.1)

    def build_generator(self):
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))

    def build_discriminator(self):
        return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def build_extras(self, networks):
        extra = nn.Module()
        extra.register_buffer("noise", torch.zeros(3))
        return {"drift": extra}

    def after_step(self, networks, step):
        networks.extras["drift"].noise += torch.rand(3) * random.random()  # apart in each process


@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry("drifting", Points)
"""

#: The same without what is apart in each process.
PASSING = (
    DRIFTING.replace("scores - self.mean", "scores")
    .replace("torch.rand(3) * random.random()", "1")
    .replace('"drifting"', '"passing"')
)


def test_buffers_that_drift_agree_and_two_processes_resume_to_the_same(runs):
    one, two = (weights(runs / f"drifting-{run}", 6) for run in ("straight", "broken"))
    assert one["objective.turns"] == 6
    assert one["extras.drift.noise"].min() > 0
    for name, tensor in one.items():
        assert tensor.equal(two[name]), name


def test_a_gradient_passes_the_mean_over_processes(runs):
    """Two processes with a loss of a mean over both step as one with the whole batch does."""
    one, two = (weights(runs / f"passing-{n}", 4) for n in (1, 2))
    for name, tensor in one.items():
        if not name.startswith("objective"):
            assert (tensor - two[name]).abs().max() <= 1e-5, name
