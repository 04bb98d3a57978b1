"""Whatever MODEL names, as a package to be copied or published."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ganzoo.architecture import Architecture
from ganzoo.layout import DISCRIMINATOR, SAMPLES
from ganzoo.models.checkpoint import checkpoint_step, discriminator_of
from ganzoo.models.fetch import fetch_about, fetch_weights
from ganzoo.models.generator import Generator
from ganzoo.models.hub import Access
from ganzoo.models.load import load_folder, load_run
from ganzoo.models.package import Package, package_of, scratch
from ganzoo.models.references import Place, check_step, find_place
from ganzoo.models.save import write_model
from ganzoo.runs.folder import RunFolder


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
            chosen = checkpoint_step(run, step)
            folder, generator = run.model_path, load_run(run, chosen, architecture)
            if chosen is not None or discriminator:
                folder = stack.enter_context(scratch()) / "model"
                other = discriminator_of(run, chosen) if discriminator else None
                write_model(folder, generator, generator.about, discriminator=other)
                written = Place("folder", place.name, folder)
                generator = load_folder(written, type(generator.architecture))
        else:
            place = fetch_about(place, access)
            generator = load_folder(place, architecture, access)
            grid = f"{SAMPLES}{generator.kind.suffixes[0]}"
            more = [grid] if discriminator is False else [grid, DISCRIMINATOR]
            folder = fetch_weights(place, access, more)
        yield package_of(folder, generator, generator.about, name), generator
