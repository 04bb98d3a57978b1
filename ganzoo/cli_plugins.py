"""The commands on plugins: plugins. Without torch until needed."""

from __future__ import annotations

import click

from ganzoo.cli_base import print_json
from ganzoo.errors import plain
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
                    "provides": plugin.provides,
                    "problems": plugin.problems,
                    "seconds": round(plugin.seconds, 4),
                    "slow": plugin.slow,
                }
                for plugin in found
            ]
        )
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
