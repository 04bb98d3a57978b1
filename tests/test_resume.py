"""Runs that are killed, interrupted, damaged or out of room lose nothing."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import torch
from conftest import SMALL, set_options
from PIL import Image

import ganzoo
from ganzoo.engine.checkpoints import write_manifest
from ganzoo.engine.observer import Observer
from ganzoo.engine.run import Run
from ganzoo.engine.signals import Interrupted

STEPS = {"vanilla": 900, "dcgan": 240, "wgan-gp": 60}


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "ganzoo", *map(str, args)]


def train_args(name: str, data: Path, out: Path, every: int) -> list[str]:
    return command(
        *("train", name, "--data", data, "--steps", STEPS[name], "--out", out, "--seed", 3),
        *("--device", "cpu", "--precision", "fp32", "--log-every", 5, "--sample-every", 100),
        *("--checkpoint-every", every),
        *set_options(SMALL[name]),
    )


def start(args: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for(process: subprocess.Popen[bytes], condition) -> bool:
    """Return as soon as the condition holds; False where the process ended before."""
    while not condition():
        try:
            process.wait(timeout=0.001)
        except subprocess.TimeoutExpired:
            continue
        return False
    return process.poll() is None


def kill_while_training(process, run: Path, chance: random.Random) -> str:
    """Kill -9 a moment after the first new line of metrics."""
    metrics = run / "metrics.jsonl"
    before = metrics.stat().st_size if metrics.exists() else 0
    if not wait_for(process, lambda: metrics.exists() and metrics.stat().st_size > before):
        return "ended"
    try:
        process.wait(timeout=chance.uniform(0, 0.8))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "killed"
    return "ended"


def kill_while_writing(process, run: Path) -> str:
    """Kill -9 while a checkpoint is being written: its folder beside is there."""
    folder = run / "checkpoints"
    if not wait_for(process, lambda: any(folder.glob(".step-*.tmp"))):
        return "ended"
    process.kill()
    process.wait()
    return "killed in a checkpoint" if any(folder.glob(".step-*.tmp")) else "killed"


@pytest.mark.parametrize("name", STEPS)
def test_a_killed_run_ends_with_the_same_bytes(name, digits_npz, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    every = STEPS[name] // 15
    subprocess.run(train_args(name, digits_npz, straight, every), check=True, capture_output=True)

    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    ends = [kill_while_training(start(train_args(name, digits_npz, broken, every)), broken, chance)]
    for attempt in range(6):
        process = start(command("resume", broken))
        if attempt % 2 == 0:
            ends.append(kill_while_writing(process, broken))
        else:
            ends.append(kill_while_training(process, broken, chance))
    process = start(command("resume", broken))
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert ends[0] == "killed", (seed, ends)
    assert "killed in a checkpoint" in ends, (seed, ends)
    for file in ("model/model.safetensors", f"samples/step-{STEPS[name]:07d}.png"):
        assert (straight / file).read_bytes() == (broken / file).read_bytes(), (seed, ends, file)
    keep = [{k: v for k, v in line.items() if "second" not in k} for line in _lines(straight)]
    assert keep == [{k: v for k, v in line.items() if "second" not in k} for line in _lines(broken)]
    assert not list((broken / "checkpoints").glob(".*"))


def _lines(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_and_says_how_to_go_on(number, status, digits_npz, tmp_path):
    run = tmp_path / "run"
    process = start(train_args("vanilla", digits_npz, run, 100_000))
    assert wait_for(process, lambda: (run / "metrics.jsonl").exists())
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == status
    assert f"ganzoo resume {run}" in told.decode()
    assert "Traceback" not in told.decode()
    (step,) = Run.open(run).checkpoints.steps()
    assert 0 < step < STEPS["vanilla"]
    assert subprocess.run(command("resume", run), capture_output=True).returncode == 0
    assert Run.open(run).finished


@pytest.fixture
def trained(digits, tmp_path) -> Run:
    """A finished run of 30 steps with checkpoints at 10, 20 and 30."""
    return ganzoo.train(
        "vanilla",
        digits[0],
        steps=30,
        settings=SMALL["vanilla"],
        checkpoint_every=10,
        log_every=10,
        precision="fp32",
        out=tmp_path / "run",
    )


@pytest.mark.parametrize("fault", ["cut", "flip", "missing", "no manifest"])
def test_a_damaged_newest_checkpoint_is_told_of_and_the_one_before_used(fault, trained, digits):
    expected = (trained.model_path / "model.safetensors").read_bytes()
    newest = trained.checkpoints.path(30)
    file = newest / "networks.safetensors"
    if fault == "cut":
        os.truncate(file, file.stat().st_size - 1)
    elif fault == "flip":
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif fault == "missing":
        file.unlink()
    else:
        (newest / "manifest.json").unlink()
    shutil.rmtree(trained.model_path)
    with pytest.warns(ganzoo.GanzooWarning, match="step-0000030"):
        assert ganzoo.load(trained).sample(4).isfinite().all()
    with pytest.warns(ganzoo.GanzooWarning, match="step-0000030"):
        ganzoo.resume(trained, data=digits[0])
    assert (trained.model_path / "model.safetensors").read_bytes() == expected
    assert trained.checkpoints.steps()[0] == 30
    assert (trained.path / "checkpoints" / "damaged-step-0000030").is_dir()


def test_no_good_checkpoint_left_is_an_error_and_nothing_is_overwritten(trained, digits):
    model = (trained.model_path / "model.safetensors").read_bytes()
    metrics = trained.metrics()
    shutil.rmtree(trained.path / "checkpoints")
    with pytest.raises(ganzoo.GanzooError, match="no good checkpoint left"):
        ganzoo.resume(trained.path, steps=40, data=digits[0])
    assert (trained.model_path / "model.safetensors").read_bytes() == model
    assert trained.metrics() == metrics


def test_a_run_with_init_begins_with_a_checkpoint(trained, digits, tmp_path):
    """Killed before its first regular checkpoint, it still goes on from what it began with."""
    options = {"settings": SMALL["vanilla"], "precision": "fp32", "steps": 8}
    whole = ganzoo.train("vanilla", digits[0], init=trained, out=tmp_path / "a", **options)
    assert whole.metrics()[0]["seconds"] < 60
    ganzoo.train("vanilla", digits[0], init=trained, out=tmp_path / "b", **options)
    shutil.rmtree(tmp_path / "b" / "checkpoints" / "step-0000008")
    shutil.rmtree(tmp_path / "b" / "model")
    assert Run.open(tmp_path / "b").checkpoints.steps() == [0]
    shutil.rmtree(trained.path)
    ganzoo.resume(tmp_path / "b", data=digits[0])
    files = [path / "model" / "model.safetensors" for path in (whole.path, tmp_path / "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_signal_in_the_warm_up_is_heard(digits, tmp_path):
    class AtOnce(Observer):
        def started(self, run: Run, step: int) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        ganzoo.train(
            "vanilla",
            digits[0],
            settings=SMALL["vanilla"] | {"training.discriminator_warmup": 30},
            observers=[AtOnce()],
            out=tmp_path / "run",
        )
    assert Run.open(tmp_path / "run").checkpoints.steps() == [0]


@pytest.mark.parametrize(
    "damage",
    [
        {"step": "x"},
        {"rounds": None},
        {"totals": 5},
        {"step": 29},
        {"python_random": [1]},
        {"clock": {}},
        {"data": None, "clock": None},
    ],
)
def test_a_checkpoint_that_was_edited_gets_one_message(damage, trained, digits):
    folder = trained.checkpoints.path(30)
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | damage))
    (folder / "manifest.json").unlink()
    write_manifest(folder)
    with pytest.raises(ganzoo.GanzooError, match="does not fit the run's configuration"):
        ganzoo.resume(trained.path, steps=40, data=digits[0])


def test_another_optimizer_than_the_checkpoints_is_refused(trained, digits):
    config = json.loads((trained.path / "config.json").read_text())
    config["training"]["optimizer"] = "rmsprop"
    (trained.path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ganzoo.GanzooError, match="optimizer adam"):
        ganzoo.resume(trained.path, steps=40, data=digits[0])


def test_a_scheduler_that_stops_the_whole_group_while_streaming(digits, tmp_path):
    """SIGTERM to every process of the group, the data workers among them."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index, image in enumerate(digits[0][:100]):
        Image.fromarray(image[0].numpy()).save(folder / f"{index}.png")
    run = tmp_path / "run"
    args = [*train_args("vanilla", folder, run, 100_000), "--set", "data.in_memory=no"]
    process = subprocess.Popen(
        [*args, "--steps", "100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert wait_for(process, lambda: (run / "metrics.jsonl").exists())
    os.killpg(process.pid, signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143, told
    assert len(Run.open(run).checkpoints.steps()) == 1


def test_a_finished_run_is_left_alone_and_can_be_extended(trained, digits, tmp_path, ganzoo):
    before = (trained.model_path / "model.safetensors").read_bytes()
    told = ganzoo("resume", trained.path)
    assert told.returncode == 0
    assert "is finished" in told.stderr
    assert (trained.model_path / "model.safetensors").read_bytes() == before
    refused = ganzoo("resume", trained.path, "--steps", 5)
    assert refused.returncode == 2
    assert "step 30 already" in refused.stderr


def test_extending_gives_what_a_longer_run_would(trained, digits, tmp_path):
    long = ganzoo.train(
        "vanilla",
        digits[0],
        steps=50,
        settings=SMALL["vanilla"],
        precision="fp32",
        out=tmp_path / "long",
    )
    extended = ganzoo.resume(trained.path, steps=50, data=digits[0])
    weights = [run.model_path / "model.safetensors" for run in (long, extended)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert Run.open(trained.path).config.training.steps == 50


def test_another_number_of_threads_is_said(trained, digits):
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.warns(ganzoo.GanzooWarning, match=f"made with {threads} threads"):
            ganzoo.resume(trained.path, steps=31, data=digits[0])
    finally:
        torch.set_num_threads(threads)


def test_other_data_is_said(trained, digits):
    with pytest.warns(ganzoo.GanzooWarning, match="not the one that the run began with"):
        ganzoo.resume(trained.path, steps=31, data=digits[0][1:])


def test_only_the_newest_checkpoints_are_kept(trained, digits):
    ganzoo.resume(trained.path, steps=60, data=digits[0])
    assert trained.checkpoints.steps() == [60, 50, 40]


def test_two_processes_cannot_train_in_one_run(trained, digits):
    with trained.lock(), pytest.raises(ganzoo.GanzooError, match="another process"):
        ganzoo.resume(trained.path, steps=40, data=digits[0])


def test_a_full_disk_keeps_the_last_good_checkpoint(digits_npz, tmp_path):
    """On a real full file system where one can be mounted; else under a limit on file sizes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True
    )
    try:
        run = disk / "run"
        args = train_args("vanilla", digits_npz, run, 300)
        grow = ["--set", "widths=[48,96]", "--set", "schedule.keep_checkpoints=100"]
        limit = None
        if mounted.returncode != 0:
            started = subprocess.run([*args, *grow, "--steps", "300"], capture_output=True)
            assert started.returncode == 0
            args, grow = command("resume", run, "--steps", 900), []
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))  # noqa: E731
        failed = subprocess.run([*args, *grow], capture_output=True, text=True, preexec_fn=limit)
        assert failed.returncode == 1, failed.stderr
        assert "could not be written" in failed.stderr
        assert "Traceback" not in failed.stderr
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            newest = Run.open(run).checkpoints.newest_good()
        assert newest in (300, 600)
        assert f"checkpoint of step {newest} is kept" in failed.stderr
        assert not list((run / "checkpoints").glob(".*"))
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", disk], check=True)


def test_losses_that_stop_being_finite(digits, tmp_path):
    with pytest.raises(ganzoo.GanzooError, match="not finite") as stopped:
        ganzoo.train(
            "wgan-gp",
            digits[0],
            steps=2000,
            settings=SMALL["wgan-gp"]
            | {"training.optimizer": "sgd", "training.discriminator_lr": 1e9},
            log_every=4,
            checkpoint_every=1,
            out=tmp_path / "run",
        )
    assert stopped.value.exit_status == 1
    run = Run.open(tmp_path / "run")
    report = json.loads((run.path / "failure" / "report.json").read_text())
    assert report["not_finite"] or report["broken_tensors"]
    assert (run.path / "failure" / "networks.safetensors").is_file()
    for step in run.checkpoints.steps():
        groups, _ = run.checkpoints.read(step)
        assert all(t.isfinite().all() for t in groups["networks"].values())


def test_a_signal_in_python_raises_interrupted(digits, tmp_path):
    class AtFive(Observer):
        def stepped(self, step: int) -> None:
            if step == 5:
                os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(Interrupted) as stopped:
        ganzoo.train(
            "vanilla",
            digits[0],
            steps=30,
            settings=SMALL["vanilla"],
            observers=[AtFive()],
            out=tmp_path / "run",
        )
    assert stopped.value.step == 5
    assert Run.open(tmp_path / "run").checkpoints.steps() == [5]
