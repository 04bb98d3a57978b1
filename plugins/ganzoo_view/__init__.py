"""Pages in a browser: runs to watch, models to play with, and a Space that serves one."""

from collections.abc import Iterator

from ganzoo import CommandEntry, hookimpl


@hookimpl
def ganzoo_commands() -> Iterator[CommandEntry]:
    yield CommandEntry(
        "view", "ganzoo_view.command:view", "Watch runs and play with models in a browser."
    )
    yield CommandEntry(
        "space", "ganzoo_view.command:space", "Make a Space of the Hub that serves a model."
    )
