"""The documentation: its code runs, its reference is that of the code, and nothing is left out."""

from __future__ import annotations

import ast
import os
import re
import runpy
import shlex
import sys
from pathlib import Path

import click
import pytest
from conftest import HUB, ROOT, SCRATCH, call
from pages import blocks, run_page

import ganzoo
from ganzoo import hookspecs
from ganzoo.cli import commands
from ganzoo.core_entries import ganzoo_commands

DOCS = ROOT / "docs"
REFERENCE = (DOCS / "reference.md").read_text()


def environment() -> dict[str, str]:
    return {**os.environ, **HUB.environment(SCRATCH), "HF_TOKEN": "hf_alice_writes"}


def test_every_block_of_the_tutorial_runs(author, hub, tmp_path):
    """In an author's environment, each command as a process."""
    run_page(DOCS / "writing-a-plugin.md", tmp_path, author, environment())
    assert (tmp_path / "ganzoo-lsgan" / "grid.png").is_file()
    assert hub.commits("alice/lsgan-digits")


@pytest.mark.filterwarnings("ignore::ganzoo.GanzooWarning")  # of so few steps
@pytest.mark.parametrize(
    "page", ["precision", "versions", "families", "quality", "stability", "health", "data"]
)
def test_every_block_of_a_page_runs(page, hub, tmp_path, monkeypatch):
    """Its commands in this process; its Python in processes of their own."""
    monkeypatch.chdir(tmp_path)
    run_page(DOCS / f"{page}.md", tmp_path, Path(sys.executable).parent, environment(), command)


def command(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "ganzoo"
    done = call(*words)
    assert done.exit_code == 0, f"{line}\n{done.output}"


def test_every_page_is_run():
    pages = {path.stem for path in DOCS.glob("*.md")}
    assert pages == {
        *("writing-a-plugin", "precision", "versions", "families", "quality", "stability"),
        *("health", "data", "reference", "architecture", "performance", "captured"),
    }


def test_the_plugin_of_the_tutorial_has_under_40_lines():
    (code,) = [text for _, name, text in blocks(DOCS / "writing-a-plugin.md") if "networks" in name]
    tree = ast.parse(code)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) - len(imports) < 40


def test_the_reference_is_that_of_the_docstrings():
    """Write it anew with: python docs/make_reference.py"""
    assert runpy.run_path(str(DOCS / "make_reference.py"))["reference"]() == REFERENCE


def test_every_hook_is_documented_and_says_who_uses_it():
    hooks = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]
    assert len(hooks) >= 8
    for name in hooks:
        section = REFERENCE.partition(f"### `{name}()`")[2].partition("### ")[0]
        assert "`ganzoo_" in section or "ganzoo's own" in section, name


def test_every_command_and_option_is_documented():
    for command in (commands, *(entry.load() for entry in ganzoo_commands())):
        if command is not commands:
            assert f"### `ganzoo {command.name}" in REFERENCE
        for param in command.params:
            if isinstance(param, click.Option) and param.name != "version":
                assert param.help, (command.name, param.name)
                assert f"| `{', '.join(param.opts)}`" in REFERENCE
                assert param.help in REFERENCE


def test_every_exported_name_is_documented():
    for name in ganzoo.__all__:
        assert getattr(ganzoo, name) is not None
        if name != "__version__":
            assert f"`{name}" in REFERENCE


def test_links_between_the_pages_lead_somewhere():
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), (page.name, link)
