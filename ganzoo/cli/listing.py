"""The commands that say what there is: list, info, plugins. Without torch until needed."""

from __future__ import annotations

import sys

import click

from ganzoo.catalogue import Plugin
from ganzoo.cli.base import TEXT, names_of, print_json, print_lines, print_table
from ganzoo.discovery import OWN_DISTRIBUTION
from ganzoo.errors import plain, plain_lines
from ganzoo.hookspecs import HOOKS
from ganzoo.plugins import catalogue

_MOST_SHOWN = 32 << 10  # letters of a card; the time to set it grows with their square

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


_LISTED = [kind for kind in HOOKS.values() if kind.listed]


def _kinds(context: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    words = [hook.removeprefix("ganzoo_") for hook in HOOKS]
    return [word for word in words if word.startswith(incomplete)]


@click.command("list")
@click.argument("words", nargs=-1, metavar="[KIND] [PATTERN]", shell_complete=_kinds)
@JSON
@click.option("--remote", is_flag=True, help="Also the Hub's models that are tagged ganzoo.")
def list_(words: tuple[str, ...], as_json: bool, remote: bool) -> None:
    """List models, architectures, data sets, objectives, ..., and where each comes from.

    KIND: models, architectures, data, objectives, penalties, optimizers, schedules,
    augmentations, observers, extractors, figures, readers, kinds or commands. PATTERN: a part of a
    name, or a whole one with the wildcards of a shell.
    """
    from ganzoo.listing import nearest, parse, rows

    kind, pattern = parse(words)
    listed, failure = rows(pattern, remote, kind)
    _warn_of_plugins()
    if as_json:
        print_json(listed)
    elif listed:
        cells = [[row[key] for key in ("name", "kind", "summary", "origin")] for row in listed]
        if sys.stdout.isatty():  # there, only what is not ganzoo's own says where it comes from
            cells = [[*row[:3], "" if OWN_DISTRIBUTION in row[3] else row[3]] for row in cells]
        print_table(cells, group_by=1)
    else:
        near = nearest(pattern, rows("*", only=kind)[0])
        meant = f" Did you mean {near!r}?" if near else ""
        what = kind.label if kind is not None else "name"
        click.echo(plain(f"No {what} matches {pattern!r}.{meant} All: ganzoo list"), err=True)
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
@click.argument("name", type=TEXT, shell_complete=names_of(*_LISTED))
@JSON
def info(name: str, as_json: bool) -> None:
    """Show the options of NAME, and how it is used: anything that ganzoo list shows, a run, or a
    model, whose card is shown."""
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
        print_lines(text(described))


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
            print_lines(plain(f"{plugin.name}: problem: {problem}"))
        if plugin.slow:
            click.echo(plain(f"{plugin.name}: import and hooks take {plugin.seconds:.1f} s"))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete the words of ganzoo commands.

    For bash, add this line to ~/.bashrc: eval "$(ganzoo completion bash)". For zsh, the same with
    zsh in ~/.zshrc. For fish: ganzoo completion fish > ~/.config/fish/completions/ganzoo.fish
    """
    from click.shell_completion import get_completion_class

    from ganzoo.cli import commands

    found = get_completion_class(shell)
    assert found is not None
    script = found(commands, {}, "ganzoo", "_GANZOO_COMPLETE")
    click.echo(script.source_template % script.source_vars())


def _state(plugin: Plugin) -> str:
    return "broken" if plugin.problems else "slow" if plugin.slow else "ok"


def _provides(plugin: Plugin) -> str:
    parts = plugin.provides.items()
    return "; ".join(f"{hook.removeprefix('ganzoo_')}: {', '.join(names)}" for hook, names in parts)
