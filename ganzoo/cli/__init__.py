"""The command line: find the command, call it, turn errors into one message and a status.

Every command, ganzoo's own too, comes through the hook ``ganzoo_commands``. Nothing here imports
torch, nor a command before it is asked for.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import click

from ganzoo.cli.bars import BARS, at_terminal, say
from ganzoo.cli.streams import usable_streams
from ganzoo.entries import CommandEntry
from ganzoo.entry import Entry
from ganzoo.errors import FULL, GanzooError, GanzooWarning, plain, system_message, unknown
from ganzoo.plugins import catalogue, use
from ganzoo.progress import shown_by
from ganzoo.version import __version__


class Commands(click.Group):
    """The commands of all plugins. What a user can mend is one message and an exit status."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except GanzooError as error:
            click.echo(f"Error: {plain(str(error))}", err=True)
            sys.exit(error.exit_status)
        except (OSError, MemoryError, RuntimeError) as error:
            message = system_message(error)
            if message is None:
                raise  # a fault of ganzoo's or a plugin's: its traceback is needed
            click.echo(f"Error: {plain(message)}", err=True)
            sys.exit(1 if getattr(error, "errno", None) in FULL else 2)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output left; there is no one to tell
            ctx.exit(1)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _plugins_first(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        for file in dict.fromkeys(ctx.params.get("files", ())):
            use(file)  # before the command is looked for: it may be the file's
        if args[0] not in _entries() and not args[0].startswith("-"):
            raise unknown("command", args[0], _entries(), "See: ganzoo --help")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_entries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _entries().get(cmd_name)
        return None if entry is None else LazyCommand(entry)


class LazyCommand(click.Command):
    """A command that is imported when it is called; the list of commands shows its summary."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, short_help=entry.summary)
        self.entry = entry

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **kw: Any) -> Any:
        return self.load().make_context(info_name, args, *rest, **kw)

    def load(self) -> click.Command:
        """The command itself. Raises GanzooError where its plugin offers something else."""
        command: click.Command = self.entry.load()
        return command


def _plugins_first(args: list[str]) -> list[str]:
    """The words of a command line with each ``--plugin FILE.py`` before the command, wherever it
    was typed."""
    moved: list[str] = []
    others: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            return [*moved, *others, word, *words]
        if word == "--plugin":
            file = next(words, None)
            if file is None:
                raise GanzooError("--plugin: it takes FILE.py")
            moved += [word, file]
        elif word.startswith("--plugin="):
            moved.append(word)
        else:
            others.append(word)
    return moved + others


def _entries() -> Mapping[str, Entry]:
    # ganzoo plugins must be reached when one is broken, and is what tells of it.
    return catalogue(strict=False).entries(CommandEntry)


def main() -> None:
    """The entry point of ``ganzoo`` and ``python -m ganzoo``."""
    usable_streams()
    warnings.showwarning = _show
    warnings.simplefilter("always", GanzooWarning)
    # Its own warnings and retries; what came of them is told in one message.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    # Until training listens, Ctrl-C ends the process: an import that it breaks into may be
    # swallowed and leave half a module behind.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as of a shell's background job
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with shown_by(BARS.wait if at_terminal() else None):
            commands(prog_name="ganzoo")
    except SystemExit as done:
        if "TORCHELASTIC_RUN_ID" in os.environ:
            # Under torchrun, gloo's threads now and then abort Python while it winds up, and a
            # finished run would end as a failed one. All is written; leave without winding up.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(done.code if isinstance(done.code, int) else 1)
        raise


def _show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """A warning, above the bars if there are any."""
    if issubclass(category, GanzooWarning):
        say(f"Warning: {message}")
    else:
        _showwarning(message, category, *place, **more)


_showwarning = warnings.showwarning


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
