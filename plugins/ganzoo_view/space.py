"""A Space of the Hub that serves a model: its app, what it requires, its card."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib.metadata import Distribution, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import yaml
from packaging.requirements import Requirement

from ganzoo import GanzooError, Generator, load, upload_space
from ganzoo_view.command import needs_gradio

OURS: Final = "torch-ganzoo"
CARRIED: Final = "packages"  # the folder for what no index has
LEFT_OUT: Final = ("ganzoo_bundled",)  # the Space has a model of its own

APP: Final = '''\
"""{name}, to play with. Made by: ganzoo space"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "{carried}"))  # what is on no package index came along
os.environ.setdefault("GANZOO_MODEL_NAME", {name!r})

from ganzoo_view.serve import serve_model  # noqa: E402

serve_model({model})
'''


def make_space(model: str, out: str | None, private: bool = False) -> str:
    """Make the Space of a model: a folder, or ``hf://spaces/OWNER/NAME``. Returns where it is.

    Raises GanzooError where the model cannot be loaded, or the folder has something in it.
    """
    needs_gradio()
    name = model.rstrip("/").rpartition("/")[2].partition("@")[0]
    path, on_hub = Path(out or f"{name}-space").expanduser(), bool(out and out.startswith("hf:"))
    if private and not on_hub:
        raise GanzooError("--private: it is for a Space on the Hub (-o hf://spaces/OWNER/NAME)")
    if not on_hub and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise GanzooError(f"{path} is not an empty folder; nothing is written into it: give -o DIR")
    generator = load(model)
    try:
        if not on_hub:
            path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=None if on_hub else path.parent) as scratch:
            made = Path(scratch) / "space"
            made.mkdir()
            write_space(made, generator, name)
            if on_hub:
                assert out is not None
                return upload_space(made, out, private)
            made.replace(path)  # whole, or not at all
    except OSError as error:
        raise GanzooError(f"{path}: cannot be written: {error.strerror or error}") from None
    return str(path)


def write_space(folder: Path, generator: Generator, name: str) -> None:
    """Fill an empty folder with the Space of a model. One on the Hub is fetched by the Space; any
    other is copied into it."""
    on_hub = generator.source.startswith("hf://") and generator.revision
    if on_hub:
        model = repr(f"{generator.source.partition('@')[0]}@{generator.revision}")
    else:
        generator.save(folder / "model", name)
        model = 'str(HERE / "model")'
    needed = {OURS: "view"}
    plugin = generator.about.plugin.distribution
    if plugin:
        needed.setdefault(plugin, "")
    requirements: list[str] = []
    for each, extra in needed.items():
        requirements += _required(folder / CARRIED, distribution(each), extra)
    (folder / "requirements.txt").write_text("\n".join(dict.fromkeys(requirements)) + "\n")
    (folder / "app.py").write_text(APP.format(name=name, model=model, carried=CARRIED))
    (folder / "README.md").write_text(_card(generator, name))


def _required(carried: Path, found: Distribution, extra: str) -> list[str]:
    """What ``pip install`` is to be given so that a distribution is there. One that came from a
    repository is named with its commit, one from an index with its version; any other is copied,
    and what it requires is named."""
    name, origin = found.metadata["Name"], _origin(found)
    extras = f"[{extra}]" if extra else ""
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return [f"{name}{extras} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"]
    if not origin and name != OURS:
        return [f"{name}{extras}=={found.version}"]
    _copy(carried, found)
    wanted = []
    for text in found.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if requirement.name == OURS:
            continue
        if marker is None or any(marker.evaluate({"extra": e}) for e in ("", extra)):
            requirement.marker = None
            wanted.append(str(requirement))
    return wanted


def _origin(found: Distribution) -> dict[str, Any]:
    """Where pip had it from, by PEP 610; empty where that was an index."""
    text = found.read_text("direct_url.json")
    return json.loads(text) if text else {}


def _copy(carried: Path, found: Distribution) -> None:
    """The packages of a distribution that its plugins are in, and what makes them found."""
    offered = [p for p in found.entry_points if p.group == "ganzoo" and p.value not in LEFT_OUT]
    points = [p for p in offered if find_spec(p.module.partition(".")[0]) is not None]
    packages = {point.module.partition(".")[0] for point in points}
    if found.metadata["Name"] == OURS:
        packages.add("ganzoo")
    for package in sorted(packages):
        spec = find_spec(package)
        origin = Path(spec.origin) if spec is not None and spec.origin else None
        if origin is None:
            raise GanzooError(f"the package {package} has no files to copy into the Space")
        if origin.name == "__init__.py":
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(origin.parent, carried / package, ignore=ignored)
        else:
            carried.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, carried / origin.name)
    stem = found.metadata["Name"].replace("-", "_")
    info = carried / f"{stem}-{found.version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(found.read_text("METADATA") or "", encoding="utf-8")
    lines = [f"{point.name} = {point.value}" for point in points]
    (info / "entry_points.txt").write_text("\n".join(["[ganzoo]", *lines]) + "\n")


def _card(generator: Generator, name: str) -> str:
    """The card, whose metadata tells the Hub how to run the Space."""
    from gradio import __version__ as gradio_version

    head = {
        "title": name,
        "emoji": "🎲",
        "colorFrom": "blue",
        "colorTo": "yellow",
        "sdk": "gradio",
        "sdk_version": gradio_version,
        "python_version": "3.11",
        "app_file": "app.py",
        "pinned": False,
        "tags": ["ganzoo", "gan"],
    }
    if generator.source.startswith("hf://"):
        head["models"] = [generator.source.removeprefix("hf://").partition("@")[0]]
    return (
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n\n# {name}\n\n"
        f"Samples of a {generator.name}, as its sliders move. Here, too:\n\n"
        "```sh\npip install -r requirements.txt\npython app.py\n```\n"
    )
