"""What ``ganzoo info`` tells: an architecture's options, or where a model comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo.architecture import Training
from ganzoo.engine.config import Data, Schedule, objective_class, own_objective
from ganzoo.engine.run import Run, is_run
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError
from ganzoo.files import read_json
from ganzoo.options import table
from ganzoo.plugins import catalogue
from ganzoo.registry.model_folder import CONFIG, find_architecture, plugin_of


def describe(name: str) -> dict[str, Any]:
    """A description as plain JSON. Raises GanzooError for a name that is neither."""
    path = Path(name)
    if is_run(path):
        run = Run.open(path)
        metrics = run.metrics()
        return {
            "run": str(path),
            "finished": run.finished,
            "checkpoints": sorted(run.checkpoints.steps()),
            "last_metrics": metrics[-1] if metrics else None,
            "config": run.config.model_dump(mode="json"),
        }
    if (path / CONFIG).is_file():
        training = path / "training.json"
        return {
            "model": str(path),
            "config": read_json(path / CONFIG),
            "training": read_json(training) if training.is_file() else None,
        }
    if path.is_dir() and name not in catalogue().entries(ArchitectureEntry):
        raise GanzooError(f"{name} is no run and no model folder")
    return _architecture(name)


def _architecture(name: str) -> dict[str, Any]:
    found = find_architecture(name)
    entry = catalogue().entries(ArchitectureEntry)[name]
    objective = objective_class(own_objective(found), found)
    defaults = objective.Config.model_validate(found.objective_options)
    return {
        "architecture": name,
        "summary": entry.summary,
        "paper": found.paper,
        "plugin": plugin_of(name),
        "samples": list(found.kinds) or ["any"],
        "image_sizes": list(found.image_sizes) or ["any"],
        "conditional": found.conditional,
        "objective": own_objective(found),
        "options": {
            "": table(found.Config),
            "objective.": table(objective.Config, defaults),
            "training.": table(Training, found.training),
            "data.": table(Data),
            "schedule.": table(Schedule),
        },
    }


def text(described: dict[str, Any]) -> str:
    """A description for a terminal."""
    lines = []
    for key, value in described.items():
        if key == "options":
            lines.append("\nOptions, with their defaults (--set NAME=VALUE):")
            for prefix, rows in value.items():
                lines += [_option(prefix, row) for row in rows]
        elif isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {name}: {_short(inner)}" for name, inner in value.items()]
        else:
            lines.append(f"{key}: {_short(value)}")
    return "\n".join(lines)


def _option(prefix: str, row: dict[str, Any]) -> str:
    name = f"{prefix}{row['name']}={_short(row['default'])}"
    return f"  {name:<40} {row['description']} ({row['takes']})"


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_short(inner)}" for key, inner in value.items()) or "none"
    if value is None:
        return "null"
    return str(value) if value != "" else "none"
