"""The checks of a plugin, run one after another: what ``ganzoo check-plugin`` shows."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ganzoo.testing.check import Fault, NotHere
from ganzoo.testing.plugin import plugin_checks


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
            outcome, text = "failed", _with_place(fault)
        yield Result(of, check.name, check.about, outcome, text)


def _with_place(fault: Fault) -> str:
    """A fault's text, with the line of the plugin's code that raised, where one did."""
    cause = fault.__cause__
    frames = traceback.extract_tb(cause.__traceback__) if cause is not None else []
    if not frames:
        return str(fault)
    return f"{fault} ({frames[-1].filename}:{frames[-1].lineno})"
