"""Options as controls of the page: each field of a pydantic model is a slider, a box or a list."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import annotated_types
import gradio as gr
from gradio.components import Component
from pydantic.fields import FieldInfo

from ganzoo import Options


def controls(options: type[Options]) -> dict[str, Component]:
    """A control for each option, with its default."""
    return {name: _control(name, field) for name, field in options.model_fields.items()}


def _control(name: str, field: FieldInfo) -> Component:
    label, info = name.replace("_", " "), field.description
    value, kind = field.get_default(call_default_factory=True), field.annotation
    if kind is bool:
        return gr.Checkbox(value, label=label, info=info)
    if get_origin(kind) is Literal:
        return gr.Dropdown(list(get_args(kind)), value=value, label=label, info=info)
    if kind in (int, float):
        low, high = _bounds(field)
        step: float | None = 1 if kind is int else None
        if low is not None and high is not None:
            step = step or (high - low) / 100
            return gr.Slider(low, high, value, step=step, label=label, info=info)
        return gr.Number(value, label=label, info=info, minimum=low, maximum=high, step=step or 0.1)
    return gr.Textbox("" if value is None else str(value), label=label, info=info)


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    low: Any = None
    high: Any = None
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge | annotated_types.Gt):
            low = getattr(rule, "ge", getattr(rule, "gt", None))
        if isinstance(rule, annotated_types.Le | annotated_types.Lt):
            high = getattr(rule, "le", getattr(rule, "lt", None))
    return low, high


def given(names: list[str], values: tuple[Any, ...]) -> dict[str, Any]:
    """What the controls say; one that is left empty says nothing."""
    pairs = zip(names, values, strict=True)
    return {name: value for name, value in pairs if value not in (None, "")}
