"""A recorder for the CPU, which freezes what a CUDA graph freezes: every number of Python's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganzoo.engine.reads import READS


class Tape:
    """Records the operations of a step, and runs them again with the same arguments.

    As with a graph, a recording leaves every tensor and generator as it was, results stay in the
    same memory, and reading a value raises. rng: as in `CudaGraphs`.
    """

    def __init__(self, rng: torch.Generator) -> None:
        self.rngs = (rng, torch.default_generator)
        self.recorded = 0
        self.replayed = 0

    def warm(self, step: Callable[[], None]) -> None:
        step()

    def record(self, step: Callable[[], None]) -> Callable[[], None]:
        chance = [rng.get_state() for rng in self.rngs]
        operations = _Operations()
        try:
            with operations:
                step()
        finally:
            with torch.no_grad():
                operations.undo()
            for rng, state in zip(self.rngs, chance, strict=True):
                rng.set_state(state)
        self.recorded += 1

        def replay() -> None:
            self.replayed += 1
            with torch.no_grad():
                operations.run()

        return replay


class _Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        self.made: set[int] = set()  # storages that came to be in the recording
        self.before: dict[int, tuple[Tensor, Tensor]] = {}  # what it met, and what that held

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func._schema.name in READS:
            raise RuntimeError(f"{func} is not permitted when a step is recorded")
        # Not every schema says what is written: batch normalisation's does not.
        given = {_storage(t): t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for storage, tensor in given.items():
            if storage not in self.made and storage not in self.before:
                self.before[storage] = (tensor, _whole(tensor).clone())
        out = func(*args, **kwargs)
        news = [t for t in tree_leaves(out) if isinstance(t, Tensor) and _storage(t) not in given]
        self.made |= {_storage(tensor) for tensor in news}
        self.calls.append((func, args, kwargs, out))
        return out

    def undo(self) -> None:
        for tensor, values in self.before.values():
            _whole(tensor).copy_(values)

    def run(self) -> None:
        for func, args, kwargs, out in self.calls:
            given = {_storage(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
            news = func(*args, **kwargs)
            for old, new in zip(tree_leaves(out), tree_leaves(news), strict=True):
                if isinstance(old, Tensor) and _storage(old) not in given:
                    old.copy_(new)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _whole(tensor: Tensor) -> Tensor:
    """All of a tensor's memory, in one row."""
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    return torch.as_strided(tensor.detach(), (size,), (1,), 0)
