"""What ``ganzoo list`` tells: everything that has a name, and where it comes from."""

from __future__ import annotations

from ganzoo.entries import (
    ArchitectureEntry,
    DatasetEntry,
    ExtractorEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
)
from ganzoo.errors import GanzooError
from ganzoo.models.references import Place, known_models, matches, summary
from ganzoo.plugins import catalogue

Row = dict[str, str]


def rows(pattern: str, remote: bool) -> tuple[list[Row], GanzooError | None]:
    """The rows whose name matches, models first; and the error of a Hub that did not answer.

    A row has kind, name, summary, plugin and origin. Imports no torch, and of the Hub's models
    touches no file.
    """
    found = [_model(place) for place in known_models()]
    failure = None
    if remote:
        from ganzoo.models.hub import list_remote

        try:
            found += [
                _row("model", model.name, model.summary, "", "Hugging Face Hub")
                for model in list_remote()
            ]
        except GanzooError as error:
            failure = error
    known = catalogue()
    for kind, entries in (
        ("architecture", known.entries(ArchitectureEntry)),
        ("data set", known.entries(DatasetEntry)),
        ("objective", known.entries(ObjectiveEntry)),
        ("observer", known.entries(ObserverEntry)),
        ("extractor", known.entries(ExtractorEntry)),
    ):
        for entry in entries.values():
            plugin = known.plugin_of(entry)
            found.append(_row(kind, entry.name, entry.summary, plugin.name, plugin.origin))
    return [row for row in found if matches(row["name"], pattern)], failure


def _model(place: Place) -> Row:
    assert place.path is not None
    plugin = origin = ""
    if place.kind == "bundled":
        known = catalogue()
        found = known.plugin_of(known.entries(ModelEntry)[place.name])
        plugin, origin = found.name, f"bundled with {found.origin}"
    return _row("model", place.name, summary(place.path), plugin, origin or "local registry")


def _row(kind: str, name: str, summary: str, plugin: str, origin: str) -> Row:
    return {"kind": kind, "name": name, "summary": summary, "plugin": plugin, "origin": origin}
