"""Which checks there are, of an architecture and of all that a plugin provides; running them."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ganzoo.architecture import Architecture
from ganzoo.catalogue import Plugin
from ganzoo.entries import ArchitectureEntry
from ganzoo.entry import Entry
from ganzoo.errors import GanzooError, unknown
from ganzoo.models.load import find_architecture
from ganzoo.plugins import catalogue
from ganzoo.targets import import_object
from ganzoo.testing import networks, players, runs, values
from ganzoo.testing.case import Case
from ganzoo.testing.check import Check, Fault, NotHere
from ganzoo.testing.device import captured, device
from ganzoo.testing.processes import processes

#: In this order: what is told first explains what comes after.
CHECKS: Final[dict[str, Callable[[Case], None]]] = {
    "options": networks.options,
    "building": networks.building,
    "shapes": networks.shapes,
    "range": values.range_of_samples,
    "latents": networks.latents,
    "inputs": networks.inputs,
    "sampling": networks.sampling,
    "upgrade": networks.upgrade,
    "scores": values.scores,
    "terms": players.terms,
    "own-latent": networks.own_latent,
    "recipe": players.recipe,
    "apart": players.apart,
    "device": device,
    "captured": captured,
    "gradients": players.gradients,
    "labels": players.labels,
    "seed": players.seed,
    "state": networks.state,
    "precision": values.precision,
    "saving": runs.saving,
    "resuming": runs.resuming,
    "processes": processes,
}


def architecture_checks(
    architecture: str | type[Architecture], options: Mapping[str, Any] | None = None
) -> list[Check]:
    """The contract's checks for one architecture, by its name or its class.

    options: of its Config. Raises GanzooError where there is none of that name.
    """
    if isinstance(architecture, str):
        plugin = catalogue().plugin_of(catalogue().find(ArchitectureEntry, architecture))
        first = [_light(plugin)]
        case = Case(find_architecture(architecture), architecture, options or {})
    else:
        first, case = [], Case(architecture, architecture.__name__, options or {})
    return [*first, *(_check(key, function, case) for key, function in CHECKS.items())]


def _check(name: str, function: Callable[[Case], None], case: Case) -> Check:
    about = (function.__doc__ or "").strip()
    return Check(name, " ".join(about.split()), functools.partial(function, case))


def _light(plugin: Plugin) -> Check:
    about = "Importing the plugin and calling its hooks costs no torch."
    return Check("entry", about, functools.partial(entry_is_light, plugin))


def entry_is_light(plugin: Plugin) -> None:
    """Raise Fault where a plugin's entries cannot be had without torch."""
    if plugin.reference.is_file:
        raise NotHere("a file that was named may import what it needs")
    code = (
        "import sys\nfrom ganzoo.plugins import catalogue\ncatalogue()\n"
        "print(*sorted({'torch', 'torchvision'} & set(sys.modules)))"
    )
    environment = {**os.environ, "GANZOO_PLUGINS": plugin.name}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    heavy = done.stdout.split()
    if done.returncode or heavy:
        came = f"{' and '.join(heavy)} imported" if heavy else done.stderr.strip()[-200:]
        raise Fault(
            f"the module {plugin.module}",
            "entries without importing torch: their targets are 'module:attribute'",
            came,
        )


def plugin_checks(name: str) -> Iterator[tuple[str, Check]]:
    """The checks of all that `name` provides, each with what it is of.

    name: an architecture, a distribution or an entry point. Raises GanzooError for another name.
    """
    known = catalogue()
    plugins = [plugin for plugin in known.plugins if name in (plugin.name, plugin.distribution)]
    architectures = known.entries(ArchitectureEntry)
    if not plugins and name in architectures:
        yield from ((name, check) for check in _checks_of(architectures[name]))
        return
    if not plugins:
        names = {n for p in known.plugins for n in (p.name, p.distribution) if n}
        raise unknown("plugin", name, names | set(architectures), "See: ganzoo plugins")
    for plugin in plugins:
        yield plugin.name, Check("health", "It loads.", functools.partial(healthy, plugin))
        for entry in plugin.entries:
            yield from ((entry.name, check) for check in _checks_of(entry))


def healthy(plugin: Plugin) -> None:
    """Raise Fault where a plugin is broken or slow."""
    if plugin.problems:
        raise Fault(f"plugin {plugin.name}", "no problems", "; ".join(plugin.problems))
    if plugin.slow:
        raise Fault(
            f"plugin {plugin.name}", "an import that is not felt", f"{plugin.seconds:.1f} s"
        )


def _checks_of(entry: Entry) -> list[Check]:
    if isinstance(entry, ArchitectureEntry):
        try:
            return architecture_checks(entry.name)
        except GanzooError:  # it cannot be imported: told when it is tried once more
            load = functools.partial(find_architecture, entry.name)
            return [Check("target", "It can be imported.", load)]
    function = import_object(entry.check)
    about = " ".join((function.__doc__ or "").split())
    return [Check(function.__name__, about, functools.partial(function, entry))]


@dataclass(frozen=True)
class Result:
    """What became of one check. of: the entry that it is of. text: why not, where it is not ok."""

    of: str
    check: str
    about: str
    outcome: Literal["ok", "failed", "skipped"]
    text: str = ""


def run_checks(name: str) -> Iterator[Result]:
    """Run the checks of a plugin, an architecture or a distribution, each as it is asked for.

    Raises GanzooError where there is nothing of that name.
    """
    for of, check in plugin_checks(name):
        outcome: Literal["ok", "failed", "skipped"] = "ok"
        text = ""
        try:
            check()
        except NotHere as reason:
            outcome, text = "skipped", str(reason)
        except Fault as fault:
            outcome, text = "failed", str(fault)
        yield Result(of, check.name, check.about, outcome, text)
