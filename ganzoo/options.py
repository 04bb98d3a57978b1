"""Options: pydantic models with types, bounds and a description each, and errors in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import pydantic

from ganzoo.errors import GanzooError, unknown


class Options(pydantic.BaseModel):
    """Base of every set of options. Unknown keys are refused; values cannot be changed later."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        """``--set`` gives texts; of those pydantic makes numbers, but not for a Literal."""
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
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            raise unknown(f"option of {where}", key, model.model_fields) from None
        if first["type"] == "missing":
            raise GanzooError(f"{where}: {key} is missing") from None
        given = values.get(key, first.get("input"))
        text = first["msg"].removeprefix("Value error, ")
        takes = f" It takes {describe(model, key)}." if key in model.model_fields else ""
        name = f"{prefix}{key}={given!r}" if key else f"options of {where}"
        raise GanzooError(f"{name}: {text}.{takes}") from None


def parse(text: str) -> Any:
    """The value of ``--set KEY=VALUE``: JSON for a list, an object or null, else the text."""
    if text.startswith(("[", "{")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise GanzooError(f"{text[:40]!r} is no JSON: {error}") from None
    return None if text == "null" else text


def describe(model: type[Options], key: str) -> str:
    """What an option takes, such as ``an integer, at least 1``."""
    schema = model.model_json_schema()
    return _schema_text(schema["properties"][key], schema.get("$defs", {}))


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
    defaults = values or model()
    return [
        {
            "name": name,
            "takes": describe(model, name),
            "default": defaults.model_dump(mode="json")[name],
            "description": field.description or "",
        }
        for name, field in model.model_fields.items()
    ]
