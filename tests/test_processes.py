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


def torchrun(processes: int, *args: object) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch = [*launcher, f"--nproc-per-node={processes}", "-m", "ganzoo"]
    return subprocess.run(
        [*launch, *map(str, args)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def weights(run: Path, step: int) -> dict:
    return load_file(run / "checkpoints" / f"step-{step:07d}" / "networks.safetensors")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vanilla", {"widths": [32, 64], "dropout": 0, "training.flip": "true"}),
        ("wgan-gp", {"network": "mlp", "width": 16, "objective.penalty": "r1"}),
        (
            "vanilla",
            {
                "widths": [32, 64],
                "dropout": 0,
                "training.augment": '["color", "translation", "cutout"]',
                "training.instance_noise": 0.2,
                "objective.real_label": 0.9,
                "objective.penalty": "r1",
            },
        ),
    ],
)
def test_two_processes_do_what_one_does(name, options, digits_npz, tmp_path):
    """With plain gradient descent the change of a weight is its gradient times the rate, so equal
    weights after one step and after five mean equal averaged gradients."""
    settings = options | {"training.optimizer": "sgd", "training.ema_decay": 0}
    rates = {"training.generator_lr": 0.01, "training.discriminator_lr": 0.01}
    args = ["train", name, "--data", digits_npz, "--steps", 5, "--batch-size", 32]
    args += ["--precision", "fp32", "--device", "cpu", "--checkpoint-every", 1]
    args += ["--log-every", 1, *set_options(settings | rates | {"schedule.keep_checkpoints": 9})]
    for processes in (1, 2):
        done = torchrun(processes, *args, "--out", tmp_path / str(processes))
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(tmp_path / str(processes))
    for step in (1, 5):
        one, two = (weights(tmp_path / str(n), step) for n in (1, 2))
        for key, tensor in one.items():
            difference = (tensor - two[key]).abs().max()
            assert difference <= 1e-6 * max(1.0, tensor.abs().max()), (step, key, difference)
    start = weights(tmp_path / "1", 1)
    moved = [(start[k] - v).abs().max() for k, v in weights(tmp_path / "1", 5).items()]
    assert max(moved) > 1e-4
    lines = [
        [json.loads(line) for line in (tmp_path / n / "metrics.jsonl").read_text().splitlines()]
        for n in ("1", "2")
    ]
    for a, b in zip(*lines, strict=True):
        assert a["discriminator_loss"] == pytest.approx(b["discriminator_loss"], rel=1e-4)
        assert a["generator_loss"] == pytest.approx(b["generator_loss"], rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {
            "generator_dropout": 0.2,
            "minibatch_stddev": True,
            "training.instance_noise": 0.2,
            "training.instance_noise_steps": 5,  # not over the run, whose end is moved here
            "training.replay": 0.25,
            "training.replay_size": 32,
            "objective.flip_labels": 0.1,
        },
    ],
)
def test_batch_normalised_network_trains_and_resumes_in_two_processes(
    options, digits_npz, tmp_path
):
    args = ["train", "dcgan", "--data", digits_npz, "--precision", "fp32", "--device", "cpu"]
    args += [*set_options(SMALL["dcgan"] | options), "--log-every", 3]
    straight, broken = tmp_path / "a", tmp_path / "b"
    assert torchrun(2, *args, "--steps", 6, "--out", straight).returncode == 0
    assert torchrun(2, *args, "--steps", 3, "--out", broken).returncode == 0
    done = torchrun(2, "resume", broken, "--steps", 6)
    assert done.returncode == 0, done.stderr
    models = [run / "model" / "model.safetensors" for run in (straight, broken)]
    assert models[0].read_bytes() == models[1].read_bytes()
    assert Run.open(broken).finished


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


def test_buffers_that_drift_agree_and_two_processes_resume_to_the_same(tmp_path):
    plugin = tmp_path / "drifting.py"
    plugin.write_text(DRIFTING)
    args = ["--plugin", plugin, "train", "drifting", "--data", "ring", "--precision", "fp32"]
    args += ["--device", "cpu", "--log-every", 3, "--checkpoint-every", 3]
    straight, broken = tmp_path / "a", tmp_path / "b"
    done = torchrun(2, *args, "--steps", 6, "--out", straight)
    assert done.returncode == 0, done.stderr
    assert torchrun(2, *args, "--steps", 3, "--out", broken).returncode == 0
    done = torchrun(2, "--plugin", plugin, "resume", broken, "--steps", 6)
    assert done.returncode == 0, done.stderr
    one, two = (weights(run, 6) for run in (straight, broken))
    assert one["objective.turns"] == 6
    assert one["extras.drift.noise"].min() > 0
    for name, tensor in one.items():
        assert tensor.equal(two[name]), name


def test_a_gradient_passes_the_mean_over_processes(tmp_path):
    """Two processes with a loss of a mean over both step as one with the whole batch does."""
    plugin = tmp_path / "drifting.py"
    text = DRIFTING.replace("scores - self.mean", "scores").replace(
        "torch.rand(3) * random.random()", "1"
    )
    plugin.write_text(text)
    args = ["--plugin", plugin, "train", "drifting", "--data", "ring", "--precision", "fp32"]
    args += ["--device", "cpu", "--steps", 4, "--checkpoint-every", 4]
    for processes in (1, 2):
        done = torchrun(processes, *args, "--out", tmp_path / str(processes))
        assert done.returncode == 0, done.stderr
    one, two = (weights(tmp_path / str(n), 4) for n in (1, 2))
    for name, tensor in one.items():
        if not name.startswith("objective"):
            assert (tensor - two[name]).abs().max() <= 1e-5, name
