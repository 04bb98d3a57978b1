"""The commands for authors of plugins: check-plugin, new-plugin. Without torch until needed."""

from __future__ import annotations

import dataclasses
import sys

import click

from ganzoo.cli.base import TEXT, print_json
from ganzoo.errors import plain
from ganzoo.files import pasted


@click.command("check-plugin")
@click.argument("name", metavar="NAME", type=TEXT)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def check_plugin(name: str, as_json: bool) -> None:
    """Check NAME against the contract: an architecture, a distribution or an entry point."""
    from ganzoo.testing.plugin import run_checks

    results = []
    for result in run_checks(name):
        results.append(result)
        if not as_json:
            line = f"{result.outcome:<7} {result.of}: {result.check}"
            click.echo(plain(f"{line}: {result.text}" if result.text else line))
    failed = [result for result in results if result.outcome == "failed"]
    if as_json:
        print_json([dataclasses.asdict(result) for result in results])
    else:
        click.echo(f"{len(results)} checks, {len(failed)} failed", err=True)
    sys.exit(1 if failed else 0)


@click.command("new-plugin")
@click.argument("name", metavar="NAME", type=TEXT)
@click.argument("folder", metavar="[DIR]", required=False, type=TEXT)
def new_plugin(name: str, folder: str | None) -> None:
    """Write a working plugin package for an architecture NAME into DIR [ganzoo-NAME]."""
    from ganzoo.scaffold import write_plugin

    path = write_plugin(name, folder)
    click.echo(f"Next: cd {pasted(path)} && pip install -e '.[dev]' && pytest", err=True)
    click.echo(str(path))
