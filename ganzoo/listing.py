"""What ``ganzoo list`` shows: everything that has a name, and where it comes from. Light: no
torch, no pydantic."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Final

from ganzoo.entries import ModelEntry
from ganzoo.entry import Entry
from ganzoo.errors import GanzooError, unknown
from ganzoo.files import read_json
from ganzoo.hookspecs import HOOKS
from ganzoo.layout import CONFIG, TRAINING
from ganzoo.models.hub import list_remote
from ganzoo.models.references import NamedReference, matches, named_models
from ganzoo.plugins import catalogue

Row = dict[str, str]

_MOST_BYTES: Final = 16 << 20  # of a file that is read for a list
_MOST_LETTERS: Final = 300  # of one line


def parse(words: tuple[str, ...]) -> tuple[type[Entry] | None, str]:
    """The kind of entry and the pattern that ``ganzoo list [KIND] [PATTERN]`` asks for.

    Raises GanzooError for more words than that, and for a first of two that is no kind.
    """
    kinds = _kinds()
    if not words:
        return None, "*"
    if len(words) > 2:
        raise GanzooError(f"list {' '.join(words)}: it takes a kind, a pattern, or both")
    if words[0] in kinds:
        return kinds[words[0]], words[1] if len(words) == 2 else "*"
    if len(words) == 2:
        raise unknown("kind of entry", words[0], [hook.removeprefix("ganzoo_") for hook in HOOKS])
    return None, words[0]


def _kinds() -> dict[str, type[Entry]]:
    """The kinds of entry by the words for them: architectures, data or datasets, ..."""
    kinds = {kind.label.split()[0]: kind for kind in HOOKS.values()}
    return kinds | {hook.removeprefix("ganzoo_"): kind for hook, kind in HOOKS.items()}


def nearest(pattern: str, listed: list[Row]) -> str:
    """What may have been meant by a pattern that nothing matches: a kind, or one of the names."""
    words = [*_kinds(), *(row["name"] for row in listed)]
    near = difflib.get_close_matches(pattern, words, n=1, cutoff=0.6)
    return near[0] if near else ""


def rows(
    pattern: str, remote: bool = False, only: type[Entry] | None = None
) -> tuple[list[Row], GanzooError | None]:
    """The rows whose name matches, models first; and the error of a Hub that did not answer.

    only: one kind of entry, else all that are listed. A row has kind, name, summary, plugin and
    origin. Of the Hub's models no file is touched.
    """
    kinds = [kind for kind in HOOKS.values() if kind.listed] if only is None else [only]
    listed: list[Row] = []
    failure = None
    if ModelEntry in kinds:
        listed += [_model(reference) for reference in named_models()]
        if remote:
            try:
                listed += _remote()
            except GanzooError as error:
                failure = error
    known = catalogue()
    for kind in kinds:
        if kind is ModelEntry:
            continue
        for entry in known.entries(kind).values():
            plugin = known.plugin_of(entry)
            origin = plugin.reference.origin
            listed.append(_row(kind.label, entry.name, entry.summary, plugin.name, origin))
    return [row for row in listed if matches(row["name"], pattern)], failure


def _remote() -> list[Row]:
    return [
        _row(ModelEntry.label, model.name, model.summary, "", "Hugging Face Hub")
        for model in list_remote()
    ]


def _model(reference: NamedReference) -> Row:
    plugin, origin = "", "local registry"
    if reference.bundled:
        known = catalogue()
        source = known.plugin_of(known.entries(ModelEntry)[reference.name])
        plugin, origin = source.name, f"bundled with {source.reference.origin}"
    return _row(ModelEntry.label, reference.name, _summary(reference), plugin, origin)


def _row(kind: str, name: str, summary: str, plugin: str, origin: str) -> Row:
    return {"kind": kind, "name": name, "summary": summary, "plugin": plugin, "origin": origin}


def _summary(reference: NamedReference) -> str:
    """One line on a model folder."""
    try:
        reference.check()
        text = _about(reference.path)
    except (KeyError, TypeError, AttributeError):
        return f"damaged: {CONFIG} or {TRAINING} is not a model's"
    except GanzooError as error:
        return f"damaged: {error}"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."


def _about(path: Path) -> str:
    config: Any = _small_json(path / CONFIG)
    shape = "x".join(str(length) for length in config["spec"]["shape"])
    text = f"{config['architecture']}, {config['spec']['kind']} {shape}"
    if (path / TRAINING).is_file():
        data: Any = _small_json(path / TRAINING).get("data")
        text += f", trained on {data['source'] or data['name']}" if data else ""
    return text


def _small_json(path: Path) -> Any:
    # A list must not wait for a pipe, nor read a file without end.
    if not path.is_file() or path.stat().st_size > _MOST_BYTES:
        raise GanzooError(f"{path.name} is not a small file")
    return read_json(path)
