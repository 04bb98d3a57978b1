"""Evaluation while training: the figures of ganzoo evaluate, the best step kept, time told."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import SMALL, call, one_message, set_options
from test_resume import command, kill_while_training

import ganzoo
from ganzoo import GanzooError, Observer
from ganzoo.runs.checkpoints import write_manifest

FID = "fid[mnist-convnet]"
EVALUATED = {"schedule.evaluate_samples": 200, **SMALL["dcgan"]}


def train(data, out, *more, steps=12, every=4):
    return call(
        *("train", "dcgan", "--data", data, "--steps", steps, "--out", out, "--precision", "fp32"),
        *("--evaluate-every", every, *more, *set_options(EVALUATED)),
    )


@pytest.fixture(scope="module")
def run(digits_npz, tmp_path_factory) -> ganzoo.Run:
    out = tmp_path_factory.mktemp("evaluating") / "run"
    result = train(digits_npz, out, "--log-every", 5)
    assert result.exit_code == 0, result.output
    assert FID in result.stderr
    return ganzoo.Run.open(out)


def measured(run: ganzoo.Run) -> dict[int, float]:
    return {line["step"]: line[FID] for line in run.metrics() if FID in line}


def test_the_estimate_is_that_of_evaluate(run, digits_npz):
    """The same samples against the same data: seed 0, 200 of them."""
    figures = ganzoo.evaluate(run, digits_npz, samples=200, seeds=1)
    assert measured(run)[12] == pytest.approx(figures[FID].value, rel=0.001)
    logged = run.metrics()[-1]
    for name in ("modes", "kl", "commonest_class"):
        key = f"{name}[mnist-convnet]"
        assert logged[key] == pytest.approx(figures[key].value, rel=0.001, abs=1e-6)


def test_it_is_logged_when_asked_for_and_its_share_told(run):
    assert list(measured(run)) == [4, 8, 12]
    assert [line["step"] for line in run.metrics()] == [4, 5, 8, 10, 12]
    for line in run.metrics():
        assert (0 < line.get("evaluation_share", 0) < 1) == (FID in line)


def test_evaluating_changes_nothing_of_the_training(run, digits_npz, tmp_path):
    settings = set_options(SMALL["dcgan"])
    args = ("train", "dcgan", "--data", digits_npz, "--steps", 12, "--precision", "fp32")
    assert call(*args, *settings, "--out", tmp_path / "plain").exit_code == 0
    plain = (tmp_path / "plain" / "model" / "model.safetensors").read_bytes()
    assert plain == (run.model_path / "model.safetensors").read_bytes()


def test_chance_that_the_networks_draw_stays_the_same_too(digits, tmp_path):
    """Dropout comes from torch's global state, as an extractor's first weights do."""
    settings = SMALL["vanilla"] | {"generator_dropout": 0.3, "schedule.evaluate_samples": 200}
    plain, measured = (
        ganzoo.train(
            *("vanilla", digits[0]),
            steps=4,
            evaluate_every=every,
            precision="fp32",
            settings=settings,
            out=tmp_path / f"every-{every}",
        )
        for every in (None, 2)
    )
    assert FID in measured.metrics()[-1]
    before, after = ((r.model_path / "model.safetensors").read_bytes() for r in (plain, measured))
    assert before == after


class Sequence(Observer):
    """Keeps what it is told of evaluations."""

    def __init__(self) -> None:
        self.told: list[tuple[int, bool]] = []

    def evaluated(self, step, figures) -> None:
        self.told.append((step, FID in figures))


def lowest(run: ganzoo.Run) -> int:
    figures = measured(run)
    return min(figures, key=lambda step: (figures[step], step))


def test_the_best_step_is_kept_and_exported(digits_npz, tmp_path):
    """A learning rate that ruins the generator later on: the best step is not the last."""
    observer = Sequence()
    run = ganzoo.train(
        *("dcgan", digits_npz),
        steps=30,
        evaluate_every=10,
        keep="best",
        checkpoint_every=1000,
        precision="fp32",
        settings={**EVALUATED, "schedule.keep_checkpoints": 1, "training.generator_lr": 0.03},
        out=tmp_path / "run",
        observers=[observer],
    )
    best = lowest(run)
    assert best < 30, measured(run)
    assert sorted(run.checkpoints.steps()) == [best, 30]
    assert [step for step, there in observer.told if there] == [10, 20, 30, best]
    training = json.loads((run.model_path / "training.json").read_text())
    assert (training["step"], training["steps"]) == (best, 30)
    samples = ganzoo.load(run).sample(4)
    assert torch.equal(samples, ganzoo.load(run, step=best).sample(4))
    assert not torch.equal(samples, ganzoo.load(run, step=30).sample(4))
    assert "--evaluate-every 10 --keep best" in training["command"]
    figure = ganzoo.load(run).metrics[FID]
    assert figure.value == pytest.approx(measured(run)[best], rel=1e-4)
    assert "chosen as the best of 3" in figure.how
    assert run.finished
    assert "is finished" in call("resume", run.path).stderr
    assert f"| step | {best} of 30 |" in (run.model_path / "README.md").read_text()


def test_extending_finds_a_better_one_or_keeps_the_best(digits_npz, tmp_path):
    out = tmp_path / "run"
    assert train(digits_npz, out, "--keep", "best").exit_code == 0
    result = call("resume", out, "--steps", 40)
    assert result.exit_code == 0, result.output
    run = ganzoo.Run.open(out)
    assert run.finished
    assert 40 in measured(run)
    assert json.loads((run.model_path / "training.json").read_text())["step"] == lowest(run)


@pytest.mark.parametrize("age", ["of today", "of 0.1"])
def test_the_best_step_is_known_from_the_checkpoint(age, digits_npz, tmp_path):
    """Those of ganzoo 0.1 have no evaluations: there the metrics are read."""
    out = tmp_path / "run"
    settings = {**EVALUATED, "training.generator_lr": 0.03}
    run = ganzoo.train(
        *("dcgan", digits_npz),
        steps=30,
        evaluate_every=10,
        keep="best",
        precision="fp32",
        settings=settings,
        out=out,
    )
    best, newest = lowest(run), run.checkpoints.path(30)
    if age == "of today":
        (out / "metrics.jsonl").unlink()
    else:
        state = json.loads((newest / "state.json").read_text())
        for key in ("evaluations", "plugin", "options"):
            del state[key]
        (newest / "state.json").write_text(json.dumps(state))
        (newest / "manifest.json").unlink()
        write_manifest(newest)
    resumed = ganzoo.resume(out, steps=31)
    training = json.loads((resumed.model_path / "training.json").read_text())
    assert training["step"] in (best, 31)
    assert best in resumed.checkpoints.steps()
    assert "chosen as the best of 4" in ganzoo.load(resumed).metrics[FID].how


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_a_best_checkpoint_that_is_gone_is_told_and_the_model_kept(harm, digits_npz, tmp_path):
    """What is left of the best step is the model itself, which a resumed run must not lose."""
    run = ganzoo.train(
        *("dcgan", digits_npz),
        steps=30,
        evaluate_every=10,
        keep="best",
        precision="fp32",
        settings={**EVALUATED, "training.generator_lr": 0.03},
        out=tmp_path / "run",
    )
    best = lowest(run)
    before = (run.model_path / "model.safetensors").read_bytes()
    judged = ganzoo.evaluate(run, digits_npz, samples=200, seeds=1)
    checkpoint = run.checkpoints.path(best)
    if harm == "gone":
        shutil.rmtree(checkpoint)
    else:
        (checkpoint / "networks.safetensors").write_bytes(b"damaged")
    resumed = ganzoo.resume(run.path, steps=31)
    assert resumed.finished
    if lowest(resumed) == best:
        assert (resumed.model_path / "model.safetensors").read_bytes() == before
        kid = "kid[mnist-convnet]"
        assert ganzoo.load(resumed).metrics[kid] == judged[kid]
    # Without the model, the next best that is there is taken, and it is said.
    shutil.rmtree(resumed.model_path)
    with pytest.warns(ganzoo.GanzooWarning, match=f"step {best} was the best, and is gone"):
        again = ganzoo.resume(run.path, steps=32)
    assert again.finished


def test_data_to_evaluate_on_that_has_vanished_changes_nothing(digits_npz, tmp_path):
    data = tmp_path / "other.npz"
    shutil.copy(digits_npz, data)
    out = tmp_path / "run"
    assert train(digits_npz, out, "--set", f"schedule.evaluate_data={data}").exit_code == 0
    data.unlink()
    config = (out / "config.json").read_bytes()
    result = call("resume", out, "--steps", 20)
    assert result.exit_code == 2
    assert "schedule.evaluate_data" in result.stderr
    assert (out / "config.json").read_bytes() == config
    assert ganzoo.Run.open(out).finished


def test_a_fault_in_measuring_stops_no_training(digits_npz, tmp_path):
    plugin = tmp_path / "faulty.py"
    plugin.write_text(
        "import torch\nfrom ganzoo import Extractor, ExtractorEntry, Features, hookimpl\n"
        "class Once(Extractor):\n"
        "    name, calls = 'once', 0\n"
        "    def features(self, samples):\n"
        "        self.calls += 1\n"
        "        if self.calls > 4:\n"
        "            raise RuntimeError('no more')\n"
        "        return Features(samples.float().mean((2, 3)) + torch.rand(len(samples), 2))\n"
        "@hookimpl\n"
        "def ganzoo_extractors():\n"
        "    yield ExtractorEntry('once', Once)\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ganzoo", "--plugin", plugin, "train", "dcgan"),
            *("--data", digits_npz, "--steps", "4", "--evaluate-every", "2"),
            *("--out", tmp_path / "run", "--set", "schedule.features=once"),
            *set_options(EVALUATED),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "not evaluated: the extractor 'once' gave no features" in done.stderr
    assert ganzoo.Run.open(tmp_path / "run").finished


def test_a_killed_run_measures_the_same(digits_npz, tmp_path):
    args = command(
        *("train", "dcgan", "--data", digits_npz, "--steps", 60, "--precision", "fp32"),
        *("--evaluate-every", 15, "--keep", "best", "--log-every", 10, "--checkpoint-every", 20),
        *set_options(EVALUATED),
    )
    assert call(*args[3:], "--out", tmp_path / "whole").exit_code == 0
    killed = tmp_path / "killed"
    process = subprocess.Popen([*args, "--out", killed], stderr=subprocess.PIPE)
    kill_while_training(process, killed, random.Random(0))
    assert call("resume", killed).exit_code == 0
    whole, resumed = (ganzoo.Run.open(tmp_path / name) for name in ("whole", "killed"))
    assert measured(resumed) == measured(whole)
    model = "model.safetensors"
    assert (resumed.model_path / model).read_bytes() == (whole.model_path / model).read_bytes()


def test_other_data_to_evaluate_on(digits, digits_npz, tmp_path):
    """The data is in the configuration, and the figures are of it."""
    other = tmp_path / "other.npz"
    np.savez(other, images=255 - digits[0][:400].numpy())
    result = train(digits_npz, tmp_path / "run", "--set", f"schedule.evaluate_data={other}")
    assert result.exit_code == 0, result.output
    run = ganzoo.Run.open(tmp_path / "run")
    figures = ganzoo.evaluate(run, other, samples=200, seeds=1)
    assert measured(run)[12] == pytest.approx(figures[FID].value, rel=0.001)


MISTAKES = {
    "best of nothing": (["--keep", "best"], "without --evaluate-every"),
    "keep": (["--evaluate-every", "4", "--keep", "worst"], "one of last, best"),
    "never": (["--evaluate-every", "0"], "evaluate_every=0"),
    "few samples": (
        ["--evaluate-every", "4", "--set", "schedule.evaluate_samples=100"],
        "needs at least 130",
    ),
    "data": (["--evaluate-every", "4", "--set", "schedule.evaluate_data=mnst"], "'mnist'"),
    "data of another kind": (
        ["--evaluate-every", "4", "--set", "schedule.evaluate_data=ring"],
        "is of kind points",
    ),
    "features": (["--evaluate-every", "4", "--set", "schedule.features=mnst"], "extractor"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_before_a_run_is_made(mistake, digits_npz, tmp_path):
    args, told = MISTAKES[mistake]
    out = tmp_path / "run"
    settings = set_options(SMALL["dcgan"])
    result = call("train", "dcgan", "--data", digits_npz, "--out", out, *settings, *args)
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert one_message(result.stderr)
    assert not out.exists()


def test_a_collapsed_generator_is_told_and_stops_nothing(digits_npz, tmp_path):
    """Without latents that matter, all samples are the same."""
    from test_evaluate_faults import Broken

    from ganzoo import Architecture, Training

    class Constant(Architecture):
        training = Training(batch_size=16, steps=4)

        def build_generator(self):
            return Broken(0.1)

        def build_discriminator(self):
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(self.spec.size, 1))

        def sample_latent(self, count, rng):
            return torch.randn(count, 2, generator=rng, device=rng.device)

    settings = {"data.image_size": 16, "schedule.evaluate_samples": 200}
    with pytest.warns(ganzoo.GanzooWarning, match="not evaluated: all 200 samples are the same"):
        run = ganzoo.train(
            *(Constant, digits_npz), settings=settings, evaluate_every=2, out=tmp_path / "run"
        )
    assert run.finished
    with pytest.raises(GanzooError, match="the generator has collapsed"):
        ganzoo.evaluate(run, digits_npz, samples=200, seeds=1, architecture=Constant)


@pytest.mark.timing
def test_the_share_is_what_it_costs(digits_npz, tmp_path):
    """A run with evaluations takes as much longer as its share says, about."""

    def seconds(number: int, *more: object) -> tuple[float, ganzoo.Run]:
        out, began = tmp_path / str(number), time.perf_counter()
        args = ("train", "dcgan", "--data", digits_npz, "--steps", 300, "--out", out)
        assert call(*args, *more, *set_options(EVALUATED)).exit_code == 0
        return time.perf_counter() - began, ganzoo.Run.open(out)

    evaluate = ("--evaluate-every", 60)
    seconds(0, *evaluate)  # what is imported and compiled once
    pairs = [(seconds(2 * n + 1), seconds(2 * n + 2, *evaluate)) for n in range(3)]
    plain = min(taken for (taken, _), _ in pairs)  # other work on the machine only ever adds to it
    shares = [run.metrics()[-1]["evaluation_share"] for _, (_, run) in pairs]
    trained = min(taken * (1 - share) for (_, (taken, _)), share in zip(pairs, shares, strict=True))
    assert min(shares) > 0.15, shares  # so that a share left out would be noticed
    assert plain / trained == pytest.approx(1, abs=0.3), (pairs, shares)
