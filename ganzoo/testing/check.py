"""A check: something the contract says, tried out, and what is told where it does not hold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ganzoo.errors import one_line


class Fault(AssertionError):
    """The contract does not hold. method: of the plugin's. expected, came: in words."""

    def __init__(self, method: str, expected: str, came: str) -> None:
        super().__init__(f"{method}: expected {expected}; came {came}")
        self.method, self.expected, self.came = method, expected, came


class NotHere(Exception):
    """Why a check says nothing of this architecture, or cannot be run on this machine."""


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
    """Call a plugin's code: what it raises is a Fault of `method`."""
    try:
        yield
    except (Fault, NotHere):
        raise
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit
        came = f"{type(error).__name__}: {one_line(error)}"
        raise Fault(method, "no exception", came) from error
