"""Text that Python itself brings, so that none is downloaded."""

import random
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from ganzoo import Dataset
from ganzoo_text.lines import lines_as_data
from ganzoo_text.reader import sentences
from ganzoo_text.tokens import Tokens

HELD_OUT: Final = 5  # each fifth line is for testing
_NUMBERED: Final = re.compile(r"(?:CJK|HANGUL SYLLABLE)\b.*|.*\d.*")
_LONGEST: Final = 8  # words of a character's name
_PLAIN: Final = re.compile(r"[A-Z][A-Za-z ,;:'()\"-]{20,}\.")


def character_names(split: str) -> Dataset:
    """Names of characters in Unicode 3.2, such as GREEK SMALL LETTER ALPHA WITH TONOS, in words.

    Every Python has that version beside its own. Left out are names with numbers, of more than 8
    words, and with a word that is rare.
    """
    return _half("character-names", list(_names()), split, 500, _LONGEST)


def python_manual(split: str) -> Dataset:
    """Sentences of Python's language reference, in words: up to 12 of each that has no code in it.

    The text is that of the Python that is running, under its licence.
    """
    from pydoc_data.topics import topics

    every = dict.fromkeys(line for text in topics.values() for line in sentences(text))
    plain = [line.lower() for line in every if _PLAIN.fullmatch(line)]
    return _half("python-manual", plain, split, 1500, 12, lower=True)


def _half(
    name: str, lines: list[str], split: str, vocabulary: int, length: int, lower: bool = False
) -> Dataset:
    random.Random(0).shuffle(lines)  # alike ones lie together
    tokens = Tokens.of("words", lines, vocabulary)
    held_out = [place % HELD_OUT == 0 for place in range(len(lines))]
    mine = [line for line, out in zip(lines, held_out, strict=True) if out == (split == "test")]
    return lines_as_data(name, mine, tokens, length, lower)


def _names() -> Iterator[str]:
    for number in range(0x110000):
        name = unicodedata.ucd_3_2_0.name(chr(number), "")
        if 0 < len(name.split()) <= _LONGEST and not _NUMBERED.fullmatch(name):
            yield name
