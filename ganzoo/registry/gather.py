"""Whatever MODEL names, as a package to be copied or published."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ganzoo.architecture import Architecture
from ganzoo.engine.run import RunFolder
from ganzoo.layout import DISCRIMINATOR, SAMPLES
from ganzoo.registry.architectures import find_architecture
from ganzoo.registry.checkpoint import checkpoint_step, discriminator_of, load_checkpoint
from ganzoo.registry.fetch import fetch_about, fetch_weights
from ganzoo.registry.find import load_folder
from ganzoo.registry.generator import Generator
from ganzoo.registry.hub import Access
from ganzoo.registry.package import Package, package_of, scratch
from ganzoo.registry.places import Place, check_step, find_place
from ganzoo.registry.save import write_model


@contextlib.contextmanager
def packaged(
    model: str | os.PathLike[str],
    name: str,
    *,
    step: int | None = None,
    discriminator: bool | None = False,
    architecture: type[Architecture] | None = None,
    token: str | None = None,
) -> Iterator[tuple[Package, Generator]]:
    """A model as a package, under the name it will have, and loaded.

    The package of a run's step is there only meanwhile. discriminator: whether it is wanted; None:
    where there is one already.

    Raises GanzooError where the model cannot be loaded, as `ganzoo.load` does.
    """
    place = find_place(model)
    check_step(place, step)
    access = Access(token)
    with contextlib.ExitStack() as stack:
        if place.kind == "run":
            assert place.path is not None
            run = RunFolder.open(place.path)
            found = architecture or find_architecture(run.config.architecture, run.config.plugin)
            chosen = checkpoint_step(run, step)
            if chosen is None and not discriminator:
                folder = run.model_path
            else:
                folder = stack.enter_context(scratch()) / "model"
                generator = (
                    load_folder(Place("folder", str(run.path), run.model_path), found)
                    if chosen is None
                    else load_checkpoint(run, chosen, found)
                )
                other = discriminator_of(run, chosen) if discriminator else None
                write_model(folder, generator, generator.about, discriminator=other)
            place = Place("folder", place.name, folder)
            generator = load_folder(place, found)
        else:
            place = fetch_about(place, access)
            generator = load_folder(place, architecture, access)
            grid = f"{SAMPLES}{generator.kind.suffixes[0]}"
            more = [grid] if discriminator is False else [grid, DISCRIMINATOR]
            folder = fetch_weights(place, access, more)
        yield package_of(folder, generator, generator.about, name), generator
