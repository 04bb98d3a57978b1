"""Chance of one's own: random states that are in place while ganzoo computes, and only then.

Networks draw from the generators that Python, numpy and torch have once for a process. There is no
way to give a thread its own. So whoever draws puts own states in their place, alone, and puts back
what was there: training and sampling in several threads take turns, each with the same numbers as
if it were alone, and the caller's own code finds its generators as it left them.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

_CPU: Final = torch.device("cpu")


class _Turns:
    """A lock that threads get in the order in which they ask, and may take again."""

    def __init__(self) -> None:
        self._inner = threading.Lock()
        self._queue: deque[tuple[threading.Lock, int]] = deque()
        self._owner: int | None = None
        self._depth = 0

    @property
    def mine(self) -> bool:
        """Whether this thread has it."""
        return self._owner == threading.get_ident()

    @property
    def awaited(self) -> bool:
        """Whether another thread waits for it."""
        return bool(self._queue)

    def acquire(self) -> None:
        me, gate = threading.get_ident(), threading.Lock()
        with self._inner:
            if self._owner in (None, me):
                self._owner = me
                self._depth += 1
                return
            gate.acquire()
            self._queue.append((gate, me))
        try:
            gate.acquire()  # until whoever has it hands it over
        except BaseException:  # Ctrl-C
            with self._inner:
                waiting = (gate, me) in self._queue
                if waiting:
                    self._queue.remove((gate, me))
            if not waiting:
                self.release()
            raise

    def release(self) -> None:
        with self._inner:
            self._depth -= 1
            if self._depth:
                return
            self._owner = None
            if self._queue:
                gate, self._owner = self._queue.popleft()
                self._depth = 1
                gate.release()

    def forked(self) -> None:
        """In a process that was forked: of all threads, only the one that forked is there."""
        mine, depth = self.mine, self._depth
        self.__init__()  # type: ignore[misc]
        if mine:
            self._owner, self._depth = threading.get_ident(), depth


_turns: Final = _Turns()
_within: list[Chance] = []  # those that are entered now, of the thread whose turn it is
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turns.forked)


class _States(NamedTuple):
    """All that is the process's own, not a thread's: random states, and the default type."""

    python: tuple[Any, ...]
    numpy: dict[str, Any]
    cpu: Tensor
    device: Tensor | None
    dtype: torch.dtype

    @classmethod
    def now(cls, device: torch.device) -> Self:
        return cls(
            random.getstate(),
            np.random.get_state(legacy=False),  # noqa: NPY002
            torch.get_rng_state(),
            device_state(device),
            torch.get_default_dtype(),
        )

    def put(self, device: torch.device) -> None:
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.cpu)
        if self.device is not None:
            set_device_state(self.device, device)
        torch.set_default_dtype(self.dtype)


class Chance:
    """Random states of one's own for Python, numpy and torch, and float32 as torch's default type,
    while it is entered; as often as it is, it goes on where it was left.

    device: whose generator is among them, beside the CPU's. seed: they begin with that; without
    one, they begin as copies of what is there. Other threads' turns wait until it is left.
    """

    def __init__(self, device: torch.device = _CPU, seed: int | None = None) -> None:
        self.device, self.seed = device, seed
        self._own: _States | None = None
        self._theirs: list[_States] = []

    def __enter__(self) -> Self:
        _turns.acquire()
        try:
            self._put_in_place()
        except BaseException:
            _turns.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._put_back()
        finally:
            _turns.release()

    def _put_in_place(self) -> None:
        theirs = _States.now(self.device)
        try:
            if self._own is not None:
                self._own.put(self.device)
            elif self.seed is not None:
                seed_everything(self.seed, self.device)
            torch.set_default_dtype(torch.float32)
        except BaseException:
            theirs.put(self.device)
            raise
        self._theirs.append(theirs)
        _within.append(self)

    def _put_back(self) -> None:
        self._own = _States.now(self.device)
        _within.remove(self)
        self._theirs.pop().put(self.device)


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Within a `Chance`, for a while, the states of whoever entered it: for other people's code,
    and for long work that draws nothing. Threads that wait have their turn."""
    if not _turns.mine or not _within:
        yield
        return
    chance = _within[-1]
    chance._put_back()
    _turns.release()
    try:
        yield
    finally:
        _turns.acquire()
        chance._put_in_place()


def give_way() -> None:
    """Within a `Chance`, let a thread that waits have its turn."""
    if _turns.mine and _turns.awaited:
        with aside():
            pass


def seed_everything(seed: int, device: torch.device | None = None) -> None:
    """Seed all sources of chance that a checkpoint keeps: of `device`, and of no other one; of all
    where it is None."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for plugins that use numpy's global state
    if device is None:
        torch.manual_seed(seed)
        return
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":  # torch.cuda.manual_seed seeds the current device
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def device_state(device: torch.device) -> Tensor | None:
    """The state of a device's own generator; None of the CPU, whose torch has by itself."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else None


def set_device_state(state: Tensor, device: torch.device) -> None:
    """Put the state of a device's own generator back."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
