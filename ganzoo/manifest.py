"""The manifest of a folder: its files with size and SHA-256, so that damage is noticed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.files import read_json, sha256, write_json
from ganzoo.layout import MANIFEST


@dataclass(frozen=True)
class Entry:
    """What is claimed of one file. size: in bytes. sha256: in hexadecimal."""

    size: int
    sha256: str

    def check(self, file: Path) -> None:
        """Raise GanzooError where the file is missing or not what was written."""
        if not file.is_file():
            raise GanzooError(f"{file} is missing")
        try:
            same = file.stat().st_size == self.size and sha256(file) == self.sha256
        except OSError as error:
            raise GanzooError(f"{file}: cannot be read: {error.strerror}") from None
        if not same:
            raise GanzooError(f"{file} is damaged: it is not what was written")


def write_manifest(folder: Path, files: Iterable[Path] | None = None) -> None:
    """List files of `folder`, all where none are named, each with its size and SHA-256."""
    listed = sorted(folder.iterdir()) if files is None else files
    claims = {file.name: {"bytes": file.stat().st_size, "sha256": sha256(file)} for file in listed}
    write_json(folder / MANIFEST, {"format": 1, "files": claims})


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The entries of a folder's manifest, by the files' names. Raises GanzooError where it is
    missing or damaged, or names what is not in the folder itself."""
    where, manifest = folder / MANIFEST, read_json(folder / MANIFEST)
    try:
        listed = manifest["files"].items()
        files = {str(name): Entry(claim["bytes"], claim["sha256"]) for name, claim in listed}
    except (KeyError, TypeError, AttributeError):
        raise GanzooError(f"{where}: not a manifest") from None
    for name in files:
        if name in ("", ".", "..") or "/" in name or "\\" in name:
            raise GanzooError(f"{where}: it names {name!r}, which is not in the folder")
    return files
