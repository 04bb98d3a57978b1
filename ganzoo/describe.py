"""What ``ganzoo info`` tells: an architecture's options, a run's state, a model's card."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from ganzoo.entries import ArchitectureEntry, KindEntry, ObjectiveEntry, ReaderEntry
from ganzoo.entry import Entry
from ganzoo.errors import unknown
from ganzoo.files import user_path
from ganzoo.hookspecs import HOOKS
from ganzoo.hub_name import is_repo
from ganzoo.layout import METRICS, TRAINING, is_model, is_run
from ganzoo.models.folder import read_card, read_object
from ganzoo.models.hub import Access
from ganzoo.models.load import find_architecture
from ganzoo.models.references import RunReference, named_models, reference_to
from ganzoo.models.save import config_json
from ganzoo.options import table
from ganzoo.plugins import catalogue, command_line, reference_of
from ganzoo.runs.config import Schedule
from ganzoo.runs.folder import RunFolder
from ganzoo.runs.resolve import objective_class, own_objective
from ganzoo.sources.options import Data, kind_options, options_of
from ganzoo.training import Training


def describe(name: str) -> dict[str, Any]:
    """A description as plain JSON. Raises GanzooError for a name that is neither."""
    architectures = catalogue().entries(ArchitectureEntry)
    path = user_path(name)
    if name in architectures and not is_run(path) and not is_model(path):
        return _architecture(name)
    models = [reference.name for reference in named_models()]
    if not path.exists() and not is_repo(name) and "://" not in name and name not in models:
        known = catalogue()
        named = {kind: known.entries(kind) for kind in HOOKS.values()}
        found = [entries[name] for entries in named.values() if name in entries]
        if found:
            return _entry(found)
        names = [*models, *(key for kind, keys in named.items() if kind.listed for key in keys)]
        raise unknown("name", name, names, "See: ganzoo list")
    reference = reference_to(name)
    if isinstance(reference, RunReference):
        return _run(reference.run)
    folder = reference.papers(Access())
    return {
        "model": name,
        "place": reference.place,
        "card": read_card(folder.path),
        "config": config_json(folder.config),
        "training": read_object(folder.path, TRAINING),
        "metrics": read_object(folder.path, METRICS),
    }


def _entry(found: list[Entry]) -> dict[str, Any]:
    """What is known of anything else that has a name. found: all that have this one."""
    entry, *others = found
    basic = {field.name for field in fields(Entry)}
    more = {field.name: getattr(entry, field.name) for field in fields(entry)}
    described: dict[str, Any] = {
        entry.label: entry.name,
        "summary": entry.summary,
        "plugin": catalogue().plugin_of(entry).reference.to_json(),
        **{
            name: list(value) if isinstance(value, tuple) else value
            for name, value in more.items()
            if name not in basic and value and name != "begins"
        },
    }
    described.pop("options", None)
    if entry.use:
        described["use"] = entry.use.replace("NAME", entry.name)
    if others:
        described["also"] = [f"{other.label}: {other.summary}" for other in others]
    options = _options_of(entry)
    return described | ({"options": options} if options else {})


def _options_of(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, ObjectiveEntry):
        return {"objective.": table(entry.load().Config)}
    if isinstance(entry, ReaderEntry | KindEntry) and entry.options:
        return {"data.": table(options_of(entry))}
    return {}


def _run(run: RunFolder) -> dict[str, Any]:
    metrics = run.log.newest(1)
    return {
        "run": str(run.path),
        "finished": run.finished,
        "model": str(run.model_path) if is_model(run.model_path) else None,
        "checkpoints": sorted(run.checkpoints.steps()),
        "last_metrics": metrics[-1] if metrics else None,
        "config": run.config.model_dump(mode="json"),
    }


def _architecture(name: str) -> dict[str, Any]:
    architecture = find_architecture(name)
    entry = catalogue().entries(ArchitectureEntry)[name]
    objective = objective_class(own_objective(architecture), architecture)
    defaults = objective.Config.model_validate(architecture.objective_options)
    return {
        "architecture": name,
        "summary": entry.summary,
        "paper": architecture.paper,
        "plugin": reference_of(name).to_json(),
        "samples": list(architecture.kinds) or ["any"],
        "image_sizes": list(architecture.image_sizes) or ["any"],
        "image_multiple": architecture.image_multiple or "squares alone",
        "conditional": architecture.conditional,
        "objective": own_objective(architecture),
        "options": {
            "": table(architecture.Config),
            "objective.": table(objective.Config, defaults),
            "training.": table(Training, architecture.training),
            "data.": table(Data)
            + [row for options in kind_options(architecture.kinds) for row in table(options)],
            "schedule.": table(Schedule),
        },
        "sampling": table(architecture.Sampling),
    }


def text(described: dict[str, Any]) -> str:
    """A description for a terminal: of a model, its card."""
    if described.get("card"):
        return str(described["card"])
    lines = []
    for key, value in described.items():
        if key == "options":
            lines.append("\nOptions, with their defaults (--set NAME=VALUE):")
            for prefix, rows in value.items():
                lines += [_option(prefix, row) for row in rows]
        elif key == "sampling":
            if value:
                lines.append("\nOptions of sampling (ganzoo sample MODEL --set NAME=VALUE):")
                lines += [_option("", row) for row in value]
        elif isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {name}: {_short(inner)}" for name, inner in value.items()]
        else:
            lines.append(f"{key}: {_short(value)}")
    if "run" in described and described["model"]:
        lines.append(f"Its card: {command_line('info', Path(described['model']))}")
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
