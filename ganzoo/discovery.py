"""Discovery of the plugins that are installed: which there are, in which order, and which fit."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint
from typing import Final

from ganzoo.catalogue import Catalogue, Plugin, canonical
from ganzoo.errors import unknown
from ganzoo.version import __version__

GROUP: Final = "ganzoo"
OWN_DISTRIBUTION: Final = "torch-ganzoo"


def add_installed(catalogue: Catalogue) -> None:
    """Take in every installed plugin, each apart, so that a broken one takes no other down."""
    chosen = {name.strip() for name in os.environ.get("GANZOO_PLUGINS", "").split(",")} - {""}
    points = _ordered(importlib.metadata.entry_points(group=GROUP))
    known = {name for point in points for name in _names(point)}
    for name in chosen - known:
        raise unknown("plugin", name, known, "It stands in GANZOO_PLUGINS.")
    seen = set()
    for point in points:
        distribution, version = _origin(point)
        # An editable install can show the same entry point twice.
        key = (distribution, point.name, point.value)
        if (chosen and not chosen & _names(point)) or key in seen:
            continue
        seen.add(key)
        plugin = Plugin(point.name, distribution, version, point.value)
        unmet = _unmet(point.dist)
        if unmet:
            plugin.problems.append(
                f"not loaded: it is written for another ganzoo, {unmet}, and this is "
                f"{__version__}: pip install --upgrade {OWN_DISTRIBUTION} {distribution}"
            )
            catalogue.plugins.append(plugin)
        else:
            catalogue.add(plugin, point.load)


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("", "")


def _names(point: EntryPoint) -> set[str]:
    return {point.name, _origin(point)[0]}


def _ordered(points: Iterable[EntryPoint]) -> list[EntryPoint]:
    """A distribution after those that it builds on, else by name: none takes over the names of
    what it requires. All build on the distribution that ganzoo itself is of."""
    groups: dict[str, list[EntryPoint]] = {}
    for point in sorted(points, key=lambda point: (_origin(point), point.name)):
        groups.setdefault(canonical(_origin(point)[0]), []).append(point)
    needs = {name: _required(group[0].dist) - {name} for name, group in groups.items()}
    ordered: list[EntryPoint] = []
    while needs:
        # Where two require each other, the first by name is as good as the other.
        ready = [name for name, required in needs.items() if not required & needs.keys()]
        name = min(ready or needs)
        del needs[name]
        ordered += groups[name]
    return ordered


def _required(distribution: Distribution | None) -> set[str]:
    if distribution is not None and canonical(distribution.name) == OWN_DISTRIBUTION:
        return set()
    stated = distribution.requires or () if distribution is not None else ()
    names = {re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in stated if "extra ==" not in text}
    return {canonical(name) for name in names} | {OWN_DISTRIBUTION}


def _unmet(distribution: Distribution | None) -> str:
    """The requirement of ganzoo that a distribution states and this ganzoo does not meet."""
    if distribution is None or distribution.name == OWN_DISTRIBUTION:
        return ""
    stated = [text for text in distribution.requires or () if "ganzoo" in text.lower()]
    if not stated:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    for text in stated:
        with contextlib.suppress(InvalidRequirement):
            needed = Requirement(text)
            if canonicalize_name(needed.name) != OWN_DISTRIBUTION:
                continue
            applies = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if applies and not needed.specifier.contains(__version__, prereleases=True):
                return f"{OWN_DISTRIBUTION}{needed.specifier}"
    return ""
