"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ganzoo.errors import GanzooError, named
from ganzoo.links import is_link, open_file


def user_path(path: str | os.PathLike[str]) -> Path:
    """The path that a user gave, ``~`` expanded. Raises GanzooError where it can be none."""
    try:
        expanded = Path(path).expanduser()
        expanded.stat()  # a name that is too long, a zero byte
    except (FileNotFoundError, NotADirectoryError):
        return expanded
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise GanzooError(f"{str(path)[:100]!r}: no path: {error}") from None
    return expanded.resolve() if expanded.name in ("", "..") else expanded  # a name of its own


def pasted(path: str | os.PathLike[str]) -> str:
    """A path as part of a command that a user pastes: quoted, and not taken for an option."""
    text = os.fspath(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


#: What no name on Windows may have, on any system, so that a folder can be copied there.
_RESERVED: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def portable(name: str) -> str:
    """A name for a file or folder on any system: reserved characters become dashes."""
    name = _RESERVED.sub("-", name).rstrip(". ") or "-"
    return f"{name}-" if _DEVICES.fullmatch(name) else name


def public_name(path: str) -> str:
    """A name as it is, of a path only the last part: the folders of this machine are private."""
    return Path(path).name if Path(path).is_absolute() else path


def free_path(path: Path) -> Path:
    """`path`, or, where something is there, the next name that is free: ``samples-2.png``."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


def write_bytes(path: Path, content: bytes, size: int = 0) -> None:
    """Write a file whole: beside, flushed to the disk, then renamed over the old one.

    size: to which zeros follow the content; they take no room until they are written over.
    """
    beside = _beside(path, "tmp")
    try:
        with named(path), beside.open("xb") as file:
            file.write(content)
            file.truncate(max(len(content), size))
            file.flush()
            _flush(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write a file whole under a name that is free. Raises FileExistsError where it is taken."""
    beside = _beside(path, "tmp")
    write_bytes(beside, content)
    try:
        os.link(beside, path)  # where a rename would replace what is there
    except FileExistsError:
        raise
    except OSError:  # of a file system without links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "exists already", str(path)) from None
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole. NaN and infinities are refused: they are not JSON."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON. Raises GanzooError that names the file where it is missing, damaged, or a link
    out of its folder."""
    try:
        with open_file(path) as file:
            return json.load(file)
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise GanzooError(f"{path}: not valid JSON: {error}") from None


def write_folder(
    path: Path, fill: Callable[[Path], None], replace: bool = True, parents: bool = False
) -> None:
    """Make a folder whole: `fill` writes into one beside, which is flushed, then renamed.

    A folder that is there already is replaced only when the new one is complete, and so is a
    link, whose target is left alone; where not `replace`, FileExistsError is raised, also where
    another process has made it meanwhile. parents: make the folders that it is to lie in.
    """
    if parents:
        make_parent(path)
    put_back(path)
    beside = _beside(path, "tmp")
    beside.mkdir()
    try:
        fill(beside)
        for file in beside.rglob("*"):
            if file.is_file() and not file.is_symlink():
                _flush_file(file)
        sync_folder(beside)
        if replace:
            _rename_over(beside, path)
        else:
            _rename_new(beside, path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync_folder(path.parent)


def fill_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Have `fill` write the files of a folder that is new or empty; they appear together, or none.

    A folder that is there stays itself: a shell may be in it, or a disk lie behind it.
    """
    if not path.is_dir():
        write_folder(path, fill, replace=False)
        return
    beside = path / f".{secrets.token_hex(4)}.ganzoo-tmp"
    beside.mkdir()
    try:
        fill(beside)
        for file in list(beside.iterdir()):
            _flush_file(file)
            file.rename(path / file.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync_folder(path)


def remove_folder(path: Path) -> None:
    """Remove a folder, out of sight in one move, so that no half of it is ever found. Of a link,
    the link alone."""
    away = _beside(path, "tmp")
    path.rename(away)
    _remove(away)


def _remove(path: Path) -> None:
    """Remove what is out of sight already; what cannot be removed now is swept later."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not is_link(path):
            shutil.rmtree(path)
        else:
            path.unlink()


def _rename_over(beside: Path, path: Path) -> None:
    """Rename to a name, where a folder or a link may be."""
    if not os.path.lexists(path):
        beside.replace(path)
        return
    if not is_link(path) and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "is in the place of a folder", str(path))
    old = _beside(path, "old")
    path.replace(old)
    try:
        beside.replace(path)
    except BaseException:
        old.replace(path)
        raise
    _remove(old)


def _rename_new(beside: Path, path: Path) -> None:
    """Rename to a name that is free. A folder is never renamed over one with files in it."""
    try:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "exists already", str(path))
        beside.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(errno.EEXIST, "exists already", str(path)) from None
        raise


def make_parent(path: Path) -> None:
    """Make the folder that `path` is to lie in. Raises OSError that says what is in its place."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        wrong = [p for p in path.parents if os.path.lexists(p) and not p.is_dir()]
        if not wrong:
            raise
        raise NotADirectoryError(error.errno, f"{wrong[0]} is not a folder") from None


_LONGEST: Final = 255  # bytes of a file's name


def _beside(path: Path, what: str) -> Path:
    end = f".{secrets.token_hex(4)}.ganzoo-{what}"
    name = path.name
    if what == "tmp":  # the name in an "old" one is needed to put it back
        name = os.fsdecode(os.fsencode(name)[: _LONGEST - 1 - len(end)])
    return path.with_name(f".{name}{end}")


_LEFTOVER: Final = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.ganzoo-(?P<what>tmp|old)", re.DOTALL)
_SAVING: Final = 0.2  # seconds; far longer than a name is free while a folder is replaced


def is_leftover(path: Path) -> bool:
    """Whether a name is one that ganzoo gives to what it has not written whole."""
    return _LEFTOVER.fullmatch(path.name) is not None


def put_back(path: Path) -> bool:
    """Put a folder back that a killed process had moved aside and not yet replaced.

    Returns whether it did. One that is only just being replaced is left to the process that does.
    """
    if os.path.lexists(path) or not (aside := _moved_aside(path)):
        return False
    time.sleep(_SAVING)
    with contextlib.suppress(OSError):  # it may not be ours to write
        if not os.path.lexists(path):
            aside[-1].rename(path)
            return True
    return False


def _moved_aside(path: Path) -> list[Path]:
    """What was moved aside of a folder, the oldest first."""
    found = []
    with contextlib.suppress(OSError):
        with os.scandir(path.parent) as entries:  # there may be very many
            names = [e.name for e in entries if e.name.startswith(f".{path.name}.")]
        for name in names:
            match = _LEFTOVER.fullmatch(name)
            if match and match["what"] == "old" and match["name"] == path.name:
                found.append((path.with_name(name).lstat().st_mtime, path.with_name(name)))
    return [other for _, other in sorted(found)]


def remove_leftovers(folder: Path, seconds: float = 0.0, of: str = "") -> None:
    """Remove what a killed process left half-written in a folder that is ganzoo's alone.

    A folder that was being replaced, and whose new one had not yet its name, is put back.
    seconds: how old it must be, where another process may still be writing. of: the one name
    whose leftovers are meant, where the folder is not ganzoo's alone.
    """
    files = list(folder.iterdir()) if folder.is_dir() else []
    for left in sorted(files, key=lambda path: "old" not in path.suffix):
        match = _LEFTOVER.fullmatch(left.name)
        if match is None or (of and match["name"] != of):
            continue
        with contextlib.suppress(FileNotFoundError):  # another process has swept it
            if time.time() - left.lstat().st_mtime < seconds:
                continue
            kept = left.with_name(match["name"])
            if match["what"] == "old" and not os.path.lexists(kept):
                left.rename(kept)
            else:
                _remove(left)


#: What a file system says that cannot flush; it keeps what it can.
_NO_FLUSH: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def _flush(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise


def _flush_file(path: Path) -> None:
    """Flush a file that is written already; Windows does so only where it is open for writing."""
    with contextlib.suppress(PermissionError), named(path), path.open("r+b") as file:
        _flush(file.fileno())


def sync_folder(path: Path) -> None:
    """Flush a folder's own entries, so that a rename survives a power cut."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            with named(path):
                _flush(handle)
        finally:
            os.close(handle)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal. Raises as `open_file` does."""
    with named(path), open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def umask() -> int:
    """The bits that the user's new files must not have."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
