"""Characters or words: how a text is taken apart and put together again."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

Unit = Literal["characters", "words"]

_WORD: Final = re.compile(r"\w+(?:['\u2019.-]\w+)*|[^\w\s]")
_NO_SPACE_BEFORE: Final = frozenset(",.;:!?)]}%\u2019'\"")
_NO_SPACE_AFTER: Final = frozenset("([{$#@")
_MOST: Final = 65_536  # tokens


@dataclass(frozen=True)
class Tokens:
    """The tokens that texts are made of. The first is the empty text, which fills a line up to its
    end. unit: what the others are."""

    unit: Unit
    texts: tuple[str, ...]

    @classmethod
    def of(cls, unit: Unit, lines: Iterable[str], most: int) -> Self:
        """Those of `lines`, or the `most` that are the most frequent."""
        counts = Counter(token for line in lines for token in apart(line, unit))
        # Of equally frequent ones, in the order of the alphabet, so that they do not depend on
        # the order of the lines.
        first = sorted(counts, key=lambda token: (-counts[token], token))[:most]
        return cls(unit, ("", *sorted(first)))

    @classmethod
    def from_details(cls, details: dict[str, Any]) -> Self:
        """As a spec keeps them. Raises ValueError where it has none."""
        unit, texts = details.get("unit"), details.get("tokens")
        if unit not in ("characters", "words") or not isinstance(texts, list):
            raise ValueError("the details of a text are its unit and its tokens")
        whole = all(isinstance(text, str) for text in texts) and len(set(texts)) == len(texts)
        if not whole or not 2 <= len(texts) <= _MOST or texts[0] != "":
            raise ValueError("its tokens are different texts, the first of them empty")
        return cls(unit, tuple(texts))

    @property
    def details(self) -> dict[str, Any]:
        """As a spec keeps them."""
        return {"unit": self.unit, "tokens": list(self.texts)}

    def places(self) -> dict[str, int]:
        """The number of each token."""
        return {text: place for place, text in enumerate(self.texts)}

    def line(self, places: Sequence[int]) -> str:
        """The tokens of these numbers as a line that a person reads."""
        texts = [self.texts[place] for place in places]
        return together([text for text in texts if text], self.unit)


def apart(line: str, unit: Unit) -> list[str]:
    """The tokens of a line: its characters, or its words and marks."""
    return _WORD.findall(line) if unit == "words" else list(line)


def together(texts: Sequence[str], unit: Unit) -> str:
    """Tokens as a line: words with spaces between them, marks as they are set in print."""
    if unit == "characters":
        return "".join(texts).rstrip()
    line = ""
    for before, text in zip(("", *texts), texts, strict=False):
        close = not before or text in _NO_SPACE_BEFORE or before in _NO_SPACE_AFTER
        line += text if close else f" {text}"
    return line
