"""Architectures by name, and where each comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ganzoo.architecture import Architecture
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError
from ganzoo.plugins import catalogue

_DISTRIBUTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def find_architecture(name: str, plugin: Mapping[str, str] | None = None) -> type[Architecture]:
    """The architecture called `name`; the nearest is suggested where there is none.

    plugin: where a run or a model had it from, for the message where it is no longer installed.
    """
    entries = catalogue().entries(ArchitectureEntry)
    if name not in entries and plugin is not None:
        raise GanzooError(f"architecture {name!r} is not here; {_remedy(plugin)}")
    found = catalogue().find(ArchitectureEntry, "architecture", name, "See: ganzoo list").load()
    if not (isinstance(found, type) and issubclass(found, Architecture)):
        raise GanzooError(f"architecture {name!r}: {found!r} is no subclass of ganzoo.Architecture")
    return found


def _remedy(plugin: Mapping[str, str]) -> str:
    """How to come by the architecture of a model that somebody else may have written."""
    module, distribution = plugin.get("module", ""), plugin.get("distribution", "")
    if module.endswith(".py"):
        return f"it comes from a file: ganzoo --plugin {module} ..."
    if not distribution:
        return "nobody packaged it: from Python, pass architecture= with its class"
    if not _DISTRIBUTION.fullmatch(distribution):
        return f"it claims to come from {distribution[:100]!r}, which is no name of a distribution"
    return (
        f"it comes from {distribution} {plugin.get('version', '')}, which is not installed or is "
        f"broken (see: ganzoo plugins). If you trust it: pip install {distribution}"
    )


def plugin_of(name: str) -> dict[str, str]:
    """Where the architecture called `name` comes from, for the record."""
    entry = catalogue().entries(ArchitectureEntry).get(name)
    if entry is None:
        return {}
    plugin = catalogue().plugin_of(entry)
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
    }
