"""What the commands share: a type of text, JSON and tables on standard output."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ganzoo.entries import ModelEntry
from ganzoo.entry import Entry
from ganzoo.errors import GanzooError, plain, plain_lines
from ganzoo.plugins import catalogue

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Filled(click.ParamType):  # type: ignore[type-arg]
    """A text that is not empty: an empty one is a shell variable that was not set."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if not str(value):
            raise GanzooError(f"{param.opts[0]} is empty")
        if not str(value).isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise GanzooError(f"{param.opts[0]} {str(value)!r} is not text in UTF-8")
        return str(value)


TEXT = Filled()


def names_of(*kinds: type[Entry]) -> Callable[..., list[CompletionItem]]:
    """For a shell that completes a word: the names of entries of these kinds, else files.

    Of models, those in the local registry, too.
    """

    def complete(
        context: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        known = catalogue(strict=False)
        found = {
            name: entry.summary for kind in kinds for name, entry in known.entries(kind).items()
        }
        if ModelEntry in kinds:
            from ganzoo.models.references import named_models

            found |= {reference.name: found.get(reference.name, "") for reference in named_models()}
        items = [
            CompletionItem(name, help=found[name] or None)
            for name in sorted(found)
            if name.startswith(incomplete)
        ]
        return items or [CompletionItem(incomplete, type="file")]

    return complete


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """The values of ``--set KEY=VALUE``, given any number of times."""
    from ganzoo.options import parse

    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise GanzooError(f"--set {pair}: it takes KEY=VALUE, such as --set width=64")
        try:
            settings[key] = parse(value)
        except GanzooError as error:
            raise GanzooError(f"--set {key}: {error}") from None
    return settings


_MOST_SEEDS: Final = 1_000_000


def parse_seeds(text: str) -> list[int]:
    """The seeds of ``0-35`` or ``1,5,9-12``, in order. Raises GanzooError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = (one.strip() for one in part.partition("-"))
        ends = [first, last] if dash else [first]
        if not all(end.isascii() and end.isdigit() and len(end) < 20 for end in ends):
            raise GanzooError(
                f"--seeds {text[:60]}: it takes numbers and ranges, such as 0-35 or 1,5,9-12"
            )
        low, high = int(first), int(ends[-1])
        if high < low:
            raise GanzooError(f"--seeds {text[:60]}: {part.strip()} runs backwards: {high}-{low}")
        if len(seeds) + high - low >= _MOST_SEEDS:
            raise GanzooError(f"--seeds {text[:60]}: up to {_MOST_SEEDS:,} seeds are taken")
        seeds.extend(range(low, high + 1))
    return seeds


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2))


def print_table(rows: Sequence[Sequence[str]], group_by: int | None = None) -> None:
    """Rows on standard output: at a terminal as a table that fits it, else one line a row.

    group_by: the column that a terminal shows as headings, once for all rows that share it.
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(cells, group_by)
        return
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def print_lines(text: str) -> None:
    """Lines on standard output: at a terminal broken between words, what goes on further in; where
    a line has two columns, the second goes below the first."""
    width = shutil.get_terminal_size().columns
    for line in plain_lines(text).splitlines():
        if not sys.stdout.isatty() or len(line) <= width:
            click.echo(line)
            continue
        start = " " * (len(line) - len(line.lstrip()))
        head, _, rest = line.lstrip().partition("   ")
        if rest:
            coloured = not os.environ.get("NO_COLOR")
            click.echo(click.style(start + head, fg="cyan" if coloured else None))
        for part in textwrap.wrap(
            rest.lstrip() or head,
            width,
            initial_indent=f"{start}    " if rest else start,
            subsequent_indent=f"{start}    ",
            break_long_words=False,  # a path is copied from there
            break_on_hyphens=False,
        ):
            click.echo(part)


def _print_rich(cells: list[list[str]], group_by: int | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = [i for i in range(len(cells[0])) if i != group_by] if cells else []
    # What is empty in every row takes no room.
    shown = [i for i in shown if any(row[i] for row in cells)]
    table = Table(box=None, pad_edge=False, show_header=False)
    for position, column in enumerate(shown):
        # A column is never narrower than its longest word, so that none is broken.
        words = [word for row in cells for word in row[column].split()]
        first = position == 0
        table.add_column(
            no_wrap=first,
            min_width=max(map(len, words), default=0),
            style="cyan" if first else "",
        )
    groups = itertools.groupby(cells, key=lambda row: "" if group_by is None else row[group_by])
    for number, (title, members) in enumerate(groups):
        if group_by is not None:
            if number:
                table.add_row()
            table.add_row(Text(title.upper(), style="bold"))
        for row in members:
            table.add_row(*(Text(row[column]) for column in shown))
    Console(highlight=False).print(table)
