"""A check: something the contract says, tried out, and what is told where it does not hold."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

import ganzoo
from ganzoo.engine import rehearsal
from ganzoo.engine.rehearsal import DISCRIMINATOR, GENERATOR, Fault
from ganzoo.errors import GanzooError, one_line

__all__ = ["DISCRIMINATOR", "GENERATOR", "Check", "Fault", "NotHere", "calling", "last_line"]


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


def last_line(error: BaseException) -> traceback.FrameSummary:
    """The last line that was running when `error` was raised and is neither torch's nor ganzoo's;
    where all are theirs, the last of all."""
    ours = [str(Path(str(module.__file__)).parent) + os.sep for module in (torch, ganzoo)]
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not any(f.filename.startswith(folder) for folder in ours)]
    return (theirs or frames)[-1]
