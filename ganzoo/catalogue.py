"""The catalogue: every entry of every plugin that works, and the story of each plugin."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar, Final, TypeVar, cast

import pluggy

from ganzoo import hookspecs
from ganzoo.entry import Entry
from ganzoo.errors import one_line, unknown
from ganzoo.hookspecs import HOOKS
from ganzoo.version import __version__

EntryType = TypeVar("EntryType", bound=Entry)

SLOW_SECONDS: Final = 0.5  # to import a plugin and run its hooks


@dataclass(frozen=True)
class PluginReference:
    """Which plugin something came from, as runs and models record it: a field of `Options`.

    distribution, version: of the package. module: that its entry point names, or the file of a
    plugin that is not installed. All are empty where nobody packaged it. (No pydantic model:
    ``ganzoo list`` imports no pydantic.)
    """

    __pydantic_config__: ClassVar = {"extra": "ignore"}  # what a newer ganzoo may record

    distribution: str = ""
    version: str = ""
    module: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nobody packaged it: it was a class, passed from Python."""
        return not self.distribution and not self.module

    @property
    def is_file(self) -> bool:
        """Whether it is a file that was named, ``ganzoo --plugin FILE``: no distribution has it."""
        return bool(self.module) and not self.distribution

    @property
    def is_installable(self) -> bool:
        """Whether it names a distribution that ``pip install`` could take. A record may lie."""
        return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.distribution) is not None

    @property
    def origin(self) -> str:
        """For a person: the distribution with its version, or the file."""
        return f"{self.distribution} {self.version}".strip() or self.module

    def public(self) -> PluginReference:
        """The same without the folder of a file, which is nobody else's business."""
        if not self.is_file:
            return self
        return dataclasses.replace(self, module=self.module.replace("\\", "/").rsplit("/", 1)[-1])

    def same_plugin(self, other: PluginReference) -> bool:
        """Whether both are of one plugin, whatever its version; a file may have been moved."""
        if self.is_file or other.is_file:
            return self.public().module == other.public().module
        return canonical(self.distribution) == canonical(other.distribution)

    def to_json(self) -> dict[str, str]:
        """For the record: empty where nobody packaged it."""
        return {} if self.is_empty else dataclasses.asdict(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        schema = handler(source)
        schema["serialization"] = core_schema.plain_serializer_function_ser_schema(cls.to_json)
        return schema


def canonical(distribution: str) -> str:
    """A distribution's name as any spelling of it is compared."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


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
    def reference(self) -> PluginReference:
        """What runs and models record of it."""
        return PluginReference(self.distribution, self.version, self.module)

    @property
    def slow(self) -> bool:
        """Whether it slows every command down. A file that was named may import what it needs."""
        return self.seconds > SLOW_SECONDS and not self.reference.is_file

    @property
    def provides(self) -> dict[str, list[str]]:
        """The names of its entries, by hook."""
        hooks = {kind: hook for hook, kind in HOOKS.items()}
        names: dict[str, list[str]] = {}
        for entry in self.entries:
            names.setdefault(hooks[type(entry)], []).append(entry.name)
        return names

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return {
            "name": self.name,
            "distribution": self.distribution,
            "version": self.version,
            "module": self.module,
            "hooks": self.hooks,
            "entries": [entry.name for entry in self.entries],
            "provides": self.provides,
            "problems": self.problems,
            "seconds": round(self.seconds, 4),
            "slow": self.slow,
        }


class Catalogue:
    """Every entry of every plugin that works, by name, and the story of each plugin."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self._table: dict[type[Entry], dict[str, tuple[Entry, Plugin]]] = {
            kind: {} for kind in HOOKS.values()
        }
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def entries(self, kind: type[EntryType]) -> dict[str, EntryType]:
        """The entries of one kind by name, in the names' order."""
        table = sorted(self._table[kind].items())
        return {name: cast(EntryType, entry) for name, (entry, _) in table}

    def in_order(self, kind: type[EntryType]) -> list[EntryType]:
        """The entries of one kind in the order of the plugins: ganzoo's own are first."""
        return [cast(EntryType, entry) for entry, _ in self._table[kind].values()]

    def plugin_of(self, entry: Entry) -> Plugin:
        """The plugin that provides `entry`."""
        return self._table[type(entry)][entry.name][1]

    def find(self, kind: type[EntryType], name: str, hint: str = "") -> EntryType:
        """The entry called `name`; an unknown name is an error that suggests the nearest."""
        table = self.entries(kind)
        if name not in table:
            raise unknown(kind.label, name, table, hint)
        return table[name]

    def name_of(self, kind: type[Entry], target: Any) -> str | None:
        """The name under which an installed plugin offers the object `target`."""
        where = f"{target.__module__}:{target.__qualname__}"
        for name, (entry, _) in self._table[kind].items():
            if entry.target is target or entry.target == where:
                return name
        return None

    def add(self, plugin: Plugin, load: Callable[[], ModuleType]) -> None:
        """Import one plugin with `load`, check its hooks and take its entries in."""
        self.plugins.append(plugin)
        start = time.perf_counter()
        try:
            self._add(plugin, load)
        except _Broken as fault:
            plugin.problems.append(str(fault))
        finally:
            plugin.seconds = time.perf_counter() - start

    def remove(self, plugin: Plugin) -> None:
        """Take a plugin and its entries out again: its file has changed, or is broken."""
        self.plugins.remove(plugin)
        if self._manager.has_plugin(_key(plugin)):
            self._manager.unregister(name=_key(plugin))
        for entry in plugin.entries:
            del self._table[type(entry)][entry.name]

    def _add(self, plugin: Plugin, load: Callable[[], ModuleType]) -> None:
        with _contained("import failed: "):
            module = load()
        name = _key(plugin)
        try:
            self._manager.register(module, name)
            self._check_names(module)
        except (pluggy.PluginValidationError, ValueError) as error:
            with contextlib.suppress(Exception):
                self._manager.unregister(name=name)
            raise _Broken(f"a hook does not fit: {one_line(error)}") from None
        self._collect(plugin, module)

    def _check_names(self, module: ModuleType) -> None:
        """Raise ValueError for a hook that there is not, as pluggy's own check, in better words."""
        for hook in self._manager.get_hookcallers(module) or ():
            if hook.has_spec() or all(impl.optionalhook for impl in hook.get_hookimpls()):
                continue
            near = difflib.get_close_matches(hook.name, HOOKS, n=1)
            raise ValueError(
                f"there is no hook {hook.name!r}. "
                + (f"Did you mean {near[0]!r}? " if near else "")
                + f"Or it is of a newer ganzoo than {__version__}"
            )

    def _collect(self, plugin: Plugin, module: ModuleType) -> None:
        others = [other for other in self._manager.get_plugins() if other is not module]
        for hook, kind in HOOKS.items():
            caller = self._manager.subset_hook_caller(hook, others)
            if not caller.get_hookimpls():
                continue
            plugin.hooks.append(hook)
            entries: list[Any] = []
            try:
                with _contained(f"{hook} raised "):
                    for result in caller():
                        entries += result  # a hook may be a generator: it runs here
            except _Broken as fault:
                plugin.problems.append(str(fault))
                continue
            for entry in entries:
                self._take(plugin, hook, kind, entry)

    def _take(self, plugin: Plugin, hook: str, kind: type[Entry], entry: Any) -> None:
        if type(entry) is not kind:
            plugin.problems.append(
                f"{hook} returned {entry!r}, which is not of type {kind.__name__}"
            )
            return
        holder = self._table[kind].get(entry.name)
        if holder is not None:
            plugin.problems.append(
                f"{hook}: the name {entry.name!r} of {plugin.reference.origin} is already "
                f"taken by {holder[1].reference.origin}"
            )
            return
        self._table[kind][entry.name] = (entry, plugin)
        plugin.entries.append(entry)


def _key(plugin: Plugin) -> str:
    return f"{plugin.distribution}:{plugin.name}:{plugin.module}"


class _Broken(Exception):
    """Why a plugin, or one of its hooks, is left out."""


@contextlib.contextmanager
def _contained(doing: str) -> Iterator[None]:
    """Run a plugin's code. What it prints must not end up in the output of --json; what it
    raises becomes _Broken, which begins with `doing`."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, too: a plugin may call sys.exit
        raise _Broken(doing + cause_of(error)) from None


def cause_of(error: BaseException) -> str:
    """One line: the error and the last line of code it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    frames = [frame for frame in frames if "importlib" not in frame.filename]
    text, place = one_line(error), ""
    if isinstance(error, SyntaxError) and error.filename:
        text, place = error.msg, f" ({error.filename}:{error.lineno})"
    elif frames:
        place = f" ({frames[-1].filename}:{frames[-1].lineno})"
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "ganzoo":
        place += f". It may be written for a newer ganzoo than {__version__}"
    return f"{type(error).__name__}: {text}{place}"
