"""Discovery of plugins: each is loaded apart, so that a broken one takes no other down."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import time
import traceback
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pluggy

from ganzoo import hookspecs
from ganzoo.entries import (
    ArchitectureEntry,
    CommandEntry,
    DatasetEntry,
    Entry,
    KindEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
    ReaderEntry,
)
from ganzoo.errors import GanzooError, unknown
from ganzoo.version import __version__

GROUP: Final = "ganzoo"
OWN_DISTRIBUTION: Final = "torch-ganzoo"
SLOW_IMPORT_SECONDS: Final = 0.5

HOOKS: Final[dict[str, type[Entry]]] = {
    "ganzoo_architectures": ArchitectureEntry,
    "ganzoo_objectives": ObjectiveEntry,
    "ganzoo_datasets": DatasetEntry,
    "ganzoo_readers": ReaderEntry,
    "ganzoo_kinds": KindEntry,
    "ganzoo_models": ModelEntry,
    "ganzoo_observers": ObserverEntry,
    "ganzoo_commands": CommandEntry,
}


@dataclass
class Plugin:
    """What became of one plugin: where it came from, what it provides, what is wrong with it."""

    name: str
    distribution: str
    version: str
    module: str
    hooks: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def origin(self) -> str:
        return f"{self.distribution} {self.version}".strip()

    @property
    def slow(self) -> bool:
        return self.seconds > SLOW_IMPORT_SECONDS


class Catalogue:
    """Every entry of every plugin that works, by name, and the story of each plugin."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self._table: dict[type[Entry], dict[str, tuple[Entry, Plugin]]] = {
            kind: {} for kind in HOOKS.values()
        }
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def entries(self, kind: type[Entry]) -> dict[str, Entry]:
        """The entries of one kind by name, in the names' order."""
        return {name: entry for name, (entry, _) in sorted(self._table[kind].items())}

    def plugin_of(self, entry: Entry) -> Plugin:
        """The plugin that provides `entry`."""
        return self._table[type(entry)][entry.name][1]

    def find(self, kind: type[Entry], what: str, name: str, hint: str = "") -> Entry:
        """The entry called `name`; an unknown name is an error that suggests the nearest."""
        table = self._table[kind]
        if name not in table:
            raise unknown(what, name, table, hint)
        return table[name][0]

    def name_of(self, kind: type[Entry], target: Any) -> str | None:
        """The name under which an installed plugin offers the object `target`."""
        where = f"{target.__module__}:{target.__qualname__}"
        for name, (entry, _) in self._table[kind].items():
            if entry.target is target or entry.target == where:
                return name
        return None

    def add(self, plugin: Plugin, load: Any) -> None:
        """Import one plugin with `load`, check its hooks and take its entries in."""
        self.plugins.append(plugin)
        start = time.perf_counter()
        try:
            # What a plugin prints at import must not end up in the output of --json.
            with contextlib.redirect_stdout(sys.stderr):
                module = load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, too: a plugin may call sys.exit
            plugin.problems.append(f"import failed: {_cause(error)}")
            return
        finally:
            plugin.seconds = time.perf_counter() - start
        name = f"{plugin.distribution}:{plugin.name}:{plugin.module}"
        try:
            self._manager.register(module, name)
        except (pluggy.PluginValidationError, ValueError) as error:
            plugin.problems.append(f"a hook does not fit: {_cause(error)}")
            with contextlib.suppress(Exception):
                self._manager.unregister(name=name)
            return
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            plugin.problems.append(f"mistyped hook: {_cause(error)}")
            self._manager.unregister(name=name)
            return
        self._collect(plugin, module)

    def _collect(self, plugin: Plugin, module: ModuleType) -> None:
        others = [other for other in self._manager.get_plugins() if other is not module]
        for hook, kind in HOOKS.items():
            caller = self._manager.subset_hook_caller(hook, others)
            if not caller.get_hookimpls():
                continue
            plugin.hooks.append(hook)
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    # A hook may be a generator: it runs here, not when it is called.
                    found = [entry for result in caller() for entry in result]
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                plugin.problems.append(f"{hook} raised {_cause(error)}")
                continue
            for entry in found:
                self._take(plugin, hook, kind, entry)

    def _take(self, plugin: Plugin, hook: str, kind: type[Entry], entry: Any) -> None:
        if not isinstance(entry, kind):
            plugin.problems.append(f"{hook} returned {entry!r}, which is no {kind.__name__}")
            return
        holder = self._table[kind].get(entry.name)
        if holder is not None:
            plugin.problems.append(
                f"{hook}: the name {entry.name!r} of {plugin.origin or plugin.name} is already "
                f"taken by {holder[1].origin or holder[1].name}"
            )
            return
        self._table[kind][entry.name] = (entry, plugin)
        plugin.entries.append(entry)


def _cause(error: BaseException) -> str:
    """One line: the error and the last line of code it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    text = " ".join(str(error).split())
    place = ""
    if isinstance(error, SyntaxError) and error.filename:
        text, place = error.msg, f" ({error.filename}:{error.lineno})"
    elif frames and not isinstance(error, pluggy.PluginValidationError):
        place = f" ({frames[-1].filename}:{frames[-1].lineno})"
    return f"{type(error).__name__}: {text}{place}"


def _installed(catalogue: Catalogue) -> None:
    wanted = {name.strip() for name in os.environ.get("GANZOO_PLUGINS", "").split(",")} - {""}
    points = []
    for point in importlib.metadata.entry_points(group=GROUP):
        dist = point.dist
        points.append((point, dist.name if dist else "", dist.version if dist else ""))
    # ganzoo's own distribution comes first, so that no other can take its names over.
    points.sort(key=lambda p: (p[1] != OWN_DISTRIBUTION, p[1], p[0].name))
    known = {name for point, distribution, _ in points for name in (point.name, distribution)}
    for name in wanted - known:
        raise unknown("plugin", name, known, "It stands in GANZOO_PLUGINS.")
    seen = set()
    for point, distribution, version in points:
        if wanted and not {point.name, distribution} & wanted:
            continue
        # An editable install can show the same entry point twice.
        if (distribution, point.name, point.value) not in seen:
            seen.add((distribution, point.name, point.value))
            plugin = Plugin(point.name, distribution, version, point.value)
            catalogue.add(plugin, point.load)


def _from_file(path: Path) -> ModuleType:
    # The name tells the file apart, and lets the classes in it be found by "module:attribute".
    name = f"ganzoo_plugin_file_{path.stem}_{zlib.crc32(bytes(path)):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_catalogue: Catalogue | None = None


def catalogue() -> Catalogue:
    """The catalogue of this process, made on first use.

    Raises GanzooError for a broken plugin where GANZOO_STRICT_PLUGINS is 1.
    """
    global _catalogue
    if _catalogue is None:
        made = Catalogue()
        core = Plugin("core", OWN_DISTRIBUTION, __version__, "ganzoo.core_entries")
        made.add(core, lambda: importlib.import_module("ganzoo.core_entries"))
        _installed(made)
        _catalogue = made
    broken = [p for p in _catalogue.plugins if p.problems]
    if broken and os.environ.get("GANZOO_STRICT_PLUGINS") == "1":
        raise GanzooError(
            "\n".join(f"plugin {p.name}: {why}" for p in broken for why in p.problems)
        )
    return _catalogue


def add_plugin_file(path: str | os.PathLike[str]) -> Plugin:
    """Take in a plugin that is a Python file and not installed: ``ganzoo --plugin FILE``.

    Raises GanzooError where the file is missing or broken: it was asked for by name.
    """
    file = Path(path).resolve()
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
