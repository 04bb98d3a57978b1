"""What the commands share: a type of text, JSON on standard output."""

from __future__ import annotations

import json
from typing import Any

import click

from ganzoo.errors import GanzooError


class Filled(click.ParamType):  # type: ignore[type-arg]
    """A text that is not empty: an empty one is a shell variable that was not set."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if not str(value):
            raise GanzooError(f"{param.opts[0]} is empty")
        if not str(value).isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise GanzooError(f"{param.opts[0]} {str(value)!r} is no text in UTF-8")
        return str(value)


TEXT = Filled()


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2))
