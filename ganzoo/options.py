"""Options: pydantic models with types, bounds and a description each, and errors in plain words."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args, get_origin

import pydantic

from ganzoo.errors import GanzooError, unknown


class Options(pydantic.BaseModel):
    """Base of every set of options. Unknown keys are refused; values cannot be changed later."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """``--set`` gives texts, which pydantic turns into numbers, but not for a Literal."""
        if not isinstance(value, str) or info.field_name not in cls.model_fields:
            return value
        choices = _choices(cls.model_fields[info.field_name].annotation)
        return next((choice for choice in choices if str(choice) == value), value)


def _choices(annotation: Any) -> list[Any]:
    """What a Literal allows, also where it is one of several types."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for part in get_args(annotation) for choice in _choices(part)]


OptionsType = TypeVar("OptionsType", bound=Options)


def make(
    model: type[OptionsType], values: Mapping[str, Any], where: str, prefix: str = ""
) -> OptionsType:
    """Build `model` from `values`.

    where: whose options these are, for the message. prefix: how they are addressed (``training.``).
    Raises GanzooError that names the option, what it takes, and the value it was given.
    """
    try:
        return model.model_validate(dict(values))
    except pydantic.ValidationError as error:
        faults = error.errors()
    # A mistyped name leaves a required one missing, too: the mistyped one says more.
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    mistyped = fault["type"] == "extra_forbidden"
    path, options = _place(model, [str(part) for part in fault["loc"]], mistyped)
    name, inside = (path[-1], "".join(f"{part}." for part in path[:-1])) if path else ("", "")
    if mistyped:
        raise unknown(f"option of {where}", name, options.model_fields, inside=inside)
    if fault["type"] == "missing":
        raise GanzooError(f"{where}: {inside}{name} is missing")
    text = fault["msg"].removeprefix("Value error, ")
    if not name:
        raise GanzooError(f"options of {where}={fault['input']!r}: {text}.")
    value = functools.reduce(_inner, path, dict(values))
    raise GanzooError(
        f"{prefix}{inside}{name}={value!r}: {text}. It takes {describe(options)[name]}."
    )


def _place(
    model: type[Options], location: Sequence[str], mistyped: bool
) -> tuple[list[str], type[Options]]:
    """Where pydantic found a fault: the path to the option, and the options that it is one of.

    mistyped: the last part of `location` is a name that none of the options there has.
    """
    options, inner = model, [model]  # inner: what the value at this place may be
    path: list[str] = []
    end = 0  # of the path to the innermost option
    for part in location:
        branch = [candidate for candidate in inner if candidate.__name__ == part]
        if branch:  # pydantic names the alternative of a union that it tried
            inner = branch
            continue
        path.append(part)
        owner = next((candidate for candidate in inner if part in candidate.model_fields), None)
        if owner is not None:
            options, end = owner, len(path)
            inner = _models(owner.model_fields[part].annotation)
    return (path, inner[0]) if mistyped and inner else (path[:end], options)


def _models(annotation: Any) -> list[type[Options]]:
    """The options that a type holds: itself, or those in a tuple, a dict or a union."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _inner(value: Any, part: str) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str) and part.isdecimal():
        return value[int(part)]
    return value.get(part) if isinstance(value, Mapping) else value


def parse(text: str) -> Any:
    """The value of ``--set KEY=VALUE``: JSON for a list, an object or null, else the text."""
    if text.startswith(("[", "{")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise GanzooError(f"{text[:40]!r} is not JSON: {error}") from None
    return None if text == "null" else text


def choices(names: Callable[[], Iterable[str]]) -> Callable[[dict[str, Any]], None]:
    """For `json_schema_extra` of an option that takes a name, or a list of them: `names` is called
    when the option is described."""

    def add(schema: dict[str, Any]) -> None:
        part = schema.get("anyOf", [schema])[0]
        part.get("items", part)["enum"] = list(names())

    return add


def describe(model: type[Options]) -> dict[str, str]:
    """What each option takes, such as ``an integer, at least 1``."""
    schema = model.model_json_schema()
    defs = schema.get("$defs", {})
    return {name: _schema_text(part, defs) for name, part in schema["properties"].items()}


def _schema_text(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    if "$ref" in schema:
        schema = defs[schema["$ref"].rsplit("/", 1)[-1]]
    if "anyOf" in schema:
        return " or ".join(_schema_text(part, defs) for part in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    names = {
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "string": "a text",
        "array": "a list",
        "object": "an object",
        "null": "null",
    }
    parts = [names.get(schema.get("type", ""), "a value")]
    if schema.get("type") == "array" and "items" in schema:
        parts[0] = f"a list, each {_schema_text(schema['items'], defs)}"
    bounds = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
        "minItems": "length at least",
        "maxItems": "length at most",
    }
    parts += [f"{words} {schema[bound]}" for bound, words in bounds.items() if bound in schema]
    return ", ".join(parts)


def table(model: type[Options], values: Options | None = None) -> list[dict[str, Any]]:
    """One row an option, for ``ganzoo info``: name, what it takes, default, description."""
    defaults, takes = values or model(), describe(model)
    return [
        {
            "name": name,
            "takes": takes[name],
            "default": defaults.model_dump(mode="json")[name],
            "description": field.description or "",
        }
        for name, field in model.model_fields.items()
    ]
