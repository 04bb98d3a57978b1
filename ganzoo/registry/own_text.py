"""The user's part of a card, which outlives what ganzoo writes beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from ganzoo.errors import GanzooError, one_line
from ganzoo.options import Options

BEGIN: Final = "<!-- ganzoo writes what is between these two lines; it keeps what is outside -->"
UNKNOWN: Final = "unknown"  # the Hub's identifier of a licence that nobody stated

_END: Final = re.compile(r"<!-- ganzoo: end (\{.*\}) -->")
_FRONT: Final = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_MOST_FRONT: Final = 64 << 10  # letters of metadata


class Ours(Options):
    """What in a card's metadata is ganzoo's, told in the last line of its part.

    own: the digest of the user's part in the folder that the card was made from.
    """

    own: str = ""
    tags: list[str] = []
    datasets: list[str] = []
    pipeline_tag: str | None = None
    results: list[str] = []


@dataclass(frozen=True)
class Own:
    """What in a card is not ganzoo's: text before and after, metadata, results.

    published: the digest of the user's part in the folder that the card was made from.
    """

    before: str = ""
    after: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    results: tuple[Any, ...] = ()
    published: str = ""

    @property
    def digest(self) -> str:
        """It changes when the user's part does."""
        results = [dataclasses.asdict(result) for result in self.results]
        parts = [self.before, self.after, self.metadata, results]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __bool__(self) -> bool:
        return bool(self.before or self.after or self.metadata or self.results)


def end_line(ours: Ours) -> str:
    """The last line of ganzoo's part."""
    state = json.dumps(ours.model_dump(exclude_defaults=True))
    return f"<!-- ganzoo: end {state.replace('-->', '')} -->"


def body(card: str) -> str:
    """A card without its metadata."""
    return _FRONT.sub("", card, count=1)


def read_own(card: str, where: str) -> Own:
    """The user's part of a card. One without ganzoo's part is all the user's.

    where: names the card in a message. Raises GanzooError where its metadata cannot be read.
    """
    text = body(card)
    before, begin, rest = text.partition(BEGIN)
    ends = list(_END.finditer(rest))
    ours = Ours()
    if begin and ends:
        ours = _ours(ends[-1][1])
        after = rest[ends[-1].end() :]
    else:  # a line of the two is gone: nobody can tell what is ganzoo's
        before, after = _END.sub("", before + rest), ""
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
    return Own(before, after, metadata, others, ours.own)


def merge(here: Own, there: Own) -> Own:
    """What to publish, of the user's part in a folder and of that on the Hub.

    Where only one of them has changed since the folder was last published, it is that one. Where
    both have, nothing is lost: the texts stand one after the other, and the Hub's metadata wins.
    """
    if not there or there.published == there.digest:
        return here
    if there.published == here.digest:
        return there
    results = {(r.dataset_name, r.metric_name): r for r in (*here.results, *there.results)}
    return Own(
        _both(there.before, here.before),
        _both(there.after, here.after),
        {**here.metadata, **there.metadata},
        tuple(results.values()),
    )


def _both(first: str, second: str) -> str:
    if second in first:
        return first
    return second if first in second else f"{first}\n\n{second}"


def _metadata(card: str, where: str) -> tuple[dict[str, Any], list[Any]]:
    """The metadata but for what is always ganzoo's, and the results in it."""
    front = _FRONT.match(card)
    if front is None:
        return {}, []
    import yaml
    from huggingface_hub import ModelCard

    try:
        if len(front[1]) > _MOST_FRONT:
            raise ValueError(f"it has {len(front[1])} letters")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(front[1])):
            raise ValueError("it has YAML aliases, by which a few lines fill all memory")
        data = ModelCard(f"---\n{front[1]}\n---\n", ignore_metadata_errors=True).data
        values: dict[str, Any] = data.to_dict()
    except Exception as error:  # of yaml, of the Hub's own checks, too deep nesting
        raise GanzooError(
            f"{where}: its metadata cannot be read: {one_line(error)[:300]}"
        ) from None
    for key in ("library_name", "model-index", "model_name", "eval_results"):
        values.pop(key, None)
    return values, list(getattr(data, "eval_results", None) or ())


def _ours(state: str) -> Ours:
    try:
        return Ours.model_validate(json.loads(state))
    except (ValueError, RecursionError):  # somebody changed the line
        return Ours()


def _texts(value: Any) -> list[str]:
    items = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    return [item for item in items if isinstance(item, str)]
