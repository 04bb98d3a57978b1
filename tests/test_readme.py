"""The README's code runs, with fewer steps; its commands and options exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import call

from ganzoo.core_entries import ganzoo_commands

COMMANDS = {entry.name: entry.load() for entry in ganzoo_commands()}
README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def shortened(code: str) -> str:
    return re.sub(r"steps=(\d+)00\b", r"steps=\1", code)


def test_python_blocks_run(tmp_path):
    loading, usage, plugin, own = blocks("python")
    (tmp_path / "loading.py").write_text(loading)
    (tmp_path / "usage.py").write_text(shortened(usage))
    (tmp_path / "lsgan.py").write_text(plugin)
    (tmp_path / "own.py").write_text(own)
    for args in (
        ["loading.py"],
        ["usage.py"],
        ["own.py"],
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
    folders = sorted((Path(__file__).parent.parent / "model_cards").iterdir())
    rows = re.findall(
        r"^\| `(\S+)` \| ([\d.]+) MB \| `(ganzoo train .*)` \|$", README, re.MULTILINE
    )
    assert sorted(name for name, _, _ in rows) == [folder.name for folder in folders]
    for name, size, command in rows:
        model = Path(__file__).parent.parent / "model_cards" / name
        assert json.loads((model / "training.json").read_text())["command"] == command
        assert float(size) == round((model / "model.safetensors").stat().st_size / 1e6, 1)


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
