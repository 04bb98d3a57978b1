"""Publish whatever MODEL names: a run at one of its steps, a folder, a name, a model on the Hub."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ganzoo.architecture import Architecture
from ganzoo.engine.run import RunFolder
from ganzoo.errors import GanzooError
from ganzoo.layout import SAMPLES
from ganzoo.registry.card import Facts
from ganzoo.registry.checkpoint import checkpoint_step, discriminator_of, load_checkpoint
from ganzoo.registry.find import load_folder
from ganzoo.registry.generator import Generator
from ganzoo.registry.hub import ALL, download
from ganzoo.registry.hub_name import PREFIX, HubName, is_repo
from ganzoo.registry.places import Place, find_place
from ganzoo.registry.save import describe, write_model
from ganzoo.registry.upload import Published, Wanted, check, contents, sizes, upload


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

    step: of a run, the step whose checkpoint is wanted. dry_run: ask nothing of the Hub; tell
    what would go. architecture: the class, where no installed plugin offers it.
    Raises GanzooError for what the user can mend, WorkFailed where the Hub fails.
    """
    name = hub_target(target)
    check(name, wanted)
    with as_folder(model, name, wanted, step, architecture) as (folder, facts):
        if dry_run:
            return Published(str(name), None, False, sizes(contents(folder, facts, wanted)))
        return upload(folder, facts, name, wanted)


def hub_target(target: str) -> HubName:
    """The repository to publish to. A bare ``owner/name`` is an error, as in `ganzoo.load`."""
    if not target.startswith(PREFIX):
        hint = f"{PREFIX}{target}" if is_repo(target) else f"{PREFIX}OWNER/NAME"
        raise GanzooError(f"{target!r}: a model is published to the Hub by its name there: {hint}")
    return HubName.parse(target)


@contextlib.contextmanager
def as_folder(
    model: str | os.PathLike[str],
    name: object,
    wanted: Wanted,
    step: int | None = None,
    architecture: type[Architecture] | None = None,
) -> Iterator[tuple[Path, Facts]]:
    """A model as a folder that was loaded without fault, and the facts for its card.

    name: what it will be called. The folder of a run's step is there only meanwhile.
    """
    place = find_place(model)
    if step is not None and place.kind != "run":
        raise GanzooError(f"--step {step}: {place.name} is no run; only a run has steps")
    with tempfile.TemporaryDirectory(prefix="ganzoo-") as scratch:
        if place.kind == "run":
            assert place.path is not None
            run = RunFolder.open(place.path)
            place = _of_run(run, step, wanted, Path(scratch) / "model", architecture)
        elif place.hub is not None:
            folder = download(place.hub, token=wanted.token, files=ALL)
            place = Place("hub", place.name, folder, place.hub)
        generator = load_folder(place, architecture)
        _check_finite(generator)
        assert place.path is not None
        grids = sorted(file.name for file in place.path.glob(f"{SAMPLES}.*"))
        yield place.path, describe(generator, generator.about, str(name), "".join(grids[:1]))


def _of_run(
    run: RunFolder,
    step: int | None,
    wanted: Wanted,
    scratch: Path,
    architecture: type[Architecture] | None,
) -> Place:
    chosen = checkpoint_step(run, step)
    if chosen is None and not wanted.discriminator:
        return Place("folder", str(run.path), run.model_path)
    if chosen is None:
        generator = load_folder(Place("folder", str(run.path), run.model_path), architecture)
    else:
        generator = load_checkpoint(run, chosen, architecture)
    other = discriminator_of(run, chosen) if wanted.discriminator else None
    write_model(scratch, generator, generator.about, discriminator=other)
    return Place("folder", str(run.path), scratch)


def _check_finite(generator: Generator) -> None:
    tensors = generator.network.state_dict().values()
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise GanzooError("the model's weights are not finite; it is not published")
