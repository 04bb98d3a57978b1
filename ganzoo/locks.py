"""Locks between processes, on every system; done without where a file system has none."""

from __future__ import annotations

import contextlib
import errno
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from ganzoo.errors import GanzooWarning, one_line
from ganzoo.links import check_replaceable

#: What a file system says that has no locks: Lustre without ``-o flock``, some NFS, some of FUSE.
_WITHOUT: Final = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)


class Busy(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(path: Path, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock that is the file at `path`, which is made and stays there.

    seconds: how long to wait for it; -1: for ever. The lock goes with this process, however it
    ends: processes that it forks do not hold it.

    Raises Busy where another process holds it, GanzooError where a link or anything else that is
    no file is in its place, OSError where the file cannot be made.
    """
    check_replaceable(path)
    lock = FileLock(path, timeout=seconds, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(str(path)) from None
    except OSError as error:
        if error.errno not in _WITHOUT:
            raise
        warnings.warn(
            f"{path}: this file system has no locks ({one_line(error)}): nothing keeps a second "
            "process from writing there at the same time",
            GanzooWarning,
            stacklevel=4,
        )
    try:
        yield
    finally:
        lock.release()
