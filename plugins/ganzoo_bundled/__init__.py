"""The bundled models: each folder of ``model_cards``, offered as any plugin offers a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ganzoo import ModelEntry, hookimpl


@hookimpl
def ganzoo_models() -> Iterator[ModelEntry]:
    # In a wheel they are inside the package, in a clone beside the plugins.
    inside = Path(__file__).with_name("model_cards")
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "model_cards"
    for config in sorted(folder.glob("*/config.json")):
        yield ModelEntry(config.parent.name, config.parent)
