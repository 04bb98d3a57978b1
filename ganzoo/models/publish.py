"""Publish whatever MODEL names: a run at one of its steps, a folder, a name, a model on the Hub."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ganzoo.architecture import Architecture
from ganzoo.errors import GanzooError
from ganzoo.hub_name import PREFIX, HubName, is_repo
from ganzoo.layout import DISCRIMINATOR, SAMPLES
from ganzoo.models.generator import Generator
from ganzoo.models.hub import Access
from ganzoo.models.load import generator_of
from ganzoo.models.references import reference_to
from ganzoo.models.save import Package, package_of, scratch, write_model
from ganzoo.models.stored import ModelFolder
from ganzoo.models.upload import (
    Published,
    PublishOptions,
    check_finite,
    check_options,
    sizes,
    upload,
)


def publish(
    model: str | os.PathLike[str],
    target: str,
    options: PublishOptions,
    *,
    step: int | None = None,
    dry_run: bool = False,
    architecture: type[Architecture] | None = None,
) -> Published:
    """Publish `model` as `target`, ``hf://owner/name``.

    step: of a run, the step whose checkpoint is wanted. dry_run: ask nothing of the repository;
    tell what would go. architecture: the class, where no installed plugin offers it.
    Raises GanzooError for what the user can mend, WorkFailed where the Hub fails.
    """
    if not target.startswith(PREFIX):
        hint = f"{PREFIX}{target}" if is_repo(target) else f"{PREFIX}OWNER/NAME"
        raise GanzooError(f"{target!r}: a model is published to the Hub by its name there: {hint}")
    name = HubName.parse(target)
    check_options(name, options)
    with packaged(
        model,
        str(name),
        step=step,
        discriminator=options.discriminator,
        architecture=architecture,
        token=options.token,
    ) as (package, generator):
        check_finite(generator)
        if dry_run:
            files = package.files(options.discriminator, options.license)
            return Published(str(name), None, False, sizes(files))
        return upload(package, name, options)


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
    stored = reference_to(model).stored(step, Access(token))
    generator = generator_of(stored, architecture)
    grid = f"{SAMPLES}{generator.kind.suffixes[0]}"
    files = [grid] if discriminator is False else [grid, DISCRIMINATOR]
    with contextlib.ExitStack() as stack:
        folder = stored.folder(files, needed=bool(discriminator))
        if folder is None:
            folder = stack.enter_context(scratch()) / "model"
            tensors = stored.needed("discriminator").tensors() if discriminator else None
            write_model(folder, generator, generator.about, discriminator=tensors)
            written = ModelFolder(folder, stored.source, stored.origin)
            generator = generator_of(written, type(generator.architecture))
        yield package_of(folder, generator, generator.about, name), generator
