"""The card: what it says is what was recorded and measured, and the Hub can read it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from conftest import call
from huggingface_hub import ModelCard

import ganzoo
from ganzoo import GanzooError
from ganzoo.engine.config import RunConfig


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


def measured(card: str) -> dict[str, tuple[str, str]]:
    """The rows of the card's table of figures: value and how it was measured."""
    section = card.partition("## Measured")[2].partition("## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {name: (value, how) for name, value, how in rows[2:]}


def test_every_figure_is_in_metrics_json_with_how_it_was_measured(folder):
    card = (folder / "README.md").read_text()
    metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
    table = measured(card)
    assert set(table) == set(metrics)
    for name, (value, how) in table.items():
        assert float(value.split()[0]) == metrics[name]["value"]
        assert how == metrics[name]["how"]
    assert "The quality of the samples was not measured." in card


def test_figures_are_those_of_the_run(trained, folder):
    run = ganzoo.Run.open(trained)
    last = run.metrics()[-1]
    metrics = ganzoo.load(folder).metrics
    assert metrics["generator_loss"].value == pytest.approx(last["generator_loss"], abs=1e-5)
    assert metrics["training_seconds"].value == pytest.approx(last["seconds"], abs=0.06)
    network = ganzoo.load(folder).network
    assert metrics["parameters"].value == sum(p.numel() for p in network.parameters())


def test_the_metadata_is_what_the_hub_wants(hub, folder):
    fid = {"value": 12.5, "how": "10,000 samples of seed 0"}
    fid["data"] = {"name": "mnist", "split": "test"}
    metrics = {"format": 1, "metrics": {"fid[mnist-convnet]": fid}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    saved = ganzoo.load(folder).save(folder.parent / "saved", "hf://alice/digits", "mit")
    card = ModelCard.load(saved / "README.md")
    card.validate()
    data = card.data
    assert (data.library_name, data.license) == ("ganzoo", "mit")
    assert data.pipeline_tag == "unconditional-image-generation"
    assert {"ganzoo", "gan", "dcgan"} <= set(data.tags)
    (figure,) = data.eval_results
    assert (figure.metric_name, figure.metric_value) == ("fid[mnist-convnet]", 12.5)
    assert (figure.dataset_name, figure.dataset_split) == ("mnist", "test")
    text = (saved / "README.md").read_text()
    assert "was not measured" not in text
    assert "10,000 samples of seed 0, against mnist:test" in text
    # What the Hub reads, and writes again, means the same.
    assert ModelCard(str(card)).data.to_dict() == data.to_dict()


def test_the_command_on_the_card_gives_the_same_configuration(digits_npz, tmp_path, monkeypatch):
    monkeypatch.chdir(digits_npz.parent)  # a card names no folders; the user has the data anyway
    out = tmp_path / "run"
    result = call(
        *("train", "wgan-gp", "--data", digits_npz, "--steps", 1, "--image-size", 8, "--seed", 5),
        *("--objective", "hinge", "--set", "objective.penalty=r1", "--set", "network=mlp"),
        *("--set", "training.clip_gradients=2", "--set", "training.flip=true", "--out", out),
        *("--set", "data.channels=3", "--set", "training.batch_size=10", "--precision", "fp32"),
    )
    assert result.exit_code == 0, result.output
    card = (out / "model" / "README.md").read_text()
    assert str(tmp_path) not in card and str(digits_npz.parent) not in card
    program, *words = shlex.split(re.search(r"```console\n\$ (.*)\n```", card)[1])
    assert program == "ganzoo"
    again = call(*words, "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    first, second = (
        RunConfig.model_validate(json.loads((path / "config.json").read_text()))
        for path in (out, tmp_path / "again")
    )
    assert first == second
    weights = [path / "model" / "model.safetensors" for path in (out, tmp_path / "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_no_file_of_a_model_names_a_folder_of_this_machine(trained):
    for file in (trained / "model").iterdir():
        assert b"/tmp" not in file.read_bytes(), file.name


def test_own_text_before_and_after_is_kept(folder, tmp_path):
    card = folder / "README.md"
    text = card.read_text()
    begin = text.index("<!-- ganzoo")
    card.write_text(text[:begin] + "Made by me.\n\n" + text[begin:] + "\n## Thanks\n\nTo you.\n")
    saved = ganzoo.load(folder).save(tmp_path / "a", "digits")
    again = ganzoo.load(saved).save(tmp_path / "b", "digits")
    text = (saved / "README.md").read_text()
    assert text == (again / "README.md").read_text()
    assert text.index("Made by me.") < text.index("# dcgan on") < text.index("To you.")
    assert 'ganzoo.load("digits")' in text
    card.write_text("All of this is mine.")  # a card without ganzoo's part is all the user's
    whole = ganzoo.load(folder).save(tmp_path / "c")
    assert "All of this is mine." in (whole / "README.md").read_text()


def test_a_card_whose_metadata_is_no_yaml_is_told(folder, tmp_path):
    (folder / "README.md").write_text("---\ntags: [a\n---\nText\n")
    generator = ganzoo.load(folder)
    with pytest.raises(GanzooError, match="metadata cannot be read"):
        generator.save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_model_of_which_nothing_is_known_says_so(folder, tmp_path):
    for name in ("README.md", "metrics.json", "training.json", "samples.png"):
        (folder / name).unlink()
    card = ganzoo.load(folder).card
    assert "How it was trained was not recorded." in card
    assert "The quality of the samples was not measured." in card
    assert "None" not in card


def test_a_run_of_a_tensor_has_no_command(digits, tmp_path):
    settings = {"widths": [4], "training.batch_size": 8}
    run = ganzoo.train("vanilla", digits[0][:50], steps=1, settings=settings, out=tmp_path / "run")
    assert "trained from Python" in ganzoo.load(run).card


def test_own_text_survives_training_further(digits_npz, tmp_path):
    out = tmp_path / "run"
    settings = ("--set", "widths=[4]", "--set", "training.batch_size=8")
    assert call("train", "vanilla", "--data", digits_npz, "--steps", 1, "--out", out, *settings)
    card = out / "model" / "README.md"
    card.write_text(card.read_text() + "\nMy notes.\n")
    assert call("resume", out, "--steps", 2).exit_code == 0
    text = card.read_text()
    assert "My notes." in text
    assert "| step | 2 |" in text
