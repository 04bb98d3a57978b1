"""Labels of image files: the folders that they lie in, or a table that lies beside them."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from torch import Tensor

from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.stored import Stored
from ganzoo.kinds.image.tables import labels_beside
from ganzoo.sources.labels import are_splits, by_name, domain_of, in_order, split_of

_NAMED: Final = 5  # names in a message

Folders = tuple[str, ...]


def sort_out(
    stored: Stored, split: str, known: Sequence[str]
) -> tuple[Stored, Tensor | None, tuple[str, ...]]:
    """The files that are samples, their labels, (N,) int64, and the classes.

    The first folders in which paths differ are classes. Where they are called train, valid or
    test, they are splits, of which `split` chooses one. A table that names the files goes before
    folders. What is guessed is told. known: the classes of the model that the data is for, whose
    order is kept. Raises GanzooError where there is no such split.
    """
    whose = str(stored.root)
    folders = [tuple(name.split("/")[:-1]) for name in stored.names]
    level = _common(folders)
    heads = {folder[level] for folder in folders if len(folder) > level}
    if split:
        chosen = _of_split(heads, folders[0][:level], split, whose)
        if chosen:
            index = [i for i, f in enumerate(folders) if f[level : level + 1] == (chosen,)]
            stored.beside.drop("/".join([*folders[0][:level], head]) for head in heads - {chosen})
            stored, folders = stored.some(index), [folders[i][level + 1 :] for i in index]
    elif are_splits(heads):
        if len(heads) > 1:
            one = next((head for head in heads if split_of(head) == "train"), min(heads))
            _tell(
                f"{whose}: the folders {', '.join(in_order(heads))} are taken as splits, not as "
                f"classes, and all are read; {whose}:{one} takes one"
            )
        folders = [folder[level + 1 :] for folder in folders]
    elif len({split_of(head) or domain_of(head) for head in heads} - {""}) > 1:
        _tell(f"{whose}: the folders {_some(in_order(heads))} are taken as classes")
    while all(folders) and are_splits({folder[0] for folder in folders}):
        folders = [folder[1:] for folder in folders]
    table = labels_beside(stored, _tell)
    if table is not None:
        values, where = table
        stored, names = _labelled(stored, values, where)
    else:
        stored, names = _by_folder(stored, folders)
    if not names:
        return stored, None, ()
    labels, classes = by_name(names, whose)
    if set(classes) <= set(known):
        place = {name: number for number, name in enumerate(known)}
        return stored, _renumbered(labels, [place[name] for name in classes]), tuple(known)
    return stored, labels, classes


def _renumbered(labels: Tensor, places: list[int]) -> Tensor:
    return labels.new_tensor(places)[labels]


def _by_folder(stored: Stored, folders: list[Folders]) -> tuple[Stored, list[str]]:
    """The files that are samples, and of each one its class's name; none where there are none."""
    level = _common(folders)
    heads = Counter(folder[level] for folder in folders if len(folder) > level)
    if len(heads) < 2 or _are_shards(stored, folders, level):
        return stored, []
    strays = [number for number, folder in enumerate(folders) if len(folder) <= level]
    named, count = _some(stored.names[number] for number in strays), len(strays)
    among = f"the folders {_some(in_order(heads))}"
    if count > max(1, len(folders) // 10):
        _tell(
            f"{stored.root}: it is read without labels: {count} of {len(folders)} images lie "
            f"beside {among}: {named}. Put them into folders of classes, or away"
        )
        return stored, []
    if strays:
        _tell(f"{stored.root}: left out, since it lies beside {among}, which are classes: {named}")
        kept = [number for number, folder in enumerate(folders) if len(folder) > level]
        stored, folders = stored.some(kept), [folders[number] for number in kept]
    return stored, [folder[level] for folder in folders]


def _labelled(stored: Stored, values: dict[int, str], where: str) -> tuple[Stored, list[str]]:
    """The files that a table has labels for, and those; none where it has too few."""
    lacking = [number for number in range(len(stored.names)) if number not in values]
    named = _some(stored.names[number] for number in lacking)
    if len(lacking) > max(1, len(stored.names) // 10):
        _tell(
            f"{stored.root}: it is read without labels: {where} has none for {len(lacking)} of "
            f"{len(stored.names)} images: {named}"
        )
        return stored, []
    _tell(f"{stored.root}: labels are read from {where}")
    if lacking:
        _tell(f"{stored.root}: left out, since {where} has no label for it: {named}")
        stored = stored.some(sorted(values))
    return stored, [values[number] for number in sorted(values)]


def _common(folders: list[Folders]) -> int:
    """How many folders all paths have in common at their beginning."""
    least, most = min(folders), max(folders)
    level = 0
    while level < min(len(least), len(most)) and least[level] == most[level]:
        level += 1
    return level


def _of_split(heads: set[str], common: Folders, split: str, whose: str) -> str:
    """The folder among `heads` that a split means; empty where all lie in it."""
    same = [head for head in heads if head == split]
    same = same or [head for head in heads if head.lower() == split.lower()]
    same = same or [h for h in heads if split_of(h) and split_of(h) == split_of(split)]
    if len(same) == 1:
        return same[0]
    if not same and any(split_of(folder) == split_of(split) != "" for folder in common):
        return ""
    there = f"several: {', '.join(in_order(same))}" if same else "none"
    raise GanzooError(
        f"{whose}:{split}: which folder is meant? There is {there}; the folders are "
        f"{_some(in_order(heads)) or 'none'}"
    )


def _are_shards(stored: Stored, folders: list[Folders], level: int) -> bool:
    """Whether folders are 1,000 files each, as StyleGAN's tools and FFHQ have them: of a file
    img00003123.png, ``00003`` or ``03000``."""
    if not all(len(f) > level and re.fullmatch(r"\d{4,}", f[level]) for f in folders):
        return False
    if any(table.endswith("dataset.json") for table in stored.beside.tables):
        return True  # it has said why it gives no labels
    for name, folder in zip(stored.names, folders, strict=True):
        digits = re.search(r"(\d{4,})\.\w+$", name)
        if digits is None:
            return False
        thousand = int(digits[1]) // 1000
        if int(folder[level]) not in (thousand, thousand * 1000):
            return False
    _tell(
        f"{stored.root}: it is read without labels: its folders are parts of a thousand files, not "
        "classes"
    )
    return True


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more


def _tell(text: str) -> None:
    warnings.warn(text, GanzooWarning, stacklevel=6)
