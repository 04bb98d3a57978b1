"""The options of a run that have a flag and a keyword of their own, as their fields declare them.

A field says in its ``json_schema_extra``:

flag: the one that it has. metavar: what stands for its value in the help.
repeat: how a command that repeats a run says it. ``"flag"``, the usual for what has a flag, or
``"set"``, the usual for the rest: where it differs from the recipe. ``"always"``: by its flag.
``"never"``: it does not change the result.
only_if: fields of the same group, and the values that they must have for it to be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, Literal, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from ganzoo.options import Options, describe
from ganzoo.runs.config import RunConfig, Schedule
from ganzoo.sources.options import Data, other_options
from ganzoo.training import Training

Repeat = Literal["always", "flag", "set", "never"]

#: Where in a `RunConfig` the fields are: a group, or "" for the run itself.
_GROUPS: Final[tuple[tuple[str, type[Options]], ...]] = (
    ("data", Data),
    ("training", Training),
    ("", RunConfig),
    ("schedule", Schedule),
)


@dataclass(frozen=True)
class Choice:
    """An option with a flag. flag: ``--image-size``. group, field: where it is in a `RunConfig`."""

    flag: str
    group: str
    field: str
    info: FieldInfo
    takes: str

    @property
    def keyword(self) -> str:
        """Its name in Python."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def help(self) -> str:
        """One sentence."""
        text = self.info.description or self.field
        return f"{text[0].upper()}{text[1:]}."

    @property
    def metavar(self) -> str | None:
        """What stands for its value in the help; None: the usual for its type."""
        annotation = self.info.annotation
        if get_origin(annotation) is Literal:
            return "|".join(str(choice) for choice in get_args(annotation))
        text = declared(self.info).get("metavar")
        return None if text is None else str(text)

    @property
    def type(self) -> type[int] | type[str]:
        """What it is read as from the command line; the run's configuration checks it."""
        annotation = self.info.annotation
        kinds = {kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType}
        return int if kinds == {int} else str


def choices() -> list[Choice]:
    """All of them, in the order of their groups."""
    others: list[tuple[str, type[Options]]] = [("data", model) for model in other_options()]
    return [
        Choice(str(extra["flag"]), group, name, field, takes[name])
        for group, model in [*_GROUPS, *others]
        for takes in [describe(model)]
        for name, field in model.model_fields.items()
        if "flag" in (extra := declared(field))
    ]


def placed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their keywords, as a configuration file has them; what is None is left out."""
    config: dict[str, Any] = {}
    for choice in choices():
        value = values.get(choice.keyword)
        if value is not None:
            place = config.setdefault(choice.group, {}) if choice.group else config
            place[choice.field] = value
    return config


def declared(field: FieldInfo) -> Mapping[str, Any]:
    """What a field says of itself besides its type and description."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, Mapping) else {}


def repeated(
    values: Mapping[str, Any], usual: Mapping[str, Any], fields: Mapping[str, FieldInfo]
) -> Iterator[tuple[str, str, Repeat, Any]]:
    """What a command that repeats a run must say of a group's `values`: name, flag, how, value.

    usual: the values that need not be said; of a field that is not there, its default. fields:
    the declarations.
    """
    for name, value in values.items():
        field = fields.get(name)
        extra = {} if field is None else declared(field)
        default = None if field is None else field.get_default()
        flag = str(extra.get("flag", ""))
        how = cast(Repeat, extra.get("repeat", "flag" if flag else "set"))
        if how == "never" or (how != "always" and value == usual.get(name, default)):
            continue
        if all(values[key] == needed for key, needed in extra.get("only_if", {}).items()):
            yield name, flag, how, value
