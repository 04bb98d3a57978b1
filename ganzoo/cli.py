"""The command line: parse, call, print. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import errno
import os
import signal
import sys
import warnings
from typing import Any

import click

from ganzoo.cli_base import print_json
from ganzoo.cli_models import add, info, list_, publish, remove, sample
from ganzoo.cli_training import resume, train
from ganzoo.errors import GanzooError, GanzooWarning, memory_message, plain
from ganzoo.plugins import add_plugin_file, catalogue
from ganzoo.version import __version__


class Commands(click.Group):
    """Turns errors that a user can understand into one message and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanzooError as error:
            click.echo(f"Error: {plain(str(error))}", err=True)
            ctx.exit(error.exit_status)
        except KeyboardInterrupt:
            ctx.exit(130)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output left; there is no one to tell
            ctx.exit(1)
        except (OSError, MemoryError, RuntimeError) as error:
            message = str(error) if isinstance(error, OSError) else memory_message(error)
            if message is None:
                raise  # a fault of ganzoo's or a plugin's: its traceback is needed
            click.echo(f"Error: {plain(message)}", err=True)
            ctx.exit(1 if getattr(error, "errno", None) in (errno.ENOSPC, errno.EIO) else 2)


def main() -> None:
    """The entry point of ``ganzoo`` and ``python -m ganzoo``."""
    warnings.formatwarning = _one_line  # type: ignore[assignment]
    warnings.simplefilter("always", GanzooWarning)
    # Its own warnings and retries; what came of them is told in one message.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    # Until training listens, Ctrl-C ends the process: an import that it breaks into may be
    # swallowed and leave half a module behind.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        commands(prog_name="ganzoo")
    except SystemExit as done:
        if "TORCHELASTIC_RUN_ID" in os.environ:
            # Under torchrun, gloo's threads now and then abort Python while it winds up, and a
            # finished run would end as a failed one. All is written; leave without winding up.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(done.code if isinstance(done.code, int) else 1)
        raise


def _one_line(message: Any, category: Any, *place: Any) -> str:
    if issubclass(category, GanzooWarning):
        return f"Warning: {plain(str(message))}\n"
    return _formatwarning(message, category, *place)


_formatwarning = warnings.formatwarning


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ganzoo")
@click.option(
    "--plugin",
    "files",
    multiple=True,
    metavar="FILE.py",
    help="Use a plugin that is not installed. Can be given more than once.",
)
def commands(files: tuple[str, ...]) -> None:
    """Train, sample and share GANs. Each architecture is a plugin."""
    for file in dict.fromkeys(files):
        add_plugin_file(file)


@commands.command()
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


for command in (list_, info, sample, train, resume, publish, add, remove):
    commands.add_command(command)
