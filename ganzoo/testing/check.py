"""A check: something the contract says, tried out, and what is told where it does not hold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ganzoo.engine import rehearsal
from ganzoo.engine.rehearsal import DISCRIMINATOR, GENERATOR, Fault
from ganzoo.errors import GanzooError, one_line

__all__ = ["DISCRIMINATOR", "GENERATOR", "Check", "Fault", "NotHere", "calling"]


class NotHere(GanzooError):
    """Why a check says nothing of this plugin, or cannot be run on this machine."""


@dataclass(frozen=True)
class Check:
    """One line of the contract, ready to be tried: call it.

    name: what it is called in a report. about: the line of the contract. Calling it raises
    Fault where the contract does not hold, NotHere where there is nothing to try.
    """

    name: str
    about: str
    run: Callable[[], object]

    def __call__(self) -> None:
        with calling(self.name):
            self.run()

    def __str__(self) -> str:
        return self.name


@contextlib.contextmanager
def calling(method: str) -> Iterator[None]:
    """Call a plugin's code: whatever it raises is a Fault of `method`."""
    try:
        with rehearsal.calling(method):
            yield
    except (Fault, NotHere):
        raise
    except GanzooError as error:
        came = f"{type(error).__name__}: {one_line(error)}"
        raise Fault(method, "no exception", came) from error
