"""Pictures of two sorts, one to be made of the other: two folders, or halves of each picture."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.stored import Stored
from ganzoo.kinds.image.survey import Survey
from ganzoo.sources.labels import domain_of, in_order, split_of

Direction = Literal["AtoB", "BtoA"]

_SIDE: Final = re.compile(r"[ab]", re.IGNORECASE)
_PAIRED: Final = 0.9  # of the files have a partner, where they are pairs
_NAMED: Final = 5  # names in a message


@dataclass(frozen=True)
class Sides:
    """The numbers of the files on each side. paired: those of the same place belong together."""

    first: list[int]
    second: list[int]
    paired: bool

    @property
    def numbers(self) -> tuple[list[int], list[int]]:
        """Those of both sides."""
        return self.first, self.second


@dataclass(frozen=True)
class _Place:
    """Where a file lies. side: A, B or, in neither folder, empty. key: what partners share."""

    side: str
    split: str
    key: tuple[str, ...]


def two_folders(stored: Stored, split: str) -> Sides | None:
    """The images below folders A and B, or trainA, trainB, testA and so on; None where there are
    none. Files of the same name are pairs where nearly all have a partner. What is guessed and left
    out is told. Raises GanzooError where there is no such split."""
    whose, places = str(stored.root), [_place(name) for name in stored.names]
    counts = Counter(place.side for place in places)
    if not (counts["A"] and counts["B"]) or counts[""] > len(places) / 2:
        return None
    splits = {place.split for place in places if place.side}
    if split:
        asked = split_of(split) or split
        if asked not in splits:
            there = ", ".join(in_order(splits - {""})) or "no splits"
            raise GanzooError(f"{whose}:{split}: in its folders A and B there are {there}")
        splits = {asked}
    elif len(splits) > 1:
        _tell(
            f"{whose}: it has the splits {', '.join(in_order(splits - {''}))}, and all are read; "
            f"{whose}:train takes one"
        )
    if counts[""]:
        beside = [name for name, place in zip(stored.names, places, strict=True) if not place.side]
        _tell(f"{whose}: left out, since it lies beside the folders A and B: {_some(beside)}")
    first, second = (
        [n for n, place in enumerate(places) if place.side == side and place.split in splits]
        for side in "AB"
    )
    if not (first and second):
        raise GanzooError(f"{whose}:{split}: there are images in one of the folders A and B alone")
    return _matched(stored, places, first, second)


def _matched(stored: Stored, places: list[_Place], first: list[int], second: list[int]) -> Sides:
    """The two sides in pairs where nearly all files have a partner."""
    keys = [{(places[n].split, places[n].key): n for n in side} for side in (first, second)]
    shared = sorted(keys[0].keys() & keys[1].keys())
    if len(shared) < _PAIRED * max(len(first), len(second)):
        return Sides(first, second, paired=False)
    pairs = Sides([keys[0][key] for key in shared], [keys[1][key] for key in shared], paired=True)
    alone = sorted({*first, *second} - {*pairs.first, *pairs.second})
    if alone:
        _tell(
            f"{stored.root}: left out, since no file of the same name lies on the other side: "
            + _some([stored.names[number] for number in alone])
        )
    return pairs


def _place(name: str) -> _Place:
    *folders, file = name.split("/")
    side, split, rest = "", "", []
    for folder in folders:
        domain = domain_of(folder)
        if not side and (_SIDE.fullmatch(folder) or (domain and _SIDE.fullmatch(folder[-1]))):
            side, split = folder[-1].upper(), domain or split
        elif split_of(folder):
            split = split_of(folder)
        else:
            rest.append(folder)
    return _Place(side, split, (*rest, file.rpartition(".")[0]))


def are_double(found: Survey) -> bool:
    """Whether all images are twice as wide as high, as two squares beside each other are."""
    readable = found.readable
    return bool((found.widths[readable] == 2 * found.heights[readable]).all())


def tell_of_halves(path: object, direction: Direction) -> None:
    """Tell that images are read as halves."""
    sides = ("left", "right") if direction == "AtoB" else ("right", "left")
    _tell(
        f"{path}: all images are twice as wide as high: their {sides[0]} halves are taken as "
        f"inputs, their {sides[1]} ones as samples"
    )


def tell_of_folders(path: object, direction: Direction, sides: Sides) -> None:
    """Tell which side is which."""
    first, second = direction[0], direction[-1]
    pairs = f"{len(sides.first)} pairs" if sides.paired else "not in pairs"
    _tell(
        f"{path}: the images in {first} are taken as inputs, those in {second} as samples, {pairs}"
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _tell(text: str) -> None:
    warnings.warn(text, GanzooWarning, stacklevel=8)
