"""Writes reference.md from the docstrings: ``python docs/make_reference.py``. A test compares."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import ganzoo
import ganzoo.testing
from ganzoo import hookspecs
from ganzoo.cli import commands
from ganzoo.core_entries import ganzoo_commands
from ganzoo.hookspecs import HOOKS
from ganzoo.options import Options, table

HEAD = """\
# Reference for authors of plugins

Made from the docstrings by `python docs/make_reference.py`. A tutorial is in
[writing-a-plugin.md](writing-a-plugin.md); what changes from version to version, in
[versions.md](versions.md).

- [Hooks](#hooks): what a plugin's module may implement
- [Entries](#entries): what the hooks yield
- [The contract](#the-contract): classes to subclass and to be given
- [Tests](#tests): the contract as checks
- [Commands](#commands): every command and option
"""

CONTRACT = (
    "Architecture",
    "Training",
    "Options",
    "SampleSpec",
    "Game",
    "Objective",
    "AdversarialObjective",
    "Kind",
    "Dataset",
    "Observer",
    "Tracker",
    "Extractor",
    "Features",
    "RunFolder",
)

#: Of `RunFolder`, what training does with it.
HIDDEN = {
    *("create", "reconfigure", "sample_path", "clean", "log", "forget_metrics_after"),
    *("writing", "lock"),
}


def reference() -> str:
    """The whole page."""
    parts = [HEAD, "## Hooks", *_hooks(), "## Entries", *_entries()]
    parts += ["## The contract", *(_class(getattr(ganzoo, name)) for name in CONTRACT)]
    parts += [_functions(), "## Tests", *_tests(), "## Commands", *_commands()]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _hooks() -> Iterator[str]:
    yield (
        "A plugin is a module that an entry point in the group `ganzoo` names. Each hook is a "
        "function of this name, marked with `@ganzoo.hookimpl`, that returns or yields entries."
    )
    for name, entry in HOOKS.items():
        yield f"### `{name}()`\n\nYields: `{entry.__name__}`\n\n{_doc(getattr(hookspecs, name))}"


def _entries() -> Iterator[str]:
    for entry in HOOKS.values():
        given = [
            f"{field.name}={field.default!r}"
            if field.default is not dataclasses.MISSING
            else field.name
            for field in dataclasses.fields(entry)
        ]
        yield f"### `{entry.__name__}({', '.join(given)})`\n\n{_doc(entry)}"
        if entry is ganzoo.ArchitectureEntry:
            yield _doc(entry.__mro__[1])


def _class(found: type) -> str:
    lines = [f"### `{found.__name__}`", _doc(found)]
    if issubclass(found, Options) and found is not Options:
        lines.append(_table(found))
    inner = vars(found).get("Config")
    if inner is not None and inner.model_fields:
        lines += ["Its options:", _table(inner)]
    attributes = _attributes(found)
    if attributes:
        lines.append(attributes)
    for name, member in vars(found).items():
        if name in HIDDEN:
            continue
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(member, property):
            lines.append(f"#### `{found.__name__}.{name}`\n\n{_doc(member)}")
        elif inspect.isfunction(function) and not name.startswith("_") and function.__doc__:
            lines.append(f"#### `{found.__name__}.{name}{_signature(function)}`\n\n{_doc(member)}")
    return "\n\n".join(line for line in lines if line)


def _attributes(found: type) -> str:
    """The class attributes with the comments ``#:`` above them, and their defaults."""
    rows = []
    comment: list[str] = []
    done = False  # whether the comment was of an attribute above
    for line in inspect.getsource(found).splitlines():
        text = line.strip()
        if text.startswith("#:"):
            comment, done = ([] if done else comment), False
            comment.append(text.removeprefix("#:").strip())
            continue
        match = re.match(r"(\w+): ClassVar\[.*?\](?: = (.*))?$", text)
        if match and line.startswith("    ") and not line.startswith("     "):
            about = " ".join(comment)
            rows.append(f"| `{match[1]}` | `{match[2] or 'to be set'}` | {about} |")
            done = True
        elif text:
            comment = []
    head = "| class attribute | usually | what it is |\n| --- | --- | --- |\n"
    return head + "\n".join(rows) if rows else ""


def _table(options: type[Options]) -> str:
    rows = [
        f"| `{row['name']}` | `{row['default']}` | {row['takes']} | {row['description']} |"
        for row in table(options)
    ]
    return "\n".join(["| option | default | takes | |", "| --- | --- | --- | --- |", *rows])


def _functions() -> str:
    parts = ["### Functions and models"]
    for name in (
        "train",
        "resume",
        "load",
        "evaluate",
        "compare",
        "list_architectures",
        "list_models",
        "use",
    ):
        function = getattr(ganzoo, name)
        parts.append(f"#### `ganzoo.{name}{_signature(function)}`\n\n{_doc(function)}")
    shown = ", ".join(f"`{name}`" for name in ganzoo.__all__ if name != "__version__")
    parts.append(f"All that `ganzoo` exports: {shown}.")
    return "\n\n".join(parts)


def _tests() -> Iterator[str]:
    yield _doc(ganzoo.testing)
    yield f"### `ganzoo.testing.ArchitectureTests`\n\n{_doc(ganzoo.testing.ArchitectureTests)}"
    yield "| check | what it holds against an architecture |\n| --- | --- |\n" + "\n".join(
        f"| `{check.name}` | {check.about} |"
        for check in ganzoo.testing.architecture_checks("vanilla")
    )


def _commands() -> Iterator[str]:
    yield f"`ganzoo [OPTIONS] COMMAND ...`: {commands.help}"
    yield _options(commands)
    for entry in sorted(ganzoo_commands(), key=lambda entry: entry.name):
        command = entry.load()
        words = [param.metavar or str(param.name).upper() for param in _arguments(command)]
        yield f"### `ganzoo {' '.join([entry.name, *words])}`\n\n{_doc(command.callback)}"
        yield _options(command)


def _arguments(command: click.Command) -> list[click.Argument]:
    return [param for param in command.params if isinstance(param, click.Argument)]


def _options(command: click.Command) -> str:
    rows = [
        f"| `{', '.join(param.opts)}`"
        + ("" if param.is_flag else f" {param.metavar or param.type.name.upper()}")
        + f" | {param.help} |"
        for param in command.params
        if isinstance(param, click.Option) and not param.hidden
    ]
    return "\n".join(["| option | |", "| --- | --- |", *rows]) if rows else ""


def _signature(function: Any) -> str:
    text = str(inspect.signature(function))
    text = re.sub(r"\b(?:typing|collections\.abc|pathlib|torch|ganzoo(?:\.\w+)*)\.", "", text)
    return text.replace("(self, ", "(").replace("(self)", "()").replace("'", "")


def _doc(found: Any) -> str:
    """A docstring as Markdown: an indented block after ``::`` becomes a fenced one."""
    text = inspect.getdoc(found) or ""
    blocks = re.split(r"::\n\n((?:    .*\n|\n)+)", text + "\n")
    page = blocks[0]
    for code, rest in zip(blocks[1::2], blocks[2::2], strict=True):
        lines = inspect.cleandoc("\n" + code)
        page += f":\n\n```python\n{lines}\n```\n\n{rest}"
    return re.sub(r"``(.+?)``", r"`\1`", page.strip(), flags=re.DOTALL)


if __name__ == "__main__":
    Path(__file__).with_name("reference.md").write_text(reference(), encoding="utf-8")
