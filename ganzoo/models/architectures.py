"""Architectures by name, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping

from ganzoo.architecture import Architecture
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError
from ganzoo.models.folder import is_distribution
from ganzoo.plugins import catalogue


def find_architecture(name: str, plugin: Mapping[str, str] | None = None) -> type[Architecture]:
    """The architecture called `name`; the nearest is suggested where there is none.

    plugin: where a run or a model had it from, for the message where it is no longer installed.
    """
    entries = catalogue().entries(ArchitectureEntry)
    hint = "See: ganzoo list"
    if name not in entries and plugin is not None and _is_here(plugin):
        hint = f"It comes from {plugin['distribution']} {plugin.get('version', '')}. {hint}"
    elif name not in entries and plugin is not None:
        raise GanzooError(f"architecture {name!r} is not here; {_remedy(plugin)}")
    found: type[Architecture] = (
        catalogue().find(ArchitectureEntry, "architecture", name, hint).load()
    )
    check_class(found)
    return found


def check_class(architecture: object) -> None:
    """Raise GanzooError where an object is no architecture."""
    if not (isinstance(architecture, type) and issubclass(architecture, Architecture)):
        raise GanzooError(f"architecture {architecture!r} is no subclass of ganzoo.Architecture")


def _is_here(plugin: Mapping[str, str]) -> bool:
    """Whether that very plugin is installed and whole: then it is the name that is wrong."""
    wanted = (plugin.get("distribution", ""), plugin.get("module"))
    here = [p for p in catalogue().plugins if (p.distribution, p.module) == wanted]
    return bool(wanted[0] and here) and not any(p.problems for p in here)


def _remedy(plugin: Mapping[str, str]) -> str:
    """How to come by the architecture of a model that somebody else may have written."""
    module, distribution = plugin.get("module", ""), plugin.get("distribution", "")
    if module.endswith(".py"):
        return f"it comes from a file: ganzoo --plugin {module} ..."
    if not distribution:
        return "nobody packaged it: from Python, pass architecture= with its class"
    if not is_distribution(distribution):
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
