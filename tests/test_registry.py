"""Models by name: the local registry, those that come with a plugin, and where a name leads."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import call

import ganzoo as package
from ganzoo import GanzooError
from ganzoo.home import models_home


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_add_list_load_and_remove(trained, home, tmp_path):
    result = call("add", trained, "digits")
    assert result.exit_code == 0, result.output
    assert Path(result.stdout.strip()) == home / "models" / "digits"
    assert "digits" in package.list_models("dig*")
    row = next(row for row in json.loads(call("list", "dig*", "--json").stdout))
    assert (row["kind"], row["origin"]) == ("model", "local registry")
    assert row["summary"].startswith("dcgan, image 1x16x16, trained on")
    loaded = package.load("digits")
    assert torch.equal(loaded.sample(4), package.load(trained).sample(4))
    assert 'ganzoo.load("digits")' in loaded.card
    assert 'ganzoo.load("digits")' in call("info", "digits").stdout
    assert json.loads(call("info", "digits", "--json").stdout)["config"]["architecture"] == "dcgan"

    taken = call("add", trained, "digits")
    assert taken.exit_code == 2 and "ganzoo remove digits" in taken.stderr
    assert call("remove", "digits").exit_code == 0
    assert list((home / "models").iterdir()) == []
    gone = call("remove", "digits")
    assert gone.exit_code == 2 and "unknown model" in gone.stderr


def test_a_model_of_the_registry_can_be_copied_and_published(trained, hub):
    assert call("add", trained, "one").exit_code == 0
    assert call("add", "one", "two").exit_code == 0
    assert 'ganzoo.load("two")' in package.load("two").card
    assert call("publish", "two", "hf://alice/two").exit_code == 0
    assert call("add", "hf://alice/two", "three").exit_code == 0
    assert torch.equal(package.load("three").sample(2), package.load(trained).sample(2))


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "a b", "x" * 200, "ä"])
def test_names_cannot_leave_the_registry(trained, home, name):
    refused = call("add", trained, name)
    assert refused.exit_code == 2
    assert not home.exists()
    assert call("remove", name).exit_code == 2


def test_a_folder_comes_first_then_the_registry(trained, tmp_path, monkeypatch):
    call("add", trained, "digits")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()  # no model: the name still means the registry's
    assert package.load("digits").source == "digits"
    (tmp_path / "digits").rmdir()
    shutil.copytree(trained, tmp_path / "digits")
    shutil.rmtree(tmp_path / "digits" / "model")
    assert package.load("digits").training["step"] == 4  # of the run's checkpoint
    (tmp_path / "empty").mkdir()
    with pytest.raises(GanzooError, match="neither a run nor a model folder"):
        package.load("empty")
    with pytest.raises(GanzooError, match="Did you mean 'digits'"):
        package.load("digit")


def test_of_several_at_once_one_is_added(trained, tmp_path, home):
    """Whole processes; the others say that the name is taken, and nothing is left beside."""
    adds = [
        subprocess.Popen(
            [sys.executable, "-m", "ganzoo", "add", str(trained), "same"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    told = [add.communicate()[1] for add in adds]
    assert sorted(add.returncode for add in adds) == [0, 2, 2, 2], told
    assert sum("is in the registry already" in text for text in told) == 3
    assert [path.name for path in (home / "models").iterdir()] == ["same"]


def test_the_name_of_an_architecture_is_not_taken(trained):
    refused = call("add", trained, "dcgan")
    assert refused.exit_code == 2 and "architecture" in refused.stderr


def test_training_goes_on_from_a_name_as_it_loads(trained, digits_npz, tmp_path, monkeypatch):
    assert call("add", trained, "digits").exit_code == 0
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()  # no model, so the name means the registry's
    args = ("--data", digits_npz, "--steps", 1, "--set", "width=4", "--image-size", 16)
    with pytest.warns(package.GanzooWarning, match="no discriminator"):
        done = call("train", "dcgan", *args, "--init", "digits", "--out", "run")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "run" / "config.json").read_text())["init"] == "digits"
    (models_home() / "digits" / "config.json").write_text('{"format": 2}')
    refused = call("train", "dcgan", *args, "--init", "digits", "--out", "other")
    assert refused.exit_code == 2 and "--upgrade" in refused.stderr


def test_a_model_with_a_folder_of_samples_is_no_run(trained, tmp_path):
    folder = Path(shutil.copytree(trained / "model", tmp_path / "model"))
    (folder / "samples").mkdir()
    assert torch.equal(package.load(folder).sample(2), package.load(trained).sample(2))


def test_a_damaged_newest_checkpoint_does_not_hide_the_finished_model(trained, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "checkpoints" / "step-0000004" / "networks.safetensors").write_bytes(b"")
    with pytest.warns(package.GanzooWarning, match="damaged"):
        assert package.load(run).training["step"] == 4


def test_a_run_whose_model_lost_its_weights_loads_its_checkpoint(trained, tmp_path):
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    (run / "model" / "model.safetensors").unlink()
    assert torch.equal(package.load(run).sample(2), package.load(trained).sample(2))


def test_a_list_waits_for_no_pipe(trained, home):
    call("add", trained, "digits")
    (home / "models" / "digits" / "config.json").unlink()
    os.mkfifo(home / "models" / "digits" / "config.json")
    assert "damaged" in call("list", "digits").stdout


@pytest.mark.parametrize("value", ["~nobody-of-this-name/x", "FILE"])
def test_a_home_that_is_none(trained, tmp_path, value, monkeypatch):
    (tmp_path / "FILE").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_HOME", value)
    refused = call("add", trained, "digits")
    assert refused.exit_code == 2
    assert len(refused.stderr.splitlines()) == 1


def test_an_entry_that_names_no_folder_breaks_its_own_plugin_alone(distribution, ganzoo):
    site = distribution(
        "ganzoo-odd",
        "from ganzoo import ModelEntry, hookimpl\n"
        "@hookimpl\n"
        "def ganzoo_models():\n"
        "    return [ModelEntry('zz', 5)]\n",
    )
    listed = ganzoo("list", "--json", PYTHONPATH=str(site))
    assert listed.returncode == 0
    assert "must be a Path" in listed.stderr
    assert "dcgan" in listed.stdout


def test_a_damaged_model_is_listed_as_such(trained, home):
    call("add", trained, "digits")
    (models_home() / "digits" / "config.json").write_text("{")
    (row,) = json.loads(call("list", "models", "digits", "--json").stdout)
    assert row["summary"].startswith("damaged:")
    assert call("remove", "digits").exit_code == 0


def test_a_plugin_brings_a_model(trained, distribution, ganzoo, tmp_path):  # the command
    shutil.copytree(trained / "model", tmp_path / "site" / "cards" / "their-digits")
    site = distribution(
        "ganzoo-theirs",
        "import pathlib\n"
        "from ganzoo import ModelEntry, hookimpl\n"
        "@hookimpl\n"
        "def ganzoo_models():\n"
        "    folder = pathlib.Path(__file__).parent / 'cards'\n"
        "    yield ModelEntry('their-digits', folder / 'their-digits')\n",
    )
    listed = ganzoo("list", "their*", "--json", PYTHONPATH=str(site))
    (row,) = json.loads(listed.stdout)
    assert row["origin"] == "bundled with ganzoo-theirs 1.2"
    assert ganzoo("sample", "their-digits", "-n", 4, PYTHONPATH=str(site)).returncode == 0
    assert (tmp_path / "samples.png").is_file()
    kept = ganzoo("remove", "their-digits", PYTHONPATH=str(site))
    assert kept.returncode == 2 and "cannot be removed" in kept.stderr


def test_a_model_without_a_card_is_described_on_a_terminal(trained, tmp_path):
    folder = Path(shutil.copytree(trained / "model", tmp_path / "model"))
    for card in (True, False):
        if not card:
            (folder / "README.md").unlink()
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "ganzoo", "info", str(folder)]
        subprocess.run(command, stdout=slave, check=True)
        os.close(slave)
        assert b"dcgan" in os.read(master, 1 << 16)
        os.close(master)


def test_listing_models_imports_no_torch(trained):
    call("add", trained, "digits")
    code = (
        "import sys, ganzoo; assert 'digits' in ganzoo.list_models(); "
        "assert not {'torch', 'pydantic', 'huggingface_hub'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
