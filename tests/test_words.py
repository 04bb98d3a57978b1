"""Words that people type on the command line: each does what its typist meant, or says what does;
and a shell completes them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import PLUGIN, SMALL, set_options
from test_cli import call

import ganzoo
from ganzoo.cli import commands

SMALLEST = set_options(SMALL["vanilla"])


def test_data_and_learning_rate_where_people_type_them(digits_npz, tmp_path):
    words = ("train", "vanilla", digits_npz, "--steps", 1, *SMALLEST)
    done = call(*words, "--out", tmp_path / "a", "--lr", "0.01")
    assert done.exit_code == 0, done.stderr
    training = ganzoo.Run.open(tmp_path / "a").config.training
    assert (training.generator_lr, training.discriminator_lr) == (0.01, 0.01)
    rates = ("--set", "lr=0.02", "--set", "training.generator_lr=0.5")
    assert call(*words, "--out", tmp_path / "b", *rates).exit_code == 0
    training = ganzoo.Run.open(tmp_path / "b").config.training
    assert (training.generator_lr, training.discriminator_lr) == (0.5, 0.02)


@pytest.mark.usefixtures("fresh_catalogue")
def test_a_plugin_is_named_before_or_after_the_command(tmp_path):
    file = tmp_path / "tiny.py"
    file.write_text(PLUGIN)
    for words in (
        ("--plugin", file, "info", "tiny"),
        ("info", "tiny", "--plugin", file),
        ("info", f"--plugin={file}", "tiny"),
    ):
        shown = call(*words)
        assert shown.exit_code == 0, shown.stderr
        assert "latent_size=4" in shown.stdout


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("vanilla", "ring", "--epochs", "3"), "--steps N"),
        (("vanilla", "ring", "--resume"), "ganzoo resume RUN"),
        (("vanilla", "--resume", "runs/a"), "ganzoo resume RUN"),
        (("vanilla", "ring", "--data", "grid"), "data is given twice"),
        (("vanilla", "ring", "--lr", "much"), "training.generator_lr='much'"),
        (("vanilla", "ring", "--lr", "-1"), "above 0"),
        (("vanilla", "ring", "--plugin"), "it takes FILE.py"),
        (("vanilla", "./nowhere"), "no such file or folder"),
    ],
)
def test_other_words_are_one_message(words, text):
    told = call("train", *words)
    assert told.exit_code == 2
    assert text in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("given", [{"settings": ["a"]}, {"objective": 3}, {"init": 3}])
def test_values_of_another_type_are_messages_in_python(given):
    with pytest.raises(ganzoo.GanzooError, match="it takes a"):
        ganzoo.train("vanilla", "ring", steps=1, **given)


def completed(*words: str) -> set[str]:
    """What click completes the last of these words to."""
    from click.shell_completion import ShellComplete

    shell = ShellComplete(commands, {}, "ganzoo", "_GANZOO_COMPLETE")
    return {item.value for item in shell.get_completions(list(words[:-1]), words[-1])}


def test_a_shell_completes_what_has_a_name():
    assert {"train", "list", "completion"} <= completed("")
    assert {"dcgan", "vanilla"} <= completed("train", "")
    assert completed("train", "dcgan", "--image") == {"--image-size"}
    assert {"mnist", "ring"} <= completed("train", "dcgan", "--data", "")
    assert {"mnist", "ring"} <= completed("train", "dcgan", "")
    assert completed("sample", "dcgan-") == {"dcgan-mnist"}
    assert completed("list", "optim") == {"optimizers"}
    assert {"hinge", "mnist"} <= completed("info", "")
    assert completed("train", "dcgan", "--set", "training.gen") >= {"training.generator_lr="}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(shell):
    assert "_GANZOO_COMPLETE" in call("completion", shell).stdout
    assert call("completion", "cmd").exit_code == 2


def test_completing_imports_no_torch():
    code = "import sys; from ganzoo.cli import main; sys.argv = ['ganzoo']\ntry: main()\n"
    code += "finally: assert 'torch' not in sys.modules and 'rich' not in sys.modules"
    asked = {"COMP_WORDS": "ganzoo train d", "COMP_CWORD": "2", "_GANZOO_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "plain,dcgan\n"), done.stderr
