"""``ganzoo new-plugin``: a package that works at once, from the templates beside this file."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Final

from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError, cannot_write
from ganzoo.files import make_parent, user_path, write_folder
from ganzoo.plugins import catalogue
from ganzoo.version import __version__

_NAME: Final = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")

#: Where each template goes.
_PLACES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "workflows/test.yml": ".github/workflows/test.yml",
    "package/__init__.py": "$package/__init__.py",
    "package/networks.py": "$package/networks.py",
    "tests/test_contract.py": "tests/test_contract.py",
}


def write_plugin(name: str, folder: str | None = None) -> Path:
    """Write a plugin's package for an architecture `name`; returns its folder.

    folder: where to; without it, ``ganzoo-NAME`` here. Raises GanzooError where the name is unfit
    or taken, or something is there already.
    """
    values = _values(name)
    path = user_path(folder or values["distribution"])
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise GanzooError(f"{path} exists already; nothing is written into it: choose another DIR")
    templates = files("ganzoo.scaffold") / "plugin"

    def fill(beside: Path) -> None:
        for source, place in _PLACES.items():
            file = beside / Template(place).substitute(values)
            file.parent.mkdir(parents=True, exist_ok=True)
            text = _template(templates, source).substitute(values)
            file.write_text(text, encoding="utf-8")

    try:
        if path.exists():
            fill(path)  # not replaced: the user's shell may be in it
        else:
            make_parent(path)
            write_folder(path.resolve(), fill)
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def _template(root: Traversable, name: str) -> Template:
    return Template((root / f"{name}.template").read_text(encoding="utf-8"))


def _values(name: str) -> dict[str, str]:
    if not _NAME.fullmatch(name) or len(name) > 50:
        raise GanzooError(
            f"{name[:60]!r}: a plugin's name has small letters and digits, with '-', '_' or '.' "
            "between them, such as my-gan"
        )
    words = re.split(r"[-_.]", name)
    package = f"ganzoo_{'_'.join(words)}"
    class_name = "".join(word.capitalize() for word in words)
    if class_name[0].isdigit() or keyword.iskeyword(class_name):
        class_name = f"Gan{class_name}"
    known = catalogue()
    taken = known.entries(ArchitectureEntry).get(name)
    if taken is not None:
        origin = known.plugin_of(taken).reference.origin
        raise GanzooError(f"{name!r} is an architecture of {origin} already; choose another name")
    if importlib.util.find_spec(package) is not None:
        raise GanzooError(
            f"{name!r}: a package {package} is installed already; choose another name"
        )
    major, minor, *_ = __version__.split(".")
    return {
        "name": name,
        "distribution": f"ganzoo-{name}",
        "package": package,
        "class_name": class_name,
        "requirement": f">={major}.{minor}",
    }
