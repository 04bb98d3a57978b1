"""The commands on plugins: plugins, check-plugin, new-plugin. Without torch until needed."""

from __future__ import annotations

import dataclasses
import shlex
import sys

import click

from ganzoo.cli.base import TEXT, print_json
from ganzoo.errors import plain
from ganzoo.plugins import catalogue


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def plugins(as_json: bool) -> None:
    """Show what is installed, what each plugin provides, and what is broken and why."""
    found = catalogue(strict=False).plugins
    if as_json:
        print_json([plugin.to_json() for plugin in found])
        return
    for plugin in found:
        state = "broken" if plugin.problems else "slow" if plugin.slow else "ok"
        click.echo(plain(f"{plugin.name:<16} {state:<7} {plugin.origin or plugin.module}"))
        for hook, names in plugin.provides.items():
            click.echo(f"    {hook.removeprefix('ganzoo_')}: {', '.join(names)}")
        for problem in plugin.problems:
            click.echo(plain(f"    problem: {problem}"))
        if plugin.slow:
            click.echo(f"    import and hooks take {plugin.seconds:.1f} s")


@click.command("check-plugin")
@click.argument("name", metavar="NAME", type=TEXT)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def check_plugin(name: str, as_json: bool) -> None:
    """Hold the contract against NAME: an architecture, a distribution or an entry point."""
    from ganzoo.testing.report import run_checks

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
    place = shlex.quote(str(path))
    click.echo(f"Next: cd {place} && pip install -e '.[dev]' && pytest", err=True)
    click.echo(str(path))
