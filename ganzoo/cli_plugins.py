"""The commands on plugins: plugins. Without torch until needed."""

from __future__ import annotations

import click

from ganzoo.cli_base import print_json
from ganzoo.plugins import catalogue


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def plugins(as_json: bool) -> None:
    """Show what is installed, what each plugin provides, and what is broken and why."""
    found = catalogue().plugins
    if as_json:
        print_json(
            [
                {
                    "name": plugin.name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "module": plugin.module,
                    "hooks": plugin.hooks,
                    "entries": [entry.name for entry in plugin.entries],
                    "problems": plugin.problems,
                    "import_seconds": round(plugin.seconds, 4),
                }
                for plugin in found
            ]
        )
        return
    for plugin in found:
        state = "broken" if plugin.problems else "ok"
        names = ", ".join(entry.name for entry in plugin.entries) or "nothing"
        click.echo(f"{plugin.name:<16} {state:<7} {plugin.origin or plugin.module:<24} {names}")
        for problem in plugin.problems:
            click.echo(f"    {problem}")
