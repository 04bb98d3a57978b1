"""The local registry: models under a name of the user's."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ganzoo.errors import GanzooError, unknown
from ganzoo.files import write_folder
from ganzoo.home import models_home
from ganzoo.layout import DISCRIMINATOR
from ganzoo.registry.places import known_models, local_path
from ganzoo.registry.publish import as_folder
from ganzoo.registry.upload import Wanted, contents


def add(model: str | os.PathLike[str], name: str) -> Path:
    """Copy a model into the local registry, where `ganzoo.load` finds it as `name`.

    Raises GanzooError where the name is taken or unfit, or the model cannot be loaded.
    """
    path = local_path(name)
    if path.exists():
        raise GanzooError(f"{name!r} is in the registry already; remove it (ganzoo remove {name})")
    with as_folder(model, name, Wanted()) as (folder, facts):
        found = contents(folder, facts, Wanted(discriminator=(folder / DISCRIMINATOR).exists()))

        def fill(beside: Path) -> None:
            for file, content in found.items():
                if isinstance(content, Path):
                    shutil.copyfile(content, beside / file)
                else:
                    (beside / file).write_bytes(content)

        try:
            write_folder(path, fill)
        except OSError as error:
            raise GanzooError(f"{path}: cannot be written: {error}") from None
    return path


def remove(name: str) -> Path:
    """Remove a model from the local registry. Raises GanzooError where there is none."""
    path = local_path(name)
    if not path.is_dir():
        places = {place.name: place.kind for place in known_models()}
        if places.get(name) == "bundled":
            raise GanzooError(f"{name!r} comes with a plugin and cannot be removed")
        local = [known for known, kind in places.items() if kind == "local"]
        raise unknown("model in the registry", name, local, f"It is in {models_home()}.")
    # Out of sight in one move, so that no half of it is ever listed.
    away = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".tmp", dir=path.parent))
    path.rename(away / name)
    shutil.rmtree(away, ignore_errors=True)
    return path
