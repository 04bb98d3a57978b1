"""The commands that say what there is: list, info, plugins. Without torch until needed."""

from __future__ import annotations

import sys

import click

from ganzoo.catalogue import Plugin
from ganzoo.cli.base import TEXT, print_json, print_table
from ganzoo.errors import plain, plain_lines
from ganzoo.plugins import catalogue

_MOST_SHOWN = 32 << 10  # letters of a card; the time to set it grows with their square

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


@click.command("list")
@click.argument("words", nargs=-1, metavar="[KIND] [PATTERN]")
@JSON
@click.option("--remote", is_flag=True, help="Also the Hub's models that are tagged ganzoo.")
def list_(words: tuple[str, ...], as_json: bool, remote: bool) -> None:
    """List models, architectures, data sets, objectives, ..., and where each comes from.

    KIND: models, architectures, data, objectives, penalties, optimizers, schedules,
    augmentations, observers, extractors, readers, kinds or commands. PATTERN: of names, with the
    wildcards of a shell.
    """
    from ganzoo.listing import parse, rows

    kind, pattern = parse(words)
    listed, failure = rows(pattern, remote, kind)
    _warn_of_plugins()
    if as_json:
        print_json(listed)
    elif listed:
        cells = [[row[key] for key in ("name", "kind", "summary", "origin")] for row in listed]
        print_table(cells, group_by=1)
    elif pattern != "*":
        click.echo(f"Nothing is called {pattern!r}. All: ganzoo list", err=True)
    if failure is not None:
        raise failure


def _warn_of_plugins() -> None:
    for plugin in catalogue().plugins:
        for problem in plugin.problems:
            text = plain(f"plugin {plugin.name}: {problem}")
            click.echo(f"Warning: {text} (see: ganzoo plugins)", err=True)
        if plugin.slow:
            click.echo(
                f"Warning: plugin {plugin.name} took {plugin.seconds:.1f} s to import; its hooks "
                "should import its networks only when they are used",
                err=True,
            )


@click.command()
@click.argument("name", type=TEXT)
@JSON
def info(name: str, as_json: bool) -> None:
    """Show an architecture's options, or a model's card."""
    from ganzoo.describe import describe, text

    described = describe(name)
    if as_json:
        print_json(described)
    elif 0 < len(described.get("card", "")) <= _MOST_SHOWN and sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        from ganzoo.models.own_text import body

        # Without the metadata, which is for the Hub.
        Console().print(Markdown(plain_lines(body(described["card"])), hyperlinks=False))
    else:
        click.echo(plain_lines(text(described)))


@click.command()
@JSON
def plugins(as_json: bool) -> None:
    """Show what is installed, what each plugin provides, and what is broken and why."""
    known = catalogue(strict=False).plugins
    if as_json:
        print_json([plugin.to_json() for plugin in known])
        return
    print_table(
        [
            [plugin.name, _state(plugin), plugin.reference.origin, _provides(plugin)]
            for plugin in known
        ]
    )
    for plugin in known:
        for problem in plugin.problems:
            click.echo(plain(f"{plugin.name}: problem: {problem}"))
        if plugin.slow:
            click.echo(plain(f"{plugin.name}: import and hooks take {plugin.seconds:.1f} s"))


def _state(plugin: Plugin) -> str:
    return "broken" if plugin.problems else "slow" if plugin.slow else "ok"


def _provides(plugin: Plugin) -> str:
    parts = plugin.provides.items()
    return "; ".join(f"{hook.removeprefix('ganzoo_')}: {', '.join(names)}" for hook, names in parts)
