"""Folders that somebody else may have filled: a link in one is never followed out of it.

All that ganzoo opens, replaces or removes in a run, a model folder or the registry goes through
here. A folder that the user names may be a link itself; what lies in it may not lead elsewhere.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Final

from ganzoo.errors import GanzooError

# O_BINARY is Windows's. A pipe is opened without waiting for its other end.
_FLAGS: Final = sum(
    int(getattr(os, f"O_{name}", False)) for name in ("BINARY", "CLOEXEC", "NOFOLLOW", "NONBLOCK")
)


def held(path: Path) -> Path:
    """`path`, which is not a link that leads out of its folder. There need be nothing.

    Raises GanzooError that says where it leads.
    """
    _target(path)
    return path


def real_folder(path: Path) -> bool:
    """Whether a folder lies there itself, not behind a link."""
    return path.is_dir() and not is_link(path)


def is_link(path: Path) -> bool:
    """Whether it is a symbolic link, or what Windows calls a junction."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISLNK(found.st_mode) or bool(getattr(found, "st_reparse_tag", False))


def open_file(path: Path) -> io.BufferedReader:
    """Open a file to read it, which is where it seems to be.

    Raises GanzooError where it is not a file, or a link out of its folder; OSError where it is
    missing or may not be read.
    """
    target = _target(path)
    _check_file(path, target.lstat())  # before it is opened: a device may do something then
    return os.fdopen(_opened(path, target, os.O_RDONLY), "rb")


def open_to_write(path: Path, append: bool = False) -> io.BufferedIOBase:
    """Open a file to change it in its place. append: at its end; it is made where it is not there.
    No link is followed.

    Raises GanzooError where something else is in its place, OSError where it cannot be written.
    """
    check_replaceable(path)
    if append:
        return os.fdopen(_opened(path, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")
    return os.fdopen(_opened(path, path, os.O_RDWR), "r+b")


def check_replaceable(path: Path) -> None:
    """Raise GanzooError where a file is to be kept and something lies there that is none.

    For files that a library opens by itself, such as a lock.
    """
    if os.path.lexists(path):
        _check_file(path, path.lstat())


def _target(path: Path) -> Path:
    """The file or folder itself, behind a link that stays in the folder that it is in."""
    folder = Path(os.path.realpath(path.parent))
    target = Path(os.path.realpath(path))
    # The Hub's cache keeps the files of all commits in one folder, and links to them.
    blobs = folder.parents[1] / "blobs" if folder.parent.name == "snapshots" else folder
    if target.is_relative_to(folder) or target.is_relative_to(blobs):
        return target
    raise GanzooError(
        f"{path} is a link to {target}, outside of its folder, and is not followed; put a copy in "
        "its place"
    )


def _check_file(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", False):
        raise GanzooError(f"{path} is a symbolic link, which is not followed; remove it")
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, a socket or a device"
        raise GanzooError(f"{path} is not a file but {what}; remove it")


def _opened(path: Path, target: Path, flags: int) -> int:
    """A descriptor of the file at `target`, compared with what lies there by device and inode."""
    handle = os.open(target, flags | _FLAGS, 0o666)
    try:
        opened, there = os.fstat(handle), target.lstat()
        _check_file(path, there)
        if (opened.st_dev, opened.st_ino) != (there.st_dev, there.st_ino):
            raise GanzooError(f"{path} was replaced while it was opened; try again")
    except BaseException:
        os.close(handle)
        raise
    return handle
