"""Discovery of plugins: each is loaded apart, so that a broken one takes no other down."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import zlib
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Final

from ganzoo.catalogue import Catalogue, Plugin
from ganzoo.errors import GanzooError, unknown
from ganzoo.files import user_path
from ganzoo.version import __version__

GROUP: Final = "ganzoo"
OWN_DISTRIBUTION: Final = "torch-ganzoo"
_OF_FILE: Final = "ganzoo_plugin_file_"  # how the names of files' modules begin


def _installed(catalogue: Catalogue) -> None:
    wanted = {name.strip() for name in os.environ.get("GANZOO_PLUGINS", "").split(",")} - {""}
    points = sorted(importlib.metadata.entry_points(group=GROUP), key=_order)
    known = {name for point in points for name in _names(point)}
    for name in wanted - known:
        raise unknown("plugin", name, known, "It stands in GANZOO_PLUGINS.")
    seen = set()
    for point in points:
        distribution, version = _origin(point)
        # An editable install can show the same entry point twice.
        key = (distribution, point.name, point.value)
        if (wanted and not wanted & _names(point)) or key in seen:
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


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    """ganzoo's own distribution comes first, so that no other can take its names over."""
    distribution, _ = _origin(point)
    return distribution != OWN_DISTRIBUTION, distribution, point.name


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


def file_of(module: str) -> str:
    """The plugin's file that a module is of; empty where it is of none."""
    found = sys.modules.get(module)
    return str(getattr(found, "__file__", "")) if module.startswith(_OF_FILE) else ""


def _from_file(path: Path) -> ModuleType:
    # The name tells the file apart, and lets the classes in it be found by "module:attribute".
    name = f"{_OF_FILE}{path.stem}_{zlib.crc32(bytes(path)):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_catalogue: Catalogue | None = None


def catalogue(strict: bool = True) -> Catalogue:
    """The catalogue of this process, made on first use.

    Raises GanzooError for a broken plugin where GANZOO_STRICT_PLUGINS is 1, unless not `strict`.
    """
    global _catalogue
    if _catalogue is None:
        made = Catalogue()
        core = Plugin("core", OWN_DISTRIBUTION, __version__, "ganzoo.core_entries")
        made.add(core, lambda: importlib.import_module("ganzoo.core_entries"))
        _installed(made)
        _catalogue = made
    broken = [p for p in _catalogue.plugins if p.problems]
    if strict and broken and os.environ.get("GANZOO_STRICT_PLUGINS") == "1":
        raise GanzooError(
            "\n".join(f"plugin {p.name}: {why}" for p in broken for why in p.problems)
        )
    return _catalogue


def add_plugin_file(path: str | os.PathLike[str]) -> Plugin:
    """Take in a plugin that is a Python file and not installed: ``ganzoo --plugin FILE``.

    Raises GanzooError where the file is missing or broken: it was asked for by name.
    """
    try:
        file = user_path(path).resolve()
    except (OSError, RuntimeError) as error:
        raise GanzooError(f"--plugin {path}: {error}") from None
    if not file.is_file():
        raise GanzooError(f"--plugin {path}: there is no such file")
    if any(plugin.module == str(file) for plugin in catalogue().plugins):
        raise GanzooError(f"--plugin {path}: given twice")
    plugin = Plugin(file.stem, "", "", str(file))
    catalogue().add(plugin, lambda: _from_file(file))
    if plugin.problems:
        raise GanzooError(f"--plugin {path}: " + "; ".join(plugin.problems))
    if not plugin.entries:
        raise GanzooError(f"--plugin {path}: it provides nothing. Is a hook marked with @hookimpl?")
    return plugin
