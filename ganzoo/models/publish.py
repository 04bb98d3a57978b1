"""Publish whatever MODEL names: a run at one of its steps, a folder, a name, a model on the Hub."""

from __future__ import annotations

import os

from ganzoo.architecture import Architecture
from ganzoo.errors import GanzooError
from ganzoo.models.gather import packaged
from ganzoo.models.hub_name import PREFIX, HubName, is_repo
from ganzoo.models.package import check_finite
from ganzoo.models.upload import Published, Wanted, check, sizes, upload


def publish(
    model: str | os.PathLike[str],
    target: str,
    wanted: Wanted,
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
    check(name, wanted)
    with packaged(
        model,
        str(name),
        step=step,
        discriminator=wanted.discriminator,
        architecture=architecture,
        token=wanted.token,
    ) as (package, generator):
        check_finite(generator)
        if dry_run:
            found = package.files(wanted.discriminator, wanted.license)
            return Published(str(name), None, False, sizes(found))
        return upload(package, name, wanted)
