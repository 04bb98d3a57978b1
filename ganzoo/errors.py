"""The errors a user sees: one message each that says what was wrong and what to do."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from typing import Final

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # the disk's fault, not the place's


class GanzooError(Exception):
    """Something the user can mend: a name, a value, a file, a folder. Exit status 2."""

    exit_status = 2


class WorkFailed(GanzooError):
    """The work failed on its way: losses not finite, disk full, no network. Exit status 1."""

    exit_status = 1


class GanzooWarning(UserWarning):
    """Something the user should know of that stops nothing."""


def cannot_write(what: object, error: OSError) -> GanzooError:
    """The error for a file or folder that could not be written: a full disk, or a wrong place."""
    if error.errno in FULL:
        return WorkFailed(f"{what}: cannot be written: {one_line(error)}. Make room and try again")
    return GanzooError(f"{what}: cannot be written: {one_line(error)}")


def one_line(error: BaseException) -> str:
    """An error's text without line breaks."""
    try:
        return " ".join(str(error).split())
    except Exception:  # of somebody else's class, which cannot say what it is
        return "an error without a text"


def memory_message(error: BaseException) -> str | None:
    """One message where `error` says that memory ran out, else None. torch has no one class for
    it: on the CPU it is a RuntimeError with a text."""
    signs = ("allocate memory", "out of memory", "size calculation overflowed", "Overflow when")
    if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in signs):
        return None
    return (
        f"not enough memory for what was asked for ({one_line(error)[:120]}); try a smaller "
        "--image-size, --batch-size, width or number of samples"
    )


def unknown(
    what: str, name: str, known: Iterable[str], hint: str = "", inside: str = ""
) -> GanzooError:
    """The error for a name that is not among `known`, with the nearest one suggested.

    inside: what the name and those known stand in, as it is typed: ``layers.0.``.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        advice = f"Did you mean {inside + near[0]!r}?"
    elif names:
        advice = f"Known: {', '.join(names)}."
    else:
        advice = "None is known."
    return GanzooError(f"unknown {what} {inside + name!r}. {advice}" + (f" {hint}" if hint else ""))


def plain(text: str) -> str:
    """A text from a file or the net, safe to print: no codes that steer a terminal."""
    kept = (letter for letter in text if letter in "\n\t" or letter.isprintable())
    return "".join(kept)
