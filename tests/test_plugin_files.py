"""Plugins that are files, and which plugin a name is of."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import PLUGIN

import ganzoo
from ganzoo import GanzooError, plugins
from ganzoo.catalogue import PluginReference
from ganzoo.models import load
from ganzoo.models.load import find_architecture, remember

pytestmark = pytest.mark.usefixtures("fresh_catalogue")


def write(path: Path, code: str = PLUGIN) -> Path:
    path.write_text(code)
    return path


def latent_size(name: str = "tiny") -> int:
    size = find_architecture(name).Config.model_fields["latent_size"].default
    assert isinstance(size, int)
    return size


def test_use_takes_a_changed_file_in_and_nothing_twice(tmp_path):
    file = write(tmp_path / "tiny.py")
    ganzoo.use(file)
    first = find_architecture("tiny")
    ganzoo.use(str(file))
    assert find_architecture("tiny") is first
    # Of the same length, within the same second.
    write(file, PLUGIN.replace("Field(4", "Field(7"))
    ganzoo.use(file)
    assert latent_size() == 7
    for code, text in (("1 / 0", "ZeroDivisionError"), ("x = 1", "it provides nothing")):
        write(file, code)
        with pytest.raises(GanzooError, match=text):
            ganzoo.use(file)
        write(file)
        ganzoo.use(file)
        assert latent_size() == 4
    assert sum(plugin.reference.is_file for plugin in plugins.catalogue().plugins) == 1


def test_a_cell_that_is_run_again_after_an_edit(tmp_path):
    code = (
        "import ganzoo, pathlib, torch\n"
        "file = pathlib.Path('my gan.py')\n"
        "for size in (4, 5):\n"
        "    file.write_text(file.read_text().replace('Field(4', f'Field({size}'))\n"
        "    ganzoo.use('my gan.py')\n"
        "    data = torch.zeros(20, 1, 8, 8, dtype=torch.uint8)\n"
        "    run = ganzoo.train('tiny', data, steps=1, out=f'run{size}')\n"
        "    print(ganzoo.load(run).config.latent_size)\n"
    )
    layer = "nn.Linear(self.config.latent_size,"
    write(tmp_path / "my gan.py", PLUGIN.replace("nn.Linear(4,", layer))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=os.environ
    )
    assert done.stdout.split() == ["4", "5"], done.stderr


def test_commands_name_the_files_in_use(tmp_path, monkeypatch):
    assert plugins.command_line("list") == "ganzoo list"
    file = write(tmp_path / "my gan.py")
    ganzoo.use(file)
    line = plugins.command_line("resume", Path("-odd run"), "--steps", "9")
    assert shlex.split(line) == [
        *("ganzoo", "--plugin", str(file), "resume", "./-odd run", "--steps", "9")
    ]
    monkeypatch.chdir(tmp_path)
    assert plugins.command_line("list") == "ganzoo --plugin 'my gan.py' list"


def test_another_plugins_architecture_of_the_same_name_is_refused(tmp_path):
    (tmp_path / "moved").mkdir()
    file = write(tmp_path / "moved" / "tiny.py")
    ganzoo.use(file)
    here = plugins.reference_of("tiny")
    assert here.to_json() == {"distribution": "", "version": "", "module": str(file)}
    moved = PluginReference(module="/elsewhere/tiny.py")
    newer = PluginReference("torch_ganzoo", "0.0.1", "ganzoo_dcgan")
    assert find_architecture("tiny", moved) is find_architecture("tiny", here)
    find_architecture("dcgan", newer)  # of any version
    for name, other, text in (
        ("tiny", PluginReference(module="other.py"), "ganzoo --plugin other.py"),
        ("tiny", PluginReference("ganzoo-tiny", "2.0", "ganzoo_tiny"), "pip install ganzoo-tiny"),
        ("dcgan", here, "ganzoo --plugin"),
    ):
        with pytest.raises(GanzooError, match="of another plugin") as caught:
            find_architecture(name, other)
        message = str(caught.value)
        assert text in message
        assert "architecture=" in message
        assert other.origin in message
        assert plugins.reference_of(name).origin in message


def test_a_class_is_found_again_where_nobody_packaged_it(tmp_path):
    ganzoo.use(write(tmp_path / "tiny.py"))
    tiny = find_architecture("tiny")
    mine = type("Mine", (tiny,), {})
    with pytest.raises(GanzooError, match="nobody packaged it"):
        find_architecture("Mine", PluginReference())
    remember(mine)
    try:
        assert find_architecture("Mine", PluginReference()) is mine
        with pytest.raises(GanzooError, match="pip install ganzoo-mine"):
            find_architecture("Mine", PluginReference("ganzoo-mine", "1", "ganzoo_mine"))
    finally:
        load._remembered.clear()


def test_a_run_says_which_plugin_it_is_of_and_a_model_not_where_its_file_lay(tmp_path):
    file = write(tmp_path / "tiny.py")
    ganzoo.use(file)
    run = ganzoo.train(
        "tiny", torch.zeros(20, 1, 8, 8, dtype=torch.uint8), steps=1, out=tmp_path / "run"
    )
    of_run, of_model = (
        json.loads((folder / "config.json").read_text())["plugin"]
        for folder in (run.path, run.model_path)
    )
    assert of_run == {"distribution": "", "version": "", "module": str(file)}
    assert of_model == {"distribution": "", "version": "", "module": "tiny.py"}


def test_a_target_that_is_no_architecture(tmp_path):
    code = (
        "from ganzoo import ArchitectureEntry, DatasetEntry, hookimpl\n@hookimpl\n"
        "def ganzoo_architectures():\n    yield ArchitectureEntry('odd', 'os:getcwd')\n@hookimpl\n"
        "def ganzoo_datasets():\n    yield DatasetEntry('text', 'os:sep')\n"
    )
    ganzoo.use(write(tmp_path / "odd.py", code))
    with pytest.raises(GanzooError, match="'odd' must be a subclass of ganzoo"):
        find_architecture("odd")
    with pytest.raises(GanzooError, match="'text' must be something to call"):
        ganzoo.train("vanilla", "text", steps=1, out=tmp_path / "run")


def test_a_plugin_comes_after_those_that_it_requires(distribution, request):
    """Whatever its name: it cannot take their names over."""
    code = (
        "from ganzoo import ArchitectureEntry, hookimpl\n@hookimpl\n"
        "def ganzoo_architectures():\n    yield ArchitectureEntry({!r}, 'nowhere:Net')\n"
    )
    distribution("a-first", code.format("shared"), requires="Z.Base>=1")
    distribution("z_base", code.format("shared"))
    site = distribution("b-circle", code.format("b"), requires="c-circle; extra == 'more'")
    distribution("c-circle", code.format("c"), requires="b-circle")
    done = request.getfixturevalue("ganzoo")("plugins", "--json", PYTHONPATH=str(site))
    report = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
    names = list(report)
    assert names[0] == "core"
    assert names[-4:] == ["b-circle", "c-circle", "z_base", "a-first"]
    assert report["z_base"]["problems"] == []
    assert "already taken by z_base 1.2" in report["a-first"]["problems"][0]
