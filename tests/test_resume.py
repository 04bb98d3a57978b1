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
from conftest import SMALL, call, set_options, write_pictures
from PIL import Image

import ganzoo
from ganzoo import GanzooError, Run
from ganzoo.engine.observers import Observer
from ganzoo.engine.signals import Interrupted
from ganzoo.runs.config import RunConfig

STEPS = {"vanilla": 900, "dcgan": 240, "wgan-gp": 60, "dcgan with all": 200}
SETTINGS = SMALL | {
    "dcgan with all": SMALL["dcgan"]
    | {
        "generator_dropout": 0.2,
        "minibatch_stddev": "true",
        "objective.real_label": 0.9,
        "objective.flip_labels": 0.05,
        "training.augment": '["color", "translation", "scale"]',
        "training.ada_target": 0.3,
        "training.ada_images": 2000,
        "training.instance_noise": 0.1,
        "training.replay": 0.25,
    }
}


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "ganzoo", *map(str, args)]


def train_args(name: str, data: Path, out: Path, every: int) -> list[str]:
    return command(
        *("train", name.split()[0], "--data", data, "--steps", STEPS[name], "--out", out),
        *("--seed", 3, "--checkpoint-every", every),
        *("--device", "cpu", "--precision", "fp32", "--log-every", 5, "--sample-every", 100),
        *set_options(SETTINGS[name]),
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
    if not wait_for(process, lambda: any(folder.glob(".step-*.ganzoo-tmp"))):
        return "ended"
    process.kill()
    process.wait()
    return "killed in a checkpoint" if any(folder.glob(".step-*.ganzoo-tmp")) else "killed"


@pytest.mark.parametrize(
    "name",
    # A kill is about files, of whatever network. Each architecture's state is resumed in
    # test_kit.py, the toolkit's in test_toolkit.py, and other families are killed beside theirs.
    [pytest.param(n, marks=() if n == "vanilla" else pytest.mark.slow) for n in STEPS],
)
def test_a_killed_run_ends_with_the_same_bytes(name, digits_npz, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    every = STEPS[name] // 15
    whole = call(*train_args(name, digits_npz, straight, every)[3:])  # in this process
    assert whole.exit_code == 0, whole.output

    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    ends = [kill_while_training(start(train_args(name, digits_npz, broken, every)), broken, chance)]
    for _ in range(6):
        ends.append(kill_while_writing(start(command("resume", broken)), broken))
        if ends[-1] == "killed in a checkpoint":
            break
    ends.append(kill_while_training(start(command("resume", broken)), broken, chance))
    told = call("resume", broken)
    assert told.exit_code == 0, told.output
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
    assert call("resume", run).exit_code == 0
    assert Run.open(run).finished


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


def test_a_run_that_cannot_be_written_leaves_no_folder(tmp_path):
    config = RunConfig(architecture="vanilla", objective="hinge")
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        with pytest.raises(GanzooError, match=r"--out .*run: cannot be written"):
            Run.create(tmp_path / "run", config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert list(tmp_path.iterdir()) == []
    assert Run.create(tmp_path / "run", config).config == config


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


def test_a_run_killed_while_it_streams_can_be_resumed_at_once(digits, tmp_path):
    folder = write_pictures(digits[0][:200], tmp_path / "pictures")
    options = {"data.in_memory": "no", "data.workers": 2, "training.batch_size": 20}
    run = tmp_path / "run"
    process = start(
        command(
            *("train", "vanilla", "--data", folder, "--steps", 100_000, "--out", run),
            *("--log-every", 5, "--checkpoint-every", 20, "--device", "cpu"),
            *set_options(options),
        )
    )
    assert wait_for(process, lambda: any(run.glob("checkpoints/step-*")))
    process.kill()
    process.wait()
    # The workers that decode pictures live on for seconds.
    done = Run.open(run).checkpoints.steps()[0]
    ganzoo.resume(run, steps=done + 5)


def test_a_lock_that_is_a_link_is_not_followed(trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / ".lock").unlink(missing_ok=True)
    (run / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GanzooError, match="symbolic link"), Run.open(run).lock():
        pass
    assert not (tmp_path / "elsewhere").exists()
