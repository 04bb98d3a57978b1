"""The errors a user sees: one message each that says what was wrong and what to do."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from typing import Final

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # the disk's fault, not the place's
_LEFT: Final = re.compile(r"Connection (reset|closed) by peer|Broken pipe")
_UNSUPPORTED: Final = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class GanzooError(Exception):
    """Something the user can mend: a name, a value, a file, a folder. Exit status 2.

    Its text is safe to print, whatever was put into it.
    """

    exit_status = 2

    def __init__(self, message: object = "") -> None:
        super().__init__(plain(str(message)))


class WorkFailed(GanzooError):
    """The work failed on its way: losses not finite, disk full, no network. Exit status 1."""

    exit_status = 1


class GanzooWarning(UserWarning):
    """Something the user should know of that stops nothing. Its text is safe to print."""

    def __init__(self, message: object = "") -> None:
        super().__init__(plain(str(message)))


def cannot_write(what: object, error: OSError) -> GanzooError:
    """The error for a file or folder that could not be written: a full disk, or a wrong place."""
    kind = WorkFailed if error.errno in FULL else GanzooError
    advice = mending(error)
    return kind(f"{what}: cannot be written: {one_line(error)}" + (f". {advice}" if advice else ""))


def system_message(error: BaseException) -> str | None:
    """One message where the system says that something failed: of a file or a connection, or that
    memory ran out; else None, for a fault whose traceback is needed."""
    if isinstance(error, OSError):
        advice = mending(error)
        return one_line(error) + (f". {advice}" if advice else "")
    # torch has no class of its own for a process that has left.
    if isinstance(error, RuntimeError) and _LEFT.search(str(error)):
        return (
            f"another process of this run has ended ({one_line(error)[:200]}). What it said last "
            "tells why; once that is fixed, continue with: ganzoo resume RUN"
        )
    return memory_message(error)


def mending(error: OSError) -> str:
    """What to do about what the system says of a file or a connection; empty where it says so."""
    if error.errno in FULL:
        return "Make room and try again"
    if error.errno in _UNSUPPORTED:
        return "Its file system cannot do that; choose a folder on a local disk"
    if isinstance(error, ConnectionError | TimeoutError):
        return (
            "The process or machine at the other end has ended or cannot be reached; see what it "
            "said last, start it again, and then this"
        )
    return ""


@contextlib.contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have what the system says of an open file name it: of a file's number alone it does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)
        raise


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
    """A text from a file, a name or the net as one line that is safe to print.

    Line breaks, which could forge a line, become spaces; codes that steer a terminal, or turn the
    direction of writing, are dropped.
    """
    return _printable(" ".join(text.splitlines()).replace("\t", " "))


def plain_lines(text: str) -> str:
    """The same of a text that has lines of its own, such as a card."""
    return "\n".join(_printable(line.replace("\t", "    ")) for line in text.splitlines())


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte of a file's name that is no text
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter if letter.isprintable() or letter == "\xa0" else ""
