"""The command line: what it writes and what it prints."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import PLUGIN, SMALL, call, set_options
from PIL import Image

import ganzoo as package
from ganzoo.engine.signals import Interrupted


@pytest.fixture(scope="module")
def run(digits_npz, tmp_path_factory) -> Path:
    """A finished run, trained by the command."""
    out = tmp_path_factory.mktemp("runs") / "run"
    result = call(
        *("train", "dcgan", "--data", digits_npz, "--steps", 4, "--out", out),
        *("--log-every", 2, "--checkpoint-every", 2, "--sample-every", 2),
        *set_options(SMALL["dcgan"]),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    assert f"ganzoo sample {out}" in result.stderr
    assert str(out / "samples") in result.stderr
    return out


def test_a_run_folder_holds_what_it_should(run):
    names = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert {
        "config.json",
        "metrics.jsonl",
        "samples/step-0000002.png",
        "samples/step-0000004.png",
        "checkpoints/step-0000002/manifest.json",
        "checkpoints/step-0000004/manifest.json",
        "model/config.json",
        "model/model.safetensors",
        "model/manifest.json",
        "model/training.json",
        "model/samples.png",
    } <= names
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    assert {
        *("step", "seconds", "samples_per_second", "discriminator_loss", "generator_loss"),
        *("discriminator_real", "discriminator_fake", "generator_adversarial"),
    } <= lines[0].keys()
    spent = lines[1]["seconds"] - lines[0]["seconds"]
    assert lines[1]["samples_per_second"] == pytest.approx(2 * 16 / spent, rel=0.05)
    assert Image.open(run / "samples" / "step-0000002.png").size == (146, 146)


def test_sample_writes_a_grid(run, tmp_path):
    for model in (run, run / "model"):
        out = tmp_path / "grid.png"
        assert call("sample", model, "-n", 5, "-o", out).exit_code == 0
        assert Image.open(out).size == (3 * 18 + 2, 2 * 18 + 2)
        out.unlink()
    assert call("sample", run, "--step", 2, "-o", tmp_path / "2.png").exit_code == 0
    assert call("sample", run, "--step", 4, "-o", tmp_path / "4.png").exit_code == 0
    assert (tmp_path / "2.png").read_bytes() != (tmp_path / "4.png").read_bytes()


@pytest.mark.parametrize("name", ["x" * 251, "é" * 125])
def test_a_name_may_be_as_long_as_the_disk_allows(name, run, tmp_path):
    told = call("sample", run, "-o", tmp_path / f"{name}.png")
    assert told.exit_code == 0, told.stderr
    assert [file.name for file in tmp_path.iterdir()] == [f"{name}.png"]


@pytest.mark.parametrize(("name", "pasted"), [("-my run", "./-my run"), ("it's", "it's")])
def test_a_command_that_is_printed_can_be_pasted(name, pasted, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, name)
    told = call("resume", "--", name).stderr.split("To go on: ")[1]
    assert shlex.split(told)[:3] == ["ganzoo", "resume", pasted]
    assert call(*shlex.split(told)[1:3]).exit_code == 0
    assert str(Interrupted(2, Path(name), 1)).endswith(f"ganzoo resume {shlex.quote(pasted)}")


def test_list_and_info_in_json(run):
    rows = json.loads(call("list", "--json", "?cgan*").stdout)
    assert {row["name"]: row["kind"] for row in rows} == {
        "acgan": "architecture",
        "dcgan": "architecture",
        "dcgan-mnist": "model",
    }
    described = json.loads(call("info", "wgan-gp", "--json").stdout)
    options = {row["name"]: row for row in described["options"]["training."]}
    assert options["discriminator_steps"]["default"] == 5
    assert described["options"]["objective."][0]["default"] == "wgan-gp"
    assert json.loads(call("info", run, "--json").stdout)["finished"]
    assert json.loads(call("info", run / "model", "--json").stdout)["config"]["format"] == 1
    assert f"ganzoo info {run / 'model'}" in call("info", run).stdout
    for name in ("vanilla", "dcgan", "wgan-gp", run, run / "model"):
        assert call("info", name).exit_code == 0


def test_list_of_one_kind_and_of_a_pattern():
    def names(*words: str) -> dict[str, str]:
        return {
            row["name"]: row["kind"] for row in json.loads(call("list", "--json", *words).stdout)
        }

    assert set(names("models").values()) == {"model"}
    assert set(names("data").values()) == set(names("datasets").values()) == {"data set"}
    assert names("objectives", "w*") == {"wasserstein": "objective"}
    assert {"adam", "rmsprop", "sgd"} <= names("optimizers").keys()
    assert {"constant", "linear"} <= names("schedules").keys()
    assert {"wgan-gp", "r1", "r2"} <= names("penalties").keys()
    assert {"color", "translation", "cutout"} <= names("augmentations").keys()
    assert "zip" in names("readers")  # on request; not in the whole list
    assert "reader" not in names().values()
    for words, text in (
        (("moddels", "x"), "Did you mean 'models'?"),
        (("models", "x", "y"), "it takes a kind, a pattern, or both"),
    ):
        mistaken = call("list", *words)
        assert mistaken.exit_code == 2
        assert text in mistaken.stderr


def test_list_is_whole_when_piped():
    (row, *_) = json.loads(call("list", "stacked*", "--json").stdout)
    (piped, *_) = call("list", "stacked*").stdout.splitlines()
    assert piped.split() == " ".join(row[k] for k in ("name", "kind", "summary", "origin")).split()


@pytest.mark.parametrize("words", [("list",), ("info", "dcgan"), ("plugins",)], ids=" ".join)
def test_a_terminal_of_any_width_breaks_no_word(words, monkeypatch):
    piped = call(*words).stdout
    whole = set(piped.split())
    for columns in (60, 80, 200):
        shown = terminal(*words, columns=columns)
        assert max(map(len, shown.splitlines())) <= columns
        missing = {word for word in whole if word not in shown}
        # Headings are in capitals; that something is ganzoo's own is not said again and again.
        said = {word.upper() for word in missing} - set(shown.split())
        assert said <= {"TORCH-GANZOO", "BUNDLED", "WITH", package.__version__}, (words, columns)


def test_the_table_of_figures_fits_a_terminal(monkeypatch, capsys):
    from ganzoo.cli import base

    lines = (
        "2000 samples of each of the seeds 0 to 2, against 5000 real ones, mnist-5k; mnist-convnet"
    )
    for columns in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        base.print_table([["", "value", "spread"], ["commonest_class[mnist-convnet]", "0.1", "0"]])
        base.print_lines(lines)
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= columns
        assert {"commonest_class[mnist-convnet]", *lines.split()} <= set(shown.split())


def test_a_part_of_a_name_is_enough_and_nothing_found_says_so():
    def names(*words: str) -> set[str]:
        return {row["name"] for row in json.loads(call("list", "--json", *words).stdout)}

    assert {"mnist", "dcgan-mnist", "mnist-convnet"} <= names("mnist")
    assert names("data", "MNIST-5k") == {"mnist-5k", "stacked-mnist-5k"}
    for words, text in (
        (("modls",), "Did you mean 'models'?"),
        (("optimizers", "adm"), "No optimizer matches 'adm'. Did you mean 'adam'?"),
        (("models", "zzz"), "No model matches 'zzz'."),
    ):
        told = call("list", *words)
        assert (told.exit_code, told.stdout) == (0, "")
        assert text in told.stderr


def test_info_knows_every_name_that_list_shows():
    for row in json.loads(call("list", "--json").stdout):
        shown = call("info", row["name"], "--json")
        assert shown.exit_code == 0, row
    hinge = json.loads(call("info", "hinge", "--json").stdout)
    assert hinge["use"] == "ganzoo train ARCH --objective hinge"
    assert hinge["options"]["objective."][0]["name"] == "penalty"
    assert json.loads(call("info", "mnist", "--json").stdout)["splits"] == ["train", "test"]
    assert "Did you mean 'hinge'?" in call("info", "hnige").stderr


def terminal(*args: str, columns: int) -> str:
    """What the command shows at a terminal of so many columns, without colours."""
    code = (
        "import fcntl, os, pty, struct, sys, termios\n"
        "size = struct.pack('HHHH', 50, int(sys.argv[1]), 0, 0)\n"
        "fcntl.ioctl(1, termios.TIOCSWINSZ, size)\n"
        "from ganzoo.cli import main\nsys.argv = ['ganzoo', *sys.argv[2:]]\nmain()"
    )
    without = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(columns), *args],
        stdin=child,  # the size is asked of all three, and there may be another terminal
        stdout=child,
        stderr=subprocess.DEVNULL,
        env={**without, "TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(parent, 4096):
            shown += part
    assert process.wait() == 0
    os.close(parent)
    return re.sub(r"\x1b\[[0-9;]*m|\r", "", shown.decode())


def test_config_file_and_flags(run, digits_npz, tmp_path):
    out = tmp_path / "again"
    result = call("train", "--config", run / "config.json", "--steps", 2, "--out", out)
    assert result.exit_code == 0, result.output
    config = json.loads((out / "config.json").read_text())
    before = json.loads((run / "config.json").read_text())
    assert config["training"]["steps"] == 2
    assert config["options"] == before["options"]
    assert config["options"]["width"] == 4
    toml = tmp_path / "recipe.toml"
    toml.write_text(
        'architecture = "vanilla"\nobjective = "hinge"\n[options]\nwidths = [8]\n'
        f'[data]\nsource = "{digits_npz}"\n[training]\nsteps = 3\nbatch_size = 10\n'
    )
    out = tmp_path / "toml"
    result = call("train", "--config", toml, "--set", "training.batch_size=12", "--out", out)
    assert result.exit_code == 0, result.output
    config = json.loads((out / "config.json").read_text())
    assert (config["objective"], config["training"]["batch_size"]) == ("hinge", 12)


def test_init_goes_on_from_a_run_and_from_a_model(run, digits_npz, tmp_path):
    common = ["train", "dcgan", "--data", digits_npz, "--steps", 1, *set_options(SMALL["dcgan"])]
    slow = ["--set", "training.generator_lr=1e-12", "--set", "training.ema_decay=0"]
    before = package.load(run / "model").sample(4)
    result = call(*common, *slow, "--init", run, "--out", tmp_path / "a")
    assert result.exit_code == 0, result.output
    raw = package.load(tmp_path / "a").sample(4)
    assert not torch.allclose(raw, before, atol=1e-3)  # a run goes on from its raw weights
    with pytest.warns(package.GanzooWarning, match="no discriminator"):
        result = call(*common, *slow, "--init", run / "model", "--out", tmp_path / "b")
    assert result.exit_code == 0, result.output
    refused = call(*common, "--set", "width=8", "--init", run, "--out", tmp_path / "c")
    assert refused.exit_code == 2
    assert "nothing of it fits" in refused.stderr
    assert not (tmp_path / "c").exists()


def test_a_plugin_from_a_file_and_what_is_said_without_it(ganzoo, tmp_path, digits_npz):
    file = tmp_path / "tiny_gan.py"
    file.write_text(PLUGIN)
    out = tmp_path / "run"
    trained = ganzoo("--plugin", file, "train", "tiny", "--data", digits_npz, "--out", out)
    assert trained.returncode == 0, trained.stderr
    assert ganzoo("--plugin", file, "sample", out).returncode == 0
    for args in (["sample", out], ["sample", out / "model"], ["resume", out, "--steps", 9]):
        told = call(*args)  # this process has not met it
        assert told.exit_code == 2
        known = file.name if args[1] == out / "model" else file  # a model tells no one's folders
        assert f"ganzoo --plugin {known}" in told.stderr


def test_a_plugin_that_is_no_longer_installed_is_named(ganzoo, distribution, tmp_path, digits_npz):
    site = distribution("ganzoo-tiny", PLUGIN)
    out = tmp_path / "run"
    trained = ganzoo("train", "tiny", "--data", digits_npz, "--out", out, PYTHONPATH=str(site))
    assert trained.returncode == 0, trained.stderr
    shutil.rmtree(site)
    for args in (["sample", out], ["resume", out, "--steps", 9]):
        told = call(*args)  # this process has not met it
        assert told.exit_code == 2
        assert "pip install ganzoo-tiny" in told.stderr


def test_load_and_sample_import_no_torchvision(ganzoo, run):
    code = (
        "import sys, ganzoo; ganzoo.load(sys.argv[1]).sample(2);"
        "assert 'torchvision' not in sys.modules and 'mlxtend' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, run], check=True)


def test_a_terminal_gets_a_bar(digits_npz, tmp_path):
    args = ["train", "vanilla", "--data", digits_npz, "--steps", 40, "--log-every", 10]
    args += ["--out", tmp_path / "run", *set_options(SMALL["vanilla"])]
    command = [sys.executable, "-m", "ganzoo", *map(str, args)]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=slave, env={**os.environ, "TERM": "xterm"}
    )
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 65536):
            shown += part
    except OSError:  # the terminal's other end is closed
        pass
    assert process.wait() == 0
    text = shown.decode()
    assert "40/40" in text
    assert "samples/s" in text
    assert "━" in text


def test_a_pipe_gets_plain_lines(ganzoo, digits_npz, tmp_path):
    small = set_options(SMALL["vanilla"])
    args = ["--data", digits_npz, "--steps", 40, "--log-every", 10, "--out", tmp_path / "run"]
    told = ganzoo("train", "vanilla", *args, *small).stderr
    assert "\x1b" not in told
    assert [line.split()[1] for line in told.splitlines() if line.startswith("step")] == [
        "10/40",
        "20/40",
        "30/40",
        "40/40",
    ]
