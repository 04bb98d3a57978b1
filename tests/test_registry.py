"""Models by name: the local registry, those that come with a plugin, and where a name leads."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import call

import ganzoo
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
    assert "digits" in ganzoo.list_models("dig*")
    row = next(row for row in json.loads(call("list", "dig*", "--json").stdout))
    assert (row["kind"], row["origin"]) == ("model", "local registry")
    assert row["summary"].startswith("dcgan, image 1x16x16, trained on")
    loaded = ganzoo.load("digits")
    assert torch.equal(loaded.sample(4), ganzoo.load(trained).sample(4))
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
    assert 'ganzoo.load("two")' in ganzoo.load("two").card
    assert call("publish", "two", "hf://alice/two").exit_code == 0
    assert call("add", "hf://alice/two", "three").exit_code == 0
    assert torch.equal(ganzoo.load("three").sample(2), ganzoo.load(trained).sample(2))


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
    assert ganzoo.load("digits").source == "digits"
    (tmp_path / "digits").rmdir()
    shutil.copytree(trained, tmp_path / "digits")
    shutil.rmtree(tmp_path / "digits" / "model")
    assert ganzoo.load("digits").training["step"] == 4  # of the run's checkpoint
    (tmp_path / "empty").mkdir()
    with pytest.raises(GanzooError, match="no run and no model folder"):
        ganzoo.load("empty")
    with pytest.raises(GanzooError, match="Did you mean 'digits'"):
        ganzoo.load("digit")


def test_a_damaged_model_is_listed_as_such(trained, home):
    call("add", trained, "digits")
    (models_home() / "digits" / "config.json").write_text("{")
    (row,) = json.loads(call("list", "digits", "--json").stdout)
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


def test_listing_models_imports_no_torch(trained):
    call("add", trained, "digits")
    code = (
        "import sys, ganzoo; assert 'digits' in ganzoo.list_models(); "
        "assert not {'torch', 'pydantic', 'huggingface_hub'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
