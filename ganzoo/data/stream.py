"""Samples that are not in memory, read ahead by worker processes, or by threads."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import re
import shutil
import sys
import time
import warnings
import weakref
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils import data as torch_data
from torch.utils.data._utils import signal_handling

from ganzoo.data.dataset import Dataset
from ganzoo.data.decoded import Decoded
from ganzoo.data.worker import Lists, Read, Readable, as_read, ignore_signals
from ganzoo.errors import GanzooError, GanzooWarning, WorkFailed, one_line

#: Batches that a worker reads ahead, as torch's data loader does.
_AHEAD: Final = 2
#: Seconds between two looks at whether the data is still there.
_LOOK: Final = 10.0
#: Where worker processes on Linux leave what they have read.
_SHARED: Final = Path("/dev/shm")
_FULL: Final = re.compile("shared memory|shm|No space left|Bus error", re.IGNORECASE)


class WorkerDied(WorkFailed):
    """A process that reads samples is gone, or has no room to hand them over."""


class Stream:
    """Batches of samples of a data set, read in the order of `places`, which are the numbers of
    samples and of their inputs.

    workers: that read; 0: who asks reads. pinned: into memory that a GPU copies from. They are
    processes where those can be forked, because decoding then needs no other core's leave, and
    threads elsewhere: a process that is started anew imports the caller's script again.

    What goes wrong shows in `fetch` and `next`: GanzooError where no sample can be read,
    WorkerDied where the workers are at fault.
    """

    def __init__(
        self,
        dataset: Dataset,
        places: Iterator[tuple[Tensor, Tensor]],
        workers: int,
        pinned: bool,
        count: int,
    ) -> None:
        """count: samples in a batch."""
        self.dataset = dataset
        self._ready: deque[Read] = deque()
        self._looked = time.monotonic()
        readable, numbers = Readable(dataset), Lists(places)
        if workers and forks() and has_room(dataset, count, workers):
            self._reads = by_processes(readable, numbers, workers, pinned)
        else:
            self._reads = by_threads(readable, numbers, workers, pinned)
        # However the stream is given up: at exit, multiprocessing would wait for its workers.
        self._end = weakref.finalize(self, end, self._reads)
        self._end.atexit = False
        atexit.register(self._end)

    def __iter__(self) -> Iterator[Read]:
        return self

    def __next__(self) -> Read:
        self.fetch(1)
        return self._ready.popleft()

    def fetch(self, count: int) -> None:
        """Have the next `count` batches read."""
        if time.monotonic() > self._looked + _LOOK:
            self._looked = time.monotonic()
            self._look()
        while len(self._ready) < count:
            self._ready.append(self._read())

    def _look(self) -> None:
        """Raise GanzooError where what is read is gone: those that are kept decoded would do, and
        the run would go on without its data unseen."""
        for side in (self.dataset.samples, self.dataset.inputs):
            if isinstance(side, Decoded) and side.gone:
                raise GanzooError(f"data set {self.dataset.name!r}: {side.origin} is gone")

    def _read(self) -> Read:
        try:
            return next(self._reads)
        except GanzooError as error:  # raised in a worker, with its traceback as the text
            text = str(error).strip().splitlines()[-1]
            raise type(error)(re.sub(r"^ganzoo\.[\w.]+: ", "", text)) from None
        except (RuntimeError, OSError, EOFError) as error:
            text = one_line(error)
            if text.startswith("Caught ") and not _FULL.search(text):
                raise  # a fault of code that reads, whose traceback is needed
            full = _FULL.search(text) is not None
            raise WorkerDied(
                f"a worker process that reads samples ended ({_why(text)}). "
                + (
                    f"{_SHARED} is full (in a container: --shm-size)"
                    if full
                    else "The system may have killed it because memory ran out"
                )
                + ": --set data.workers=0 does without workers"
            ) from error

    def close(self) -> None:
        """End the workers."""
        self._end()
        atexit.unregister(self._end)


def forks() -> bool:
    """Whether worker processes are made by forking: on Linux, where the caller chose nothing else
    and this process may have children."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    allowed = not multiprocessing.current_process().daemon
    return sys.platform == "linux" and chosen in (None, "fork") and allowed


def has_room(dataset: Dataset, count: int, workers: int) -> bool:
    """Whether there is room for what workers hand over; where there is not, that is told."""
    sides = [dataset.samples, *([] if dataset.inputs is None else [dataset.inputs])]
    needed = count * sum(_bytes(side) for side in sides) * (workers * _AHEAD + 2)
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(_SHARED).free
        if needed <= free:
            return True
        warnings.warn(
            f"data set {dataset.name!r}: worker processes need {needed / 2**20:.0f} MiB of "
            f"{_SHARED}, and {free / 2**20:.0f} are free: threads read instead, which is slower "
            "(in a container: --shm-size)",
            GanzooWarning,
            stacklevel=5,
        )
    return False


def by_processes(readable: Readable, numbers: Lists, workers: int, pinned: bool) -> Iterator[Read]:
    """What worker processes read."""
    loader: Any = iter(
        torch_data.DataLoader(
            readable,
            batch_sampler=numbers,
            num_workers=workers,
            prefetch_factor=_AHEAD,
            collate_fn=as_read,
            pin_memory=pinned,
            worker_init_fn=ignore_signals,
            multiprocessing_context="fork",
            # Else the loader draws from the global generator, and a resumed run draws once more.
            generator=torch.Generator(),
        )
    )
    # torch raises from a signal's handler where a worker dies, in the middle of whatever runs. It
    # forgets these, and sees that they are dead when it waits for them.
    signal_handling._remove_worker_pids(id(loader))  # type: ignore[attr-defined]
    loader._worker_pids_set = False
    reads: Iterator[Read] = loader
    return reads


def by_threads(
    readable: Readable, numbers: Lists, workers: int, pinned: bool
) -> Generator[Read, None, None]:
    """What threads of this process read, or who asks where there are no workers."""

    def read(batch: list[tuple[int, int]]) -> Read:
        done = readable.read(batch)
        if not pinned:
            return done
        return done._replace(samples=done.samples.pin_memory(), inputs=done.inputs.pin_memory())

    if not workers:
        yield from map(read, numbers)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ganzoo-reads")
    waiting: deque[Future[Read]] = deque()
    try:
        for batch in numbers:
            waiting.append(pool.submit(read, batch))
            if len(waiting) > workers * _AHEAD:
                yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def end(reads: Iterator[Read]) -> None:
    """End what reads: also a process that is stuck in reading, and ignores other signals."""
    if isinstance(reads, Generator):
        reads.close()
        return
    loader: Any = reads
    with contextlib.suppress(Exception):  # one that died is none to wind up
        loader._shutdown_workers()
    for worker in getattr(loader, "_workers", ()):
        if worker.is_alive():
            worker.kill()
            worker.join()


def _why(text: str) -> str:
    """The part of the loader's own text that says what happened."""
    return text.removeprefix("DataLoader worker ").partition(". ")[0][:200]


def _bytes(samples: Any) -> int:
    """Of one sample."""
    shape = tuple(samples.shape[1:] if isinstance(samples, Tensor) else samples.shape)
    return torch.Size(shape).numel() * int(samples.dtype.itemsize)
