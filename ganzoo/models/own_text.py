"""The user's part of a card, which outlives what ganzoo writes beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ganzoo.errors import GanzooError, one_line
from ganzoo.options import Options

BEGIN: Final = "<!-- ganzoo writes what is between these two lines; it keeps what is outside -->"
UNKNOWN: Final = "unknown"  # the Hub's identifier of a licence that nobody stated

_END: Final = "<!-- ganzoo: end "
_CLOSE: Final = "-->"
_FRONT: Final = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_MOST_FRONT: Final = 64 << 10  # letters of metadata
_MOST_BRACKETS: Final = 2000  # in metadata; the time to read it grows with their square


class Ours(Options):
    """What in a card's metadata is ganzoo's, told in the last line of its part.

    name: what the card says to load, where the metadata's name of the model is not that.
    """

    tags: list[str] = []
    datasets: list[str] = []
    pipeline_tag: str | None = None
    results: list[str] = []
    name: str = ""


@dataclass(frozen=True)
class Own:
    """What in a card is not ganzoo's: text before and after, metadata, results."""

    before: str = ""
    after: str = ""
    license: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    results: tuple[Any, ...] = ()


def end_line(ours: Ours) -> str:
    """The last line of ganzoo's part."""
    state = json.dumps(ours.model_dump(exclude_defaults=True))
    return f"<!-- ganzoo: end {state.replace('-->', '')} -->"


def body(card: str) -> str:
    """A card without its metadata."""
    return _FRONT.sub("", card, count=1)


@dataclass(frozen=True)
class _End:
    """A last line of ganzoo's part that stands in a card, and what it tells, as JSON."""

    start: int
    stop: int
    state: str


def _ends(text: str) -> list[_End]:
    """Those in a text, in order. The time grows with its length alone, whatever it says."""
    found = []
    close = text.find(_CLOSE)
    begin = 0
    while close >= 0:
        start = text.rfind(_END, begin, close)
        state = "" if start < 0 else text[start + len(_END) : close].strip()
        if state[:1] == "{" and state[-1:] == "}" and "\n" not in state:
            found.append(_End(start, close + len(_CLOSE), state))
        begin = close + len(_CLOSE)
        close = text.find(_CLOSE, begin)
    return found


def _without_ends(text: str) -> str:
    stops = [0, *(end.stop for end in _ends(text))]
    starts = [*(end.start for end in _ends(text)), len(text)]
    return "".join(text[stop:start] for stop, start in zip(stops, starts, strict=True))


def read_own(card: str, where: str) -> Own:
    """The user's part of a card. One without ganzoo's part is all the user's.

    where: names the card in a message. Raises GanzooError where its metadata cannot be read.
    """
    text = body(card)
    before, begin, rest = text.partition(BEGIN)
    ends = _ends(rest)
    ours = Ours()
    if begin and ends:
        ours = _ours(ends[-1].state)
        after = rest[ends[-1].stop :]
    else:  # a line of the two is gone: nobody can tell what is ganzoo's
        before, after = _without_ends(before + rest), ""
    metadata, results = _metadata(card, where)
    if metadata.get("license") == UNKNOWN:
        del metadata["license"]
    if metadata.get("pipeline_tag") == ours.pipeline_tag:
        metadata.pop("pipeline_tag", None)
    for key, written in (("tags", ours.tags), ("datasets", ours.datasets)):
        rest_of = [item for item in _texts(metadata.pop(key, ())) if item not in written]
        if rest_of:
            metadata[key] = rest_of
    others = tuple(result for result in results if result.metric_name not in ours.results)
    before, after = before.replace(BEGIN, "").strip(), after.replace(BEGIN, "").strip()
    license = str(metadata.pop("license", None) or "")
    return Own(before, after, license, metadata, others)


def joined(there: Own, here: Own) -> Own:
    """The user's part of a card that is replaced, `there`, with that of the one that takes its
    place, `here`. Nothing is lost: all that is there stays, and the paragraphs, tags and metadata
    of `here` that are not there yet are added. Where both state the same thing, `there` holds."""
    lists: dict[str, Any] = {
        key: list(dict.fromkeys([*there.metadata.get(key, ()), *here.metadata.get(key, ())]))
        for key in ("tags", "datasets")
        if key in there.metadata or key in here.metadata
    }
    results = {_key(result): result for result in (*here.results, *there.results)}
    known = {*_paragraphs(there.before), *_paragraphs(there.after)}
    return Own(
        _added(there.before, here.before, known),
        _added(there.after, here.after, known),
        there.license or here.license,
        {**here.metadata, **there.metadata, **lists},
        tuple(results.values()),
    )


def _key(result: Any) -> tuple[str, str, str | None]:
    return result.unique_identifier, result.metric_type, result.metric_name


def _added(text: str, more: str, known: set[str]) -> str:
    new = [paragraph for paragraph in _paragraphs(more) if paragraph not in known]
    return "\n\n".join([*([text] if text else []), *new])


def _paragraphs(text: str) -> Iterator[str]:
    """A text's paragraphs, without the empty lines between; a block of code is one of them."""
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        mark = line.strip()[:3]
        if mark in ("```", "~~~") and fence in ("", mark):
            fence = "" if fence else mark
        if line.strip() or fence:
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def name_in(card: str, where: str) -> str:
    """What ganzoo's part of a card says to load; empty where nothing says it, as in older cards of
    models without a name."""
    ends = _ends(card)
    if ends and (name := _ours(ends[-1].state).name):
        return name
    model_name = str(getattr(_parsed(card, where), "model_name", None) or "")
    return "" if model_name == "folder" else model_name  # the end of "path/to/this/folder"


def library_of(card: str, where: str) -> str:
    """The library that a card says its model is of; empty where it says none."""
    return str(getattr(_parsed(card, where), "library_name", None) or "")


def _metadata(card: str, where: str) -> tuple[dict[str, Any], list[Any]]:
    """The metadata but for what is always ganzoo's, and the results in it."""
    data = _parsed(card, where)
    values: dict[str, Any] = {} if data is None else data.to_dict()
    for key in ("library_name", "model-index", "model_name", "eval_results"):
        values.pop(key, None)
    return values, list(getattr(data, "eval_results", None) or ())


def _parsed(card: str, where: str) -> Any:
    """The metadata as huggingface_hub has it; None where there is none."""
    front = _FRONT.match(card)
    if front is None:
        return None
    import yaml
    from huggingface_hub import ModelCard

    try:
        if len(front[1]) > _MOST_FRONT:
            raise ValueError(f"it has {len(front[1])} letters")
        if sum(map(front[1].count, "[{")) > _MOST_BRACKETS:
            raise ValueError(f"it has more than {_MOST_BRACKETS} brackets")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(front[1])):
            raise ValueError("it has YAML aliases, by which a few lines fill all memory")
        return ModelCard(f"---\n{front[1]}\n---\n", ignore_metadata_errors=True).data
    except Exception as error:  # of yaml, of the Hub's own checks, too deep nesting
        why = one_line(error)[:300]
        raise GanzooError(f"{where}: its metadata cannot be read: {why}") from None


def _ours(state: str) -> Ours:
    try:
        values = json.loads(state)
        values.pop("own", None)  # cards of ganzoo 0.1 and before have digests there
        return Ours.model_validate(values)
    except (AttributeError, ValueError, RecursionError):  # somebody changed the line
        return Ours()


def _texts(value: Any) -> list[str]:
    items = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    return [str(item) for item in items if isinstance(item, str | int | float)]
