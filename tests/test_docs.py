"""The documentation: its code runs, its reference is that of the code, and nothing is left out."""

from __future__ import annotations

import ast
import os
import re
import runpy

import click
import pytest
from click.testing import CliRunner
from conftest import HUB, ROOT, SCRATCH
from mkdocs.__main__ import build_command
from pages import Here, Processes, blocks, run_page

import ganzoo
from ganzoo import hookspecs
from ganzoo.cli import commands
from ganzoo.core_entries import ganzoo_commands

DOCS = ROOT / "docs"
REFERENCE = (DOCS / "reference.md").read_text()


def environment() -> dict[str, str]:
    return {**os.environ, **HUB.environment(SCRATCH), "HF_TOKEN": "hf_alice_writes"}


#: The pages whose blocks run in this process.
PAGES = (
    "command-line",
    *("data", "families", "from-stylegan2-ada", "health", "models", "performance", "pictures"),
    *("precision", "publishing", "quality", "stability", "training", "versions", "watch-it-train"),
    *("view", "your-own-loop", "your-photos"),
)
#: Those that have no block to run; the tutorial runs in processes of its own.
OTHERS = ("architecture", "captured", "reference", "writing-a-plugin")


def test_every_block_of_the_tutorial_runs(author, hub, tmp_path):
    """In an author's environment, each command as a process."""
    run_page(DOCS / "writing-a-plugin.md", tmp_path, Processes(author, environment()))
    assert (tmp_path / "ganzoo-lsgan" / "grid.png").is_file()
    assert hub.commits("alice/lsgan-digits")


@pytest.mark.filterwarnings("ignore::ganzoo.GanzooWarning")  # of so few steps
@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_runs(page, hub, fresh_catalogue, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_alice_writes")
    run_page(DOCS / f"{page}.md", tmp_path, Here())


def test_every_page_is_run():
    assert {path.stem for path in DOCS.glob("*.md")} == {*PAGES, *OTHERS}


def test_the_site_builds_without_a_warning(tmp_path, monkeypatch):
    """As `make site` does, whose pages ask no other server for anything."""
    site = tmp_path / "site"
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(build_command, ["--strict", "--quiet", "--site-dir", str(site)])
    assert done.exit_code == 0, done.output
    home = (site / "index.html").read_text()
    assert "avatars.webp" in home
    assert "Write a GAN" in home
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?:[^\s\">]+)", page.read_text()
        )
        assert not loaded, (page, loaded)


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
            if isinstance(param, click.Option) and param.name != "version" and not param.hidden:
                assert param.help, (command.name, param.name)
                assert f"| `{', '.join(param.opts)}`" in REFERENCE
                assert param.help in REFERENCE


def test_every_exported_name_is_documented():
    for name in ganzoo.__all__:
        assert getattr(ganzoo, name) is not None
        if name != "__version__":
            assert f"`{name}" in REFERENCE


def test_links_between_the_pages_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *DOCS.glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), (page.name, link)
