"""Recorders: what a step does on the device is recorded without being done, and done when asked."""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch

Step = Callable[[], None]


class Recorder(Protocol):
    """Records what a step does on the device."""

    def warm(self, step: Step) -> None:
        """Run a step where it would be recorded."""

    def record(self, step: Step) -> Step:
        """Record a step without running it. Returns what runs it, as often as it is called.

        Raises what the step raises, and where something in it cannot be recorded.
        """


class CudaGraphs:
    """Records CUDA graphs, which share their memory.

    rng: draws random numbers in a step, beside torch's own generator of the device.
    """

    def __init__(self, device: torch.device, rng: torch.Generator) -> None:
        self.device, self.rng = device, rng
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()
        self._graphs: weakref.WeakSet[torch.cuda.CUDAGraph] = weakref.WeakSet()
        self._broken: list[Any] = []  # the allocator may still ask a graph whose recording failed

    def warm(self, step: Step) -> None:
        with self._aside():
            step()

    def record(self, step: Step) -> Step:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
        failure: Exception | None = None
        gc.collect()
        if not self._graphs:  # torch takes no graph into memory whose graphs are all gone
            self.pool = torch.cuda.graph_pool_handle()
        collecting = gc.isenabled()
        gc.disable()  # what is freed in a recording may need calls that are forbidden there
        try:
            with (
                self._aside(),
                torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"),
            ):
                try:
                    step()
                except Exception as error:
                    failure = error  # ending the recording may raise another, which says less
                    raise
        except Exception as error:
            self._recover(graph)
            raise failure or error from None
        finally:
            if collecting:
                gc.enable()
        self._graphs.add(graph)
        replay: Step = graph.replay
        return replay

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """On the stream where steps are recorded, in order with the one that is left."""
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        try:
            with torch.cuda.stream(self.stream):
                yield
        finally:
            current.wait_stream(self.stream)

    def _recover(self, graph: torch.cuda.CUDAGraph) -> None:
        """Leave allocator and generators usable after a recording that failed: where torch cannot
        end it, both go on as if it lasted."""
        self._broken.append(graph)
        with contextlib.suppress(Exception):  # it was ended, most likely
            torch._C._cuda_endAllocateToPool(self.device.index or 0, self.pool)
        index = self.device.index or 0
        for rng in (self.rng, torch.cuda.default_generators[index]):
            rng.graphsafe_set_state(rng.clone_state())
