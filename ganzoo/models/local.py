"""The local registry: models under a name of the user's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError, cannot_write, unknown
from ganzoo.files import remove_folder, remove_leftovers, write_folder
from ganzoo.home import models_home
from ganzoo.layout import DISCRIMINATOR
from ganzoo.links import is_link, open_file
from ganzoo.models.publish import packaged
from ganzoo.models.references import local_path, named_models
from ganzoo.plugins import catalogue

_DAY: Final = 24 * 3600.0  # seconds; what is older, no process is still writing


def add(model: str | os.PathLike[str], name: str) -> Path:
    """Copy a model into the local registry, where `ganzoo.load` finds it as `name`.

    Raises GanzooError where the name is taken or unfit, or the model cannot be loaded.
    """
    path = local_path(name)
    taken = GanzooError(f"{name!r} is in the registry already; remove it (ganzoo remove {name})")
    if os.path.lexists(path):
        raise taken
    if name in catalogue().entries(ArchitectureEntry):
        raise GanzooError(f"{name!r} is the name of an architecture; choose another")
    remove_leftovers(models_home(), _DAY)
    with packaged(model, name, discriminator=None) as (package, _):
        files = package.files(discriminator=(package.folder / DISCRIMINATOR).exists())

        def fill(beside: Path) -> None:
            for file, content in files.items():
                with (beside / file).open("xb") as copy:
                    if isinstance(content, bytes):
                        copy.write(content)
                        continue
                    with open_file(content) as original:
                        shutil.copyfileobj(original, copy)

        try:
            write_folder(path, fill, replace=False, parents=True)
        except FileExistsError:
            raise taken from None
        except OSError as error:
            raise cannot_write(path, error) from None
    return path


def remove(name: str) -> Path:
    """Remove a model from the local registry. Raises GanzooError where there is none."""
    path = local_path(name)
    if not path.is_dir() and not is_link(path):
        bundled = {reference.name: reference.bundled for reference in named_models()}
        if bundled.get(name):
            raise GanzooError(f"{name!r} comes with a plugin and cannot be removed")
        local = [known for known in bundled if not bundled[known]]
        raise unknown("model in the registry", name, local, f"It is in {models_home()}.")
    try:
        remove_folder(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    return path
