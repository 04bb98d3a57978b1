"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole: beside, flushed to the disk, then renamed over the old one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole. NaN and infinities are refused: they are no JSON."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON. Raises GanzooError that names the file where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise GanzooError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise GanzooError(f"{path}: not valid JSON: {error}") from None


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder whole: `fill` writes into one beside, which is flushed, then renamed.

    A folder that is there already is replaced only when the new one is complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, path.name)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        fill(beside)
        for file in beside.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        beside.chmod(0o777 & ~umask())
        sync_folder(beside)
        if path.exists():
            old = path.with_name(f".{path.name}.old")
            path.replace(old)
            try:
                beside.replace(path)
            except BaseException:
                old.replace(path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            beside.replace(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync_folder(path.parent)


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what a killed process left half-written in `folder` (of one name, where given).

    A folder that was being replaced, and whose new one had not yet its name, is put back.
    """
    for old in folder.glob(f".{name}*.old"):
        kept = old.with_name(old.name[1 : -len(".old")])
        if kept.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(kept)
    for left in folder.glob(f".{name}*.tmp"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Flush a folder's own entries, so that a rename survives a power cut."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def umask() -> int:
    """The bits that the user's new files must not have."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
