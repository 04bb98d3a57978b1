"""Those who follow a run: what they are told, their faults, TensorBoard."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from conftest import SMALL, call, one_message, set_options
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import ganzoo
from ganzoo import Observer

LISTENER = """
from ganzoo import Observer, ObserverEntry, hookimpl

class Diary(Observer):
    def __init__(self):
        self.file = open("diary.txt", "a")
    def note(self, *words):
        print(*words, file=self.file, flush=True)
    def started(self, run, step): self.note("started", run.path.name, step)
    def logged(self, line): self.note("logged", line["step"])
    def sampled(self, step, path): self.note("sampled", step, path.name)
    def checkpointed(self, step, path): self.note("checkpointed", step, path.name)
    def evaluated(self, step, figures): self.note("evaluated", step, *sorted(figures))
    def finished(self, run): self.note("finished", run.finished)
    def ended(self, run): self.note("ended")

class Bursting(Observer):
    def stepped(self, step): raise SystemExit("burst")
    def logged(self, line): line.clear(); raise RuntimeError("burst again")
    def ended(self, run): raise ValueError("burst at the end")

class Unmade(Observer):
    def __init__(self): raise OSError("no server")

@hookimpl
def ganzoo_observers():
    yield ObserverEntry("diary", Diary, "a text")
    yield ObserverEntry("bursting", Bursting)
    yield ObserverEntry("unmade", Unmade)
    yield ObserverEntry("odd", dict)
"""


def small(data: Path, out: object = "run", steps: int = 4) -> list[object]:
    return [
        *("train", "vanilla", "--data", data, "--steps", steps, "--out", out),
        *("--log-every", 2, "--sample-every", 4, "--checkpoint-every", 2),
        *set_options(SMALL["vanilla"]),
    ]


def test_an_observer_is_told_of_the_whole_life(
    ganzoo, distribution, installed, digits_npz, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    installed(distribution("ganzoo-diary", LISTENER))
    done = call(*small(digits_npz), "--observer", "diary")
    assert done.exit_code == 0, done.stderr
    told = (tmp_path / "diary.txt").read_text().splitlines()
    assert told == [
        "started run 0",
        "sampled 0 step-0000000.png",
        "logged 2",
        "checkpointed 2 step-0000002",
        "logged 4",
        "sampled 4 step-0000004.png",
        "checkpointed 4 step-0000004",
        "evaluated 4 discriminator_loss generator_loss samples_per_second training_seconds",
        "finished True",
        "ended",
    ]
    # The run remembers who follows it.
    assert call("resume", "run", "--steps", 5).exit_code == 0
    again = (tmp_path / "diary.txt").read_text().splitlines()[len(told) :]
    assert again[0] == "started run 4"
    assert again[-1] == "ended"
    # Where that one is gone, the run goes on and says so.
    gone = ganzoo("resume", "run", "--steps", 6)
    assert gone.returncode == 0
    assert gone.stderr.count("goes on without its observer diary") == 1


def test_a_bursting_observer_is_reported_once_and_kills_nothing(ganzoo, distribution, digits_npz):
    site = str(distribution("ganzoo-diary", LISTENER))
    both = ["--observer", "bursting", "--observer", "diary"]
    done = ganzoo(*small(digits_npz), *both, PYTHONPATH=site)
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if line.startswith("Warning")]
    assert len(warned) == 1
    assert "observer bursting: stepped raised SystemExit: burst" in warned[0]
    assert "Traceback" not in done.stderr
    assert "step 4/4  D " in done.stderr  # what it did to its line reached no one else


def test_an_observer_that_cannot_be_had_is_told_before_anything_is_made(
    distribution, installed, digits_npz, tmp_path
):
    installed(distribution("ganzoo-diary", LISTENER))
    for name, text in (
        ("diery", "'diary'"),
        ("unmade", "no server"),
        ("odd", "must be a subclass of ganzoo.Observer"),
    ):
        told = call(*small(digits_npz, tmp_path / "run"), "--observer", name)
        assert told.exit_code == 2
        assert text in told.stderr
        assert one_message(told.stderr)
    assert not (tmp_path / "run").exists()


def test_an_object_of_the_users_may_end_the_training(digits, tmp_path):
    class GivenUp(Exception):
        pass

    ended = []

    class Search(Observer):
        def logged(self, line):
            raise GivenUp(line["step"])

        def ended(self, run):
            ended.append(run.path.name)

    settings = SMALL["vanilla"] | {"schedule.log_every": 2}
    with pytest.raises(GivenUp):
        ganzoo.train(
            "vanilla",
            digits[0],
            steps=4,
            settings=settings,
            out=tmp_path / "r",
            observers=[Search()],
        )
    assert ended == ["r"]


def test_of_several_each_that_began_is_told_of_the_end(digits, tmp_path):
    told = []

    class Diary(Observer):
        def __init__(self, name, fault=None):
            self.name, self.fault = name, fault

        def started(self, run, step):
            if self.fault == "started":
                raise RuntimeError("not begun")
            told.append(f"{self.name} started")

        def ended(self, run):
            told.append(f"{self.name} ended")
            if self.fault == "ended":
                raise RuntimeError("not ended")

    def train(*observers):
        told.clear()
        out = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        settings = SMALL["vanilla"]
        ganzoo.train("vanilla", digits[0], steps=1, settings=settings, out=out, observers=observers)

    with pytest.raises(RuntimeError, match="not begun"):
        train(Diary("a"), Diary("b", "started"), Diary("c"))
    assert told == ["a started", "a ended"]
    with pytest.raises(RuntimeError, match="not ended"):
        train(Diary("a", "ended"), Diary("b", "ended"))
    assert sorted(told) == ["a ended", "a started", "b ended", "b started"]
    with pytest.raises(ganzoo.GanzooError, match="a name or a"):
        train(Diary)


def test_a_mistyped_observer_leaves_a_run_as_it_was(trained, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    before = (run / "config.json").read_bytes()
    told = call("resume", run, "--steps", 9, "--observer", "tensorbord")
    assert told.exit_code == 2
    assert "'tensorboard'" in told.stderr
    assert (run / "config.json").read_bytes() == before
    with ganzoo.Run.open(run).lock():
        assert "another process" in call("tensorboard", run).stderr


def events(run: Path) -> EventAccumulator:
    found = EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    return found


def test_tensorboard_reads_back_what_was_logged(digits_npz, tmp_path):
    out = tmp_path / "run"
    result = call(*small(digits_npz, out, 6), "--observer", "tensorboard")
    assert result.exit_code == 0, result.output
    run = ganzoo.Run.open(out)
    read = events(out)
    for name, tag in (
        ("discriminator_loss", "discriminator/loss"),
        ("generator_adversarial", "generator/adversarial"),
        ("samples_per_second", "speed/samples_per_second"),
    ):
        logged = [(line["step"], pytest.approx(line[name])) for line in run.metrics()]
        assert [(event.step, event.value) for event in read.Scalars(tag)] == logged
    assert [event.step for event in read.Images("samples")] == [0, 4, 6]
    (image, _, _) = read.Images("samples")
    assert (image.width, image.height) == (242, 242)
    (seconds,) = read.Scalars("measured/training_seconds")
    assert seconds.step == 6

    # From the run's own files, the same again.
    followed = {
        tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]
    }
    written = call("tensorboard", out)
    assert written.exit_code == 0, written.output
    assert written.stdout.strip() == str(out / "tensorboard")
    again = events(out)
    for tag in again.Tags()["scalars"]:
        assert [(e.step, e.value) for e in again.Scalars(tag)] == followed[tag]
    assert set(followed) - set(again.Tags()["scalars"]) == {
        f"measured/{name}"
        for name in (
            "discriminator_loss",
            "generator_loss",
            "samples_per_second",
            "training_seconds",
        )
    }
    assert call("tensorboard", tmp_path / "nowhere").exit_code == 2


def test_tensorboard_shows_each_step_once_after_a_kill(digits_npz, tmp_path):
    out = tmp_path / "run"
    args = [*small(digits_npz, out, 4000), "--observer", "tensorboard"]
    command = [sys.executable, "-m", "ganzoo", *map(str, args)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 30/"):
                process.send_signal(signal.SIGKILL)
                break
    resumed = call("resume", out, "--steps", 60)
    assert resumed.exit_code == 0, resumed.output
    steps = [event.step for event in events(out).Scalars("generator/loss")]
    assert steps == list(range(2, 61, 2))


def test_without_tensorboard_the_command_that_installs_it_is_told(ganzoo, digits_npz, tmp_path):
    # A package of that name that cannot be found, as in an environment without it.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['tensorboard'] = None\n")
    told = ganzoo(*small(digits_npz), "--observer", "tensorboard", PYTHONPATH=str(tmp_path))
    assert told.returncode == 2
    assert "pip install 'torch-ganzoo[tensorboard]'" in told.stderr
    assert not (tmp_path / "run").exists()


def test_observers_stand_in_the_list_and_the_configuration(digits, tmp_path):
    rows = json.loads(call("list", "--json", "tensorboard").stdout)
    assert [row["kind"] for row in rows] == ["observer"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = ganzoo.train(
            "vanilla",
            digits[0],
            steps=1,
            settings=SMALL["vanilla"],
            out=tmp_path / "r",
            observers=["tensorboard"],
        )
    assert run.config.schedule.observers == ("tensorboard",)
