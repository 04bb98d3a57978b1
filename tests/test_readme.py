"""The README's code runs, with fewer steps; its commands and options exist."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT, call

from ganzoo.core_entries import ganzoo_commands
from ganzoo.models.load import find_architecture
from ganzoo.options import parse
from ganzoo.runs.choices import placed
from ganzoo.runs.config import read_config
from ganzoo.runs.resolve import resolve

COMMANDS = {entry.name: entry.load() for entry in ganzoo_commands()}
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


#: Runs files one after the other, each with names of its own, in one process.
EACH = "import runpy, sys\nfor file in sys.argv[1:]: runpy.run_path(file, run_name='__main__')"


def test_python_blocks_run(tmp_path):
    loading, measuring, usage, plugin, own = blocks("python")
    (tmp_path / "loading.py").write_text(loading)
    (tmp_path / "measuring.py").write_text(measuring)
    short = usage.replace("steps=1500", "steps=2").replace("steps=1600", "steps=3")
    (tmp_path / "usage.py").write_text(short)
    (tmp_path / "lsgan.py").write_text(plugin)
    (tmp_path / "own.py").write_text(own)
    for args in (
        ["-c", EACH, "loading.py", "measuring.py", "usage.py", "own.py"],
        [
            *("-m", "ganzoo", "--plugin", "lsgan.py", "train", "lsgan", "--data", "mnist-5k"),
            *("--steps", "5", "--out", "runs/lsgan"),
        ],
    ):
        done = subprocess.run([sys.executable, *args], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    for made in ("grid.png", "digits.pt2", "models/digits/README.md"):
        assert (tmp_path / made).is_file()


def section(title: str) -> list[str]:
    """The commands of a section, without their comments."""
    text = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    (block, *_) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line.partition("#")[0].removeprefix("$ ganzoo ") for line in block.splitlines()]


def test_publishing_and_loading_as_it_is_told(hub, tmp_path, monkeypatch):
    """Every command of the two sections, in order, against a Hub on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    small = ["--steps", "2", "--checkpoint-every", "1", "--set", "schedule.keep_checkpoints=2"]
    training = call("train", "dcgan", "--data", "mnist-5k", "--out", "runs/digits", *small)
    assert training.exit_code == 0, training.output
    for line in [*section("Publish a model"), *section("Load a model")]:
        words = line.replace("--step 1000", "--step 1").split()
        result = call(*words, *(["--steps", "1"] if words[0] == "train" else []))
        assert result.exit_code == 0, (line, result.output)
    assert "v1" in hub.tags("alice/digits")
    assert len(hub.commits("alice/digits")) == 1
    assert len(hub.pull_requests("alice/digits")) == 1
    assert hub.repositories["alice/early"].private
    assert (tmp_path / "grid.png").is_file()


def test_the_table_of_bundled_models_is_that_of_their_folders():
    """Write it anew with: python docs/make_models.py"""
    written = runpy.run_path(str(ROOT / "docs" / "make_models.py"))
    assert written["replaced"](README) == README
    for folder in (ROOT / "model_cards").iterdir():
        assert f"[`{folder.name}`]" in README


@pytest.mark.parametrize("folder", sorted((ROOT / "model_cards").iterdir()), ids=lambda f: f.name)
def test_the_recipe_of_a_bundled_model_is_how_it_was_trained(folder):
    """Its command, which the training wrote down, has the same configuration."""
    training = json.loads((folder / "training.json").read_text())
    words = shlex.split(training["command"])[2:]
    context = COMMANDS["train"].make_context("train", words)
    asked = context.params
    settings = {k: parse(v) for k, v in (pair.split("=", 1) for pair in asked["pairs"])}
    recipe = read_config(folder / "recipe.toml")
    found = find_architecture(asked["architecture"])
    assert recipe["architecture"] == asked["architecture"]
    of_recipe = resolve(found, asked["architecture"], {}, recipe, {})
    of_command = resolve(found, asked["architecture"], {}, placed(asked), settings)
    for group in ("options", "objective", "objective_options", "data", "training"):
        assert getattr(of_recipe, group) == getattr(of_command, group), group
    assert of_recipe.schedule.seed == of_command.schedule.seed
    assert of_recipe.schedule.precision == of_command.schedule.precision


@pytest.mark.parametrize(
    "line", [line for block in blocks("console") for line in block.splitlines() if "ganzoo" in line]
)
def test_commands_and_options_exist(line):
    words = line.split("#")[0].split()
    name = next(word for word in words[words.index("ganzoo") + 1 :] if word in COMMANDS)
    known = {opt for param in COMMANDS[name].params for opt in param.opts}
    used = {word for word in words[words.index(name) :] if word.startswith("-")}
    assert used - {"-o"} <= known, line


def test_every_option_of_every_command_has_a_help_text():
    for name, command in COMMANDS.items():
        assert command.help, name
        for param in command.params:
            if param.param_type_name == "option":
                assert param.help, (name, param.name)
