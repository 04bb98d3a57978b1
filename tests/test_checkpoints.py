"""Checkpoints that are damaged, edited, extended or full of NaN."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import torch
from conftest import SMALL, call

import ganzoo
from ganzoo import Run
from ganzoo.runs.checkpoints import write_manifest


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


def test_a_finished_run_is_left_alone_and_can_be_extended(trained):
    before = (trained.model_path / "model.safetensors").read_bytes()
    told = call("resume", trained.path)
    assert told.exit_code == 0
    assert "is finished" in told.stderr
    assert (trained.model_path / "model.safetensors").read_bytes() == before
    refused = call("resume", trained.path, "--steps", 5)
    assert refused.exit_code == 2
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


@pytest.mark.parametrize("content", [b"", b"[1]"])
def test_a_model_whose_record_is_damaged_is_written_anew(content, trained, digits):
    expected = (trained.model_path / "model.safetensors").read_bytes()
    (trained.model_path / "training.json").write_bytes(content)
    with pytest.warns(ganzoo.GanzooWarning, match="counts as not finished") as told:
        resumed = ganzoo.resume(trained.path, data=digits[0])
    assert len([w for w in told if "not finished" in str(w.message)]) == 1
    assert resumed.finished
    assert (trained.model_path / "model.safetensors").read_bytes() == expected


def test_extending_tells_of_a_damaged_checkpoint_once(trained, digits):
    (trained.checkpoints.path(30) / "networks.safetensors").write_bytes(b"")
    with pytest.warns(ganzoo.GanzooWarning, match="step-0000030") as told:
        ganzoo.resume(trained, steps=31, data=digits[0])
    assert len([w for w in told if "step-0000030" in str(w.message)]) == 1


def test_what_the_configuration_names_and_is_not_there(trained):
    config = json.loads((trained.path / "config.json").read_text())
    for change, text in (
        ({"data": {**config["data"], "source": "/nowhere/x.npz"}}, "or say where it is"),
        ({"architecture": "vanila"}, "Did you mean 'vanilla'"),
    ):
        (trained.path / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(ganzoo.GanzooError, match=text):
            ganzoo.resume(trained.path, steps=40)


def test_the_home_folder_may_stand_for_itself(trained, monkeypatch):
    monkeypatch.setenv("HOME", str(trained.path.parent))
    assert "is finished" in call("resume", "~/run").stderr
    again = call("train", "--config", "~/run/config.json", "--out", "~/run")
    assert f"{trained.path} exists already" in again.stderr


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


def lettered(letters: str) -> ganzoo.Dataset:
    samples = torch.linspace(-1, 1, 60 * 4).view(60, 4)
    return ganzoo.Dataset("letters", samples, kind="array", details={"alphabet": letters})


def test_data_that_means_something_else_is_refused(tmp_path):
    options = {"widths": [8], "training.batch_size": 10}
    run = ganzoo.train("vanilla", lettered("abc"), steps=2, settings=options, out=tmp_path / "run")
    before = (run.path / "config.json").read_bytes()
    with pytest.raises(ganzoo.GanzooError, match="alphabet: 'abc' before, 'abd' now") as told:
        ganzoo.resume(run, steps=4, data=lettered("abd"))
    assert "this data is not what the run was trained on" in str(told.value)
    assert (run.path / "config.json").read_bytes() == before
    with pytest.raises(ganzoo.GanzooError, match="alphabet: 'abc' before, 'abd' now"):
        ganzoo.train(
            *("vanilla", lettered("abd")),
            steps=2,
            settings=options,
            init=run.path,
            out=tmp_path / "other",
        )
    assert not (tmp_path / "other").exists()
    assert ganzoo.resume(run, steps=4, data=lettered("abc")).finished


def test_only_the_newest_checkpoints_are_kept(trained, digits):
    ganzoo.resume(trained.path, steps=60, data=digits[0])
    assert trained.checkpoints.steps() == [60, 50, 40]


def test_two_processes_cannot_train_in_one_run(trained, digits):
    with trained.lock(), pytest.raises(ganzoo.GanzooError, match="another process"):
        ganzoo.resume(trained.path, steps=40, data=digits[0])


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
