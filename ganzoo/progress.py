"""How far something has come that takes a while: told to a front end, where one listens.

The command line shows bars on a terminal, Python those of tqdm; otherwise nothing happens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TypeVar

Advance = Callable[[int], None]
"""Called with the number of units that were done since the last call."""

Listener = Callable[[str, int | None, str], AbstractContextManager[Advance]]
"""Shows one bar: what is done, in how many units (None: nobody knows), and what a unit is (``B``:
bytes; empty: whatever `what` names)."""

Item = TypeVar("Item")

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def bar(what: str, total: int | None = None, unit: str = "") -> Iterator[Advance]:
    """Tell of one piece of work: ``with bar("decoding", 300) as advance: ... advance(1)``.

    what: a few words, such as ``decoding mnist``. total: in units; None where it is not known.
    unit: ``B`` for bytes.
    """
    listener = _listener.get()
    if listener is None:
        yield _unheard
        return
    with listener(what, total, unit) as advance:
        yield advance


def each(items: Iterable[Item], what: str, total: int | None) -> Iterator[Item]:
    """The items, each counted once the next one is asked for."""
    with bar(what, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextlib.contextmanager
def shown_by(listener: Listener | None) -> Iterator[None]:
    """Have a front end show the bars of this thread, meanwhile; None: nobody shows them."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def _unheard(done: int) -> None:
    pass
