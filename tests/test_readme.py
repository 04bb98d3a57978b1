"""The README's code runs, with fewer steps; commands and options of all pages exist."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest
from conftest import ROOT
from pages import Here, commands_of, run_page

from ganzoo.core_entries import ganzoo_commands
from ganzoo.entries import CommandEntry
from ganzoo.models.load import find_architecture
from ganzoo.options import parse
from ganzoo.plugins import catalogue
from ganzoo.runs.choices import placed
from ganzoo.runs.config import read_config
from ganzoo.runs.resolve import resolve

COMMANDS = {entry.name: entry.load() for entry in ganzoo_commands()}
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.filterwarnings("ignore::ganzoo.GanzooWarning")  # of so few steps
def test_every_block_of_the_readme_runs(hub, fresh_catalogue, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_alice_writes")
    run_page(README, tmp_path, Here())
    for picture in pictures():
        assert (tmp_path / picture.name).is_file(), f"{picture} is made by no command"


def pictures() -> list[Path]:
    return [Path(name) for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README.read_text())]


def test_the_readme_is_short_and_has_pictures():
    assert len(README.read_text().splitlines()) <= 150
    assert len(pictures()) >= 3


def test_the_table_of_bundled_models_is_that_of_their_folders():
    """Write it anew with: python docs/make_models.py"""
    written = runpy.run_path(str(ROOT / "docs" / "make_models.py"))
    page = (ROOT / "docs" / "models.md").read_text()
    assert written["replaced"](page) == page
    for folder in (ROOT / "model_cards").iterdir():
        assert f"[`{folder.name}`]" in page


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


@pytest.mark.parametrize("line", sorted({line for page in PAGES for line in commands_of(page)}))
def test_commands_and_options_exist(line):
    words = line.split("#")[0].split()
    there = catalogue().entries(CommandEntry)
    name = next(word for word in words[words.index("ganzoo") + 1 :] if word in there)
    known = {opt for param in there[name].load().params for opt in param.opts}
    used = {word for word in words[words.index(name) :] if word.startswith("-")}
    assert used - {"-o"} <= known, line


def test_every_option_of_every_command_has_a_help_text():
    for name, command in COMMANDS.items():
        assert command.help, name
        for param in command.params:
            if param.param_type_name == "option" and not param.hidden:
                assert param.help, (name, param.name)
