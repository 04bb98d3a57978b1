"""Discovery: a broken or clashing plugin takes no other down, and is told of."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import call, one_message

GOOD = """
from ganzoo import ArchitectureEntry, hookimpl

@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry({name!r}, "nowhere:Net", summary="a test")
"""

HOOK = """
from ganzoo import hookimpl
@hookimpl
def ganzoo_architectures({arguments}):
    {body}
"""

#: Plugins that are broken, each in one way, and what is said of them.
BROKEN = {
    "syntax-error": ("def (", "SyntaxError"),
    "missing-dependency": ("import a_module_that_is_nowhere", "a_module_that_is_nowhere"),
    "raises": ("1 / 0", "ZeroDivisionError"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "newer-name": ("from ganzoo import AgentEntry", "written for a newer ganzoo than"),
    "raises-in-hook": (HOOK.format(arguments="", body="raise RuntimeError('burst')"), "burst"),
    "wrong-signature": (HOOK.format(arguments="surprise", body="return []"), "surprise"),
    "mistyped": (
        HOOK.format(arguments="", body="return []").replace("tectures", "tecture"),
        "Did you mean 'ganzoo_architectures'?",
    ),
    "newer-hook": (
        HOOK.format(arguments="", body="return []").replace("_architectures", "_dreams"),
        "no hook 'ganzoo_dreams'",
    ),
    "wrong-entry": (HOOK.format(arguments="", body="return ['dcgan2']"), "'dcgan2'"),
    "no-list": (HOOK.format(arguments="", body="return 7"), "'int' object is not iterable"),
    "no-text": (
        "from ganzoo import ReaderEntry, hookimpl\n@hookimpl\n"
        "def ganzoo_readers():\n    yield ReaderEntry('odd', 'a:b', '', (1,))\n",
        "such as ('.csv',)",
    ),
    "bad-target": (
        "from ganzoo import ArchitectureEntry\n"
        + HOOK.format(arguments="", body="yield ArchitectureEntry('odd', 'no.colon')"),
        "module:attribute",
    ),
    "clash": (GOOD.format(name="dcgan"), "'dcgan' of ganzoo-clash 1.2 is already taken by torch-"),
    "clashing-command": (
        "from ganzoo import CommandEntry, hookimpl\n@hookimpl\n"
        "def ganzoo_commands():\n    yield CommandEntry('train', 'nowhere:train')\n",
        "'train' of ganzoo-clashing-command 1.2 is already taken by torch-ganzoo",
    ),
}


def test_first_party_plugins_come_through_entry_points(ganzoo):
    report = json.loads(ganzoo("plugins", "--json").stdout)
    by_name = {plugin["name"]: plugin for plugin in report}
    for name in ("vanilla", "dcgan", "wgan-gp"):
        assert by_name[name]["entries"] == [name]
        assert by_name[name]["provides"] == {"ganzoo_architectures": [name]}
        assert by_name[name]["distribution"] == "torch-ganzoo"
    assert not [plugin for plugin in report if plugin["problems"]]
    only = json.loads(ganzoo("plugins", "--json", GANZOO_PLUGINS="vanilla").stdout)
    assert [plugin["name"] for plugin in only] == ["core", "vanilla"]


def test_broken_plugins_take_no_other_down(ganzoo, distribution):
    for name, (code, _) in BROKEN.items():
        distribution(f"ganzoo-{name}", code)
    distribution("ganzoo-no-attribute", GOOD.format(name="x"), attribute=":plugin")
    distribution("ganzoo-future", GOOD.format(name="y"), requires="torch_ganzoo>=99")
    distribution("ganzoo-loud", "print('hello')\n" + GOOD.format(name="loud"))
    distribution("ganzoo-slow", "import time; time.sleep(0.6)\n" + GOOD.format(name="slow"))
    distribution("ganzoo-other", GOOD.format(name="other"), requires="torch-ganzoo-helpers>=9")
    site = distribution("ganzoo-fine", GOOD.format(name="fine"), requires="torch-ganzoo>=0.1")
    said = {f"ganzoo-{name}": text for name, (_, text) in BROKEN.items()}
    said["ganzoo-no-attribute"] = "has no attribute 'plugin'"
    said["ganzoo-future"] = "torch-ganzoo>=99, and this is"

    listed = ganzoo("list", "--json", PYTHONPATH=str(site))
    assert listed.returncode == 0
    names = {row["name"] for row in json.loads(listed.stdout)}
    assert {"vanilla", "dcgan", "wgan-gp", "fine", "other", "loud", "slow"} <= names
    assert not names & {"x", "y", "odd"}
    for name, text in said.items():
        warnings = [line for line in listed.stderr.splitlines() if f"plugin {name}:" in line]
        assert len(warnings) == 1, (name, listed.stderr)
        assert text in warnings[0]
    slow = [line for line in listed.stderr.splitlines() if "ganzoo-slow took" in line]
    assert len(slow) == 1
    assert "Traceback" not in listed.stderr
    assert listed.stderr.count("Warning: ") == len(said) + 1

    report = json.loads(ganzoo("plugins", "--json", PYTHONPATH=str(site)).stdout)
    found = {plugin["name"]: plugin for plugin in report}
    for name, text in said.items():
        assert text in " ".join(found[name]["problems"])
        assert (found[name]["distribution"], found[name]["version"]) == (name, "1.2")
    assert found["ganzoo-slow"]["slow"]
    assert found["ganzoo-fine"]["problems"] == []
    assert "ganzoo train" in ganzoo("train", "--help", PYTHONPATH=str(site)).stdout

    strict = ganzoo("list", PYTHONPATH=str(site), GANZOO_STRICT_PLUGINS="1")
    assert strict.returncode == 2
    assert "burst" in strict.stderr
    shown = ganzoo("plugins", PYTHONPATH=str(site), GANZOO_STRICT_PLUGINS="1")
    assert "burst" in shown.stdout
    spared = ganzoo("list", PYTHONPATH=str(site), GANZOO_PLUGINS="ganzoo-fine,dcgan")
    assert spared.stderr == ""


def test_a_plugin_that_prints_does_not_spoil_json(ganzoo, distribution):
    site = distribution("ganzoo-loud", "print('hello')\n" + GOOD.format(name="loud"))
    listed = ganzoo("list", "--json", PYTHONPATH=str(site))
    assert "loud" in {row["name"] for row in json.loads(listed.stdout)}


def test_a_broken_network_is_told_when_it_is_used(distribution, installed):
    installed(distribution("ganzoo-fine", GOOD.format(name="fine")))
    used = call("info", "fine")
    assert used.exit_code == 2
    assert "nowhere" in used.stderr
    assert "Traceback" not in used.stderr


def test_a_plugin_adds_a_command(ganzoo, distribution):
    code = """
import click
from ganzoo import CommandEntry, hookimpl

@click.command()
@click.argument("name")
def greet(name):
    "Greet NAME."
    click.echo(f"hello {name}")

@hookimpl
def ganzoo_commands():
    yield CommandEntry("greet", greet, "Say hello.")
    yield CommandEntry("gone", "nowhere:at_all", "Is not there.")
    yield CommandEntry("odd", "os:getcwd", "Is no command.")
"""
    site = str(distribution("ganzoo-greet", code))
    assert ganzoo("greet", "you", PYTHONPATH=site).stdout == "hello you\n"
    helped = ganzoo("--help", PYTHONPATH=site)
    assert "Say hello." in helped.stdout
    assert "Is not there." in helped.stdout
    for name, text in (
        ("gone", "nowhere"),
        ("odd", "must be a click.Command"),
        ("gret", "'greet'"),
    ):
        told = ganzoo(name, PYTHONPATH=site)
        assert told.returncode == 2
        assert text in told.stderr
        assert "Traceback" not in told.stderr
    file = Path(site) / "ganzoo_greet.py"
    assert ganzoo("--plugin", file, "greet", "file").stdout == "hello file\n"


def test_a_plugin_file_that_is_a_link_to_itself(tmp_path):
    (tmp_path / "loop.py").symlink_to("loop.py")
    told = call("--plugin", tmp_path / "loop.py", "list")
    assert told.exit_code == 2
    assert one_message(told.stderr)


def test_unknown_name_in_ganzoo_plugins(ganzoo):
    result = ganzoo("list", GANZOO_PLUGINS="vanila")
    assert result.returncode == 2
    assert "'vanilla'" in result.stderr


@pytest.mark.timing
def test_list_imports_no_torch_and_takes_a_small_part_of_it():
    code = "import sys; sys.argv = ['ganzoo', 'list']; from ganzoo.cli import main\n"
    code += "try: main()\nfinally: assert not {'torch', 'pydantic', 'rich'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    def seconds(*args: str) -> float:
        """Of the processor, so that what else runs on the machine counts little."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *args], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    listing = min(seconds("-m", "ganzoo", "list") for _ in range(6))
    torch = min(seconds("-c", "import torch") for _ in range(3))
    assert listing <= 0.2 * torch, (listing, torch)


def test_faults_of_a_data_set_are_told_as_its_plugins(distribution, installed, tmp_path):
    code = """
from ganzoo import Dataset, DatasetEntry, hookimpl

def raises(split):
    raise KeyError("no header")

def nobody(split):
    import torch
    return Dataset("nobody", torch.rand(100, 3), kind="nosuchkind")

@hookimpl
def ganzoo_datasets():
    yield DatasetEntry("raises", raises)
    yield DatasetEntry("nobody", nobody)
    yield DatasetEntry("nothing", lambda split: None)
"""
    installed(distribution("ganzoo-data", code))
    for name, text in (
        ("raises", "KeyError: 'no header'"),
        ("nothing", "not a ganzoo.Dataset"),
        ("nobody", "unknown kind of sample 'nosuchkind'"),
    ):
        told = call("train", "vanilla", "--data", name, "--out", tmp_path / "run")
        assert told.exit_code == 2
        assert text in told.stderr
        assert one_message(told.stderr)
        assert not (tmp_path / "run").exists()
