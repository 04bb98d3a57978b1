"""What a process knows of plugins: the catalogue, plugins' files in use, unpackaged classes."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import linecache
import os
import shlex
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Final

from ganzoo.catalogue import Catalogue, Plugin, PluginReference
from ganzoo.discovery import OWN_DISTRIBUTION, add_installed
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError
from ganzoo.files import pasted, user_path
from ganzoo.version import __version__

_OF_FILE: Final = "ganzoo_plugin_file_"  # how the names of files' modules begin


_catalogue: Catalogue | None = None


def catalogue(strict: bool = True) -> Catalogue:
    """The catalogue of this process, made on first use.

    Raises GanzooError for a broken plugin where GANZOO_STRICT_PLUGINS is 1, unless not `strict`.
    """
    global _catalogue
    if _catalogue is None:
        new = Catalogue()
        core = Plugin("core", OWN_DISTRIBUTION, __version__, "ganzoo.core_entries")
        new.add(core, lambda: importlib.import_module("ganzoo.core_entries"))
        add_installed(new)
        _catalogue = new
    broken = [p for p in _catalogue.plugins if p.problems]
    if strict and broken and os.environ.get("GANZOO_STRICT_PLUGINS") == "1":
        raise GanzooError(
            "; ".join(f"plugin {p.name}: {why}" for p in broken for why in p.problems)
        )
    return _catalogue


def use(path: str | os.PathLike[str]) -> None:
    """Use a plugin that is a Python file and not installed, as ``ganzoo --plugin FILE`` does.

    Does nothing where the file is in use and has not changed; a file that has changed is taken in
    anew. Raises GanzooError where it is missing or broken: it was asked for by name.
    """
    try:
        file = user_path(path).resolve()
        content = file.read_bytes() if file.is_file() else None
    except (OSError, RuntimeError) as error:
        raise GanzooError(f"--plugin {path}: {error}") from None
    if content is None:
        raise GanzooError(f"--plugin {path}: there is no such file")
    known = catalogue()
    old = next((plugin for plugin in known.plugins if plugin.module == str(file)), None)
    if old is not None and _contents.get(str(file)) == content:
        return
    if old is not None:
        known.remove(old)
    plugin = Plugin(file.stem, "", "", str(file))
    known.add(plugin, lambda: _module_of(file, content))
    problem = "; ".join(plugin.problems)
    if not problem and not plugin.entries:
        problem = "it provides nothing. Is a hook marked with @hookimpl?"
    if problem:
        known.remove(plugin)
        raise GanzooError(f"--plugin {path}: {problem}")
    _contents[str(file)] = content


_contents: dict[str, bytes] = {}  # of plugins' files, as they were taken in


def _module_of(file: Path, content: bytes) -> ModuleType:
    # The name tells the file apart, and lets the classes in it be found by "module:attribute".
    name = f"{_OF_FILE}{file.stem}_{zlib.crc32(bytes(file)):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    linecache.checkcache(str(file))
    # Not by the loader: its cache of compiled files goes by the second in which one was written.
    exec(compile(content, str(file), "exec"), vars(module))
    return module


def file_of(module: str) -> str:
    """The plugin's file that a module is of; empty where it is of none."""
    loaded = sys.modules.get(module)
    return str(getattr(loaded, "__file__", "")) if module.startswith(_OF_FILE) else ""


def command_line(*words: str | os.PathLike[str]) -> str:
    """The text of a ganzoo command that can be pasted, with the plugins' files that are in use.

    words: what follows ``ganzoo``. A path is passed as a `Path`: it is quoted, and never taken
    for an option.
    """
    parts = ["ganzoo"]
    for plugin in catalogue(strict=False).plugins:
        if plugin.reference.is_file:
            parts += ["--plugin", pasted(_from_here(plugin.module))]
    parts += [shlex.quote(word) if isinstance(word, str) else pasted(word) for word in words]
    return " ".join(parts)


def _from_here(file: str) -> str:
    """A file by its path from the working folder where it is inside."""
    with contextlib.suppress(OSError, ValueError):
        return str(Path(file).relative_to(Path.cwd()))
    return file


def reference_of(name: str) -> PluginReference:
    """The plugin that the architecture called `name` comes from, for the record."""
    entry = catalogue().entries(ArchitectureEntry).get(name)
    return PluginReference() if entry is None else catalogue().plugin_of(entry).reference


def is_here(reference: PluginReference) -> bool:
    """Whether that very plugin is in use and whole: then it is a name of it that is wrong."""
    if reference.is_empty:
        return False
    here = [p for p in catalogue().plugins if p.reference.same_plugin(reference)]
    here = [p for p in here if reference.is_file or p.module == reference.module]
    return bool(here) and not any(plugin.problems for plugin in here)


def remedy(reference: PluginReference) -> str:
    """How to come by what a plugin offered, which somebody else may have written."""
    if reference.is_file:
        return f"it comes from a file: ganzoo --plugin {pasted(reference.module)} ..."
    if not reference.distribution:
        return "nobody packaged it: from Python, pass architecture= with its class"
    if not reference.is_installable:
        return (
            f"it claims to come from {reference.distribution[:100]!r}, which is not the name of a "
            "distribution"
        )
    return (
        f"it comes from {reference.origin}, which is not installed or is broken (see: ganzoo "
        f"plugins). If you trust it: pip install {reference.distribution}"
    )
