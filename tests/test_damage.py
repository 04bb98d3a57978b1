"""Folders that were damaged, moved, replaced or left half written: told, mended or gone on with."""

from __future__ import annotations

import json
import os
import shutil
import threading
import tracemalloc
import warnings
from pathlib import Path

import pytest
import torch
from conftest import FEW, SMALL, call, set_options
from safetensors.torch import load_file

import ganzoo
from ganzoo import GanzooError, GanzooWarning, Observer, Run
from ganzoo.errors import WorkFailed, cannot_write
from ganzoo.files import put_back, remove_leftovers, write_folder
from ganzoo.runs.metrics import MetricsLog


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x40
    path.write_bytes(content)


# Weights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [-1, -2, -3000])
def test_a_bit_that_flipped_in_the_weights_is_told(run, digits_npz, tmp_path, at):
    small = ("--out", tmp_path / "other", *set_options(SMALL["dcgan"]))
    flip(run / "model" / "model.safetensors", at)
    for words in (
        ("sample", run, "-n", 1, "-o", tmp_path / "x.png"),
        ("sample", run / "model", "-n", 1, "-o", tmp_path / "x.png"),
        ("publish", run, "hf://alice/flipped", "--dry-run"),
        ("add", run, "flipped"),
        ("train", "dcgan", "--data", digits_npz, "--init", run / "model", "--steps", 1, *small),
    ):
        result = call(*words)
        assert result.exit_code == 2, words
        assert "model.safetensors is damaged" in result.stderr
        assert not (tmp_path / "x.png").exists()


def test_a_damaged_discriminator_is_neither_loaded_nor_sent(run, hub):
    folder = ganzoo.load(run).save(run / "saved")
    with_it = run / "with"
    ganzoo.load(run).save(with_it)
    assert (
        "discriminator.safetensors"
        not in json.loads((folder / "manifest.json").read_text())["files"]
    )
    name = "alice/damaged-discriminator"
    assert call("publish", run, f"hf://{name}", "--discriminator").exit_code == 0
    for file, content in hub.files(name).items():
        (with_it / file).write_bytes(content)
    ganzoo.load_discriminator(with_it)
    flip(with_it / "discriminator.safetensors", -2)
    with pytest.raises(GanzooError, match=r"discriminator\.safetensors is damaged"):
        ganzoo.load_discriminator(with_it)
    refused = call("publish", with_it, f"hf://{name}", "--discriminator")
    assert "discriminator.safetensors is damaged" in refused.stderr


def test_a_folder_of_before_makes_no_claim(run, tmp_path):
    (run / "model" / "manifest.json").unlink()
    ganzoo.load(run / "model")
    flip(run / "model" / "model.safetensors", -2)
    ganzoo.load(run / "model")  # nobody can tell
    for content in ("[]", "{", '{"files": {"../x": {"bytes": 1, "sha256": ""}}}'):
        (run / "model" / "manifest.json").write_text(content)
        with pytest.raises(GanzooError, match=r"manifest\.json"):
            ganzoo.load(run / "model")


def test_a_finished_run_whose_model_was_lost_or_damaged_writes_it_anew(run, trained):
    good = load_file(trained / "model" / "model.safetensors")
    model = run / "model"
    harms = [
        lambda: shutil.rmtree(model),
        (model / "model.safetensors").unlink,
        (model / "config.json").unlink,
        lambda: flip(model / "model.safetensors", -2),
    ]
    for harm in harms:
        harm()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)
            assert call("resume", run).exit_code == 0
        again = load_file(model / "model.safetensors")
        assert all(torch.equal(again[name], good[name]) for name in good)
    assert "is finished" in call("resume", run).stderr


# What a killed process leaves -------------------------------------------------------------------


def test_what_was_left_half_written_is_swept_and_nothing_else(run):
    left = [
        *(".config.json.01234567.ganzoo-tmp", "samples/.step-0000002.png.01234567.ganzoo-tmp"),
        *(
            "checkpoints/.step-0000006.01234567.ganzoo-tmp",
            "model/.x.json.89abcdef.ganzoo-tmp",
        ),
        "checkpoints/.step-0000002.01234567.ganzoo-old",
    ]
    mine = [".notes.tmp", "old.ganzoo-tmp", "samples/.x.0123456z.ganzoo-tmp", "model/.mine"]
    for name in [*left, *mine]:
        (run / name).write_text("x")
    assert call("resume", run, "--steps", 5).exit_code == 0
    assert [name for name in left if (run / name).exists()] == []
    assert all((run / name).exists() for name in mine)


def test_a_folder_that_was_moved_aside_comes_back(run, tmp_path):
    generator = ganzoo.load(run)
    saved = generator.save(tmp_path / "saved")
    for use in (ganzoo.load, lambda path: generator.save(path, overwrite=True)):
        saved.rename(tmp_path / ".saved.01234567.ganzoo-old")  # killed between two renames
        use(saved)
        assert {path.name for path in tmp_path.iterdir()} == {"run", "saved"}
    (run / "model").rename(run / ".model.01234567.ganzoo-old")
    assert ganzoo.load(run).about.training["step"] == 4
    assert (run / "model").is_dir()
    assert not put_back(tmp_path / "never")


def test_leftovers_of_one_name_alone(tmp_path):
    for name in (".a.01234567.ganzoo-tmp", ".b.01234567.ganzoo-tmp"):
        (tmp_path / name).mkdir()
    remove_leftovers(tmp_path, 3600, of="a")
    assert len(list(tmp_path.iterdir())) == 2  # another process may be writing it
    remove_leftovers(tmp_path, of="a")
    assert [path.name for path in tmp_path.iterdir()] == [".b.01234567.ganzoo-tmp"]


def test_old_checkpoints_are_pruned_where_a_killed_run_had_not_come_to_it(run):
    checkpoints = Run.open(run).checkpoints
    for step in (1, 3):
        shutil.copytree(checkpoints.path(2), checkpoints.path(step))
    assert len(checkpoints.steps()) == 4
    shutil.rmtree(run / "model")
    assert call("resume", run).exit_code == 0
    assert checkpoints.steps() == [4, 3, 2]


# Metrics ---------------------------------------------------------------------------------------


def test_old_lines_of_metrics_are_not_read(run):
    log = run / "metrics.jsonl"
    last = log.read_text().splitlines()[-1]
    old = json.dumps({**json.loads(last), "step": 1})
    log.write_text(f"{old}\n" * 200_000 + log.read_text())
    tracemalloc.start()
    assert call("resume", run, "--steps", 6).exit_code == 0
    assert ganzoo.load(run, step=6).about.metrics
    assert call("info", run).exit_code == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20
    assert [line["step"] for line in Run.open(run).log.newest(3)] == [2, 4, 6]
    first = next(iter(Run.open(run).log))
    assert first["step"] == 1


@pytest.mark.parametrize("end", ["", "\n", '{"step": 9, "x"', "\x00\xff", "[1]\nnull\n", "\r\n"])
def test_lines_that_are_cut_short_or_damaged_are_left_out(tmp_path, end):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    assert (list(log), log.newest(2)) == ([], [])
    for step in range(1, 2001):
        log.append({"step": step, "text": "ü" * (step % 90)})
    with log.path.open("ab") as file:
        file.write(end.encode("latin-1"))
    assert [line["step"] for line in log] == list(range(1, 2001))
    assert [line["step"] for line in log.newest(3)] == [1998, 1999, 2000]
    assert [line["step"] for line in log.newest(2, last=7)] == [6, 7]
    log.forget_after(1500)
    log.append({"step": 1501})
    assert [line["step"] for line in log] == list(range(1, 1502))
    log.forget_after(-1)
    assert log.path.read_bytes() == b""


def test_a_line_without_end_is_no_line(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append({"step": 1})
    with log.path.open("ab") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    assert log.newest(1) == []
    assert tracemalloc.get_traced_memory()[1] < 50 << 20
    tracemalloc.stop()


# At the same time ------------------------------------------------------------------------------


def test_loading_while_the_only_checkpoint_is_replaced(run):
    """With one checkpoint kept, the one that is read may be removed at any moment."""
    shutil.rmtree(run / "model")
    checkpoints = Run.open(run).checkpoints
    groups, values = checkpoints.read(4)
    stop = threading.Event()

    def train() -> None:
        step = 4
        while not stop.is_set():
            step += 1
            checkpoints.write(step, groups, {**values, "step": step}, keep=1)

    training = threading.Thread(target=train)
    training.start()
    try:
        for _ in range(60):
            ganzoo.load(run)
    finally:
        stop.set()
        training.join()


class Moving(Observer):
    """Moves the run away after a checkpoint."""

    def checkpointed(self, step: int, path: Path) -> None:
        run = path.parent.parent
        if step == 2:
            run.rename(run.with_name("it's moved"))


@pytest.mark.parametrize("every", [("checkpoint_every", 2), ("sample_every", 2), ("log_every", 2)])
def test_a_run_that_is_moved_stops_and_says_where_it_is(digits, tmp_path, every):
    often = {"checkpoint_every": 2, "sample_every": 90, "log_every": 90} | dict([every])
    small = {"widths": [4, 4], "latent_size": 3, "training.batch_size": 8}
    with pytest.raises(WorkFailed, match="was moved to") as told:
        ganzoo.train(
            "vanilla", digits[0][:50], steps=8, settings=small, out=tmp_path / "run",
            observers=[Moving()], **often,
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
    assert "The checkpoint of step 2 is kept" in str(told.value)
    quoted = "'" + str(tmp_path / "it's moved").replace("'", "'\"'\"'") + "'"
    assert str(told.value).endswith(f"ganzoo resume {quoted}")
    resumed = ganzoo.resume(tmp_path / "it's moved", data=digits[0][:50])
    assert resumed.finished


def test_two_evaluations_that_end_at_once_both_write_their_figures(run, digits_npz, tmp_path):
    from ganzoo.measure import evaluate

    weights = Path(ganzoo.__file__).parent / "measure" / "weights" / "mnist-convnet.safetensors"
    other = shutil.copy(weights, tmp_path / "other.safetensors")
    both = threading.Barrier(2)
    real = evaluate.write_figures

    def together(*args: object) -> None:
        both.wait(60)
        real(*args)  # type: ignore[arg-type]

    evaluate.write_figures = together  # type: ignore[assignment]
    try:
        threads = [
            threading.Thread(
                target=evaluate.evaluate,
                args=(run, str(digits_npz)),
                kwargs={"samples": 300, "seeds": 1, "features": str(features)},
            )
            for features in ("mnist-convnet", other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        evaluate.write_figures = real
    names = json.loads((run / "model" / "metrics.json").read_text())["metrics"]
    assert {"fid[mnist-convnet]"} < set(names)
    assert any(name.startswith("fid[other-") for name in names)
    card = (run / "model" / "README.md").read_text()
    assert "fid[mnist-convnet]" in card
    assert "fid[other-" in card


# Messages --------------------------------------------------------------------------------------


def test_what_the_system_says_names_the_file_and_the_remedy(tmp_path):
    import errno

    for number, words in (
        (errno.ENOTSUP, "local disk"),
        (errno.ENOSYS, "local disk"),
        (errno.ENOSPC, "Make room"),
        (errno.ECONNRESET, "other end"),
    ):
        told = str(cannot_write(tmp_path / "x", OSError(number, os.strerror(number))))
        assert str(tmp_path / "x") in told
        assert words in told


def test_texts_of_others_are_one_line_and_steer_no_terminal():
    for odd in ("a\x1b[31mb", "a\nError: b", "a\r\nb", "a\u202eb", "a\u2028b", "a\x07\x08\x9bb"):
        for made in (GanzooError(odd), WorkFailed(odd), GanzooWarning(odd)):
            assert str(made).isprintable()
            assert len(str(made).splitlines()) == 1
    assert str(GanzooError("a\udcffb")) == r"a\xffb"  # of a file's name that is no text


def test_a_listed_model_forges_no_line(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    for name, odd in (("a", "x\nforged  model  good"), ("b", "\x1b[2Jx"), ("c", "x" * 99999)):
        assert call("add", run, name).exit_code == 0
        file = tmp_path / "home" / "models" / name / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "architecture": odd}))
    listed = call("list", "models").stdout
    assert "\x1b" not in listed
    assert not [line for line in listed.splitlines() if line.startswith("forged")]
    assert max(map(len, listed.splitlines())) < 1000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_model_that_cannot_be_read_does_not_hide_the_others(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    for name in ("closed", "open"):
        assert call("add", run, name).exit_code == 0
    (tmp_path / "home" / "models" / "closed").chmod(0)
    listed = call("list", "models")
    (tmp_path / "home" / "models" / "closed").chmod(0o755)
    assert listed.exit_code == 0
    assert "cannot be read" in listed.stdout
    assert "open" in listed.stdout


def test_a_folder_is_not_made_where_its_own_folder_is_gone(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_folder(tmp_path / "gone" / "x", lambda path: None)
    assert not (tmp_path / "gone").exists()


def test_evaluating_waits_for_no_lock_that_is_a_pipe(run, digits_npz):
    os.mkfifo(run / "model" / ".lock")
    result = call("evaluate", run, "--data", digits_npz, *FEW)
    assert result.exit_code == 2
    assert "a pipe" in result.stderr
