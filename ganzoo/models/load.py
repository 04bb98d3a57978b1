"""From what the user names as MODEL to a generator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from ganzoo.architecture import Architecture, build_architecture
from ganzoo.errors import GanzooError
from ganzoo.layout import CONFIG, TRAINING, WEIGHTS
from ganzoo.models.architectures import check_class
from ganzoo.models.build import build_network
from ganzoo.models.fetch import fetch_about, fetch_weights
from ganzoo.models.folder import inside, read_card, read_config, read_object
from ganzoo.models.generator import Generator, checked_device, checked_dtype
from ganzoo.models.hub import Access
from ganzoo.models.records import read_metrics, read_training
from ganzoo.models.references import Place, check_step, find_place
from ganzoo.models.save import About
from ganzoo.plugins import find_architecture
from ganzoo.tensors import fill_tensors, read_header

if TYPE_CHECKING:
    from ganzoo.runs.folder import RunFolder


def load(
    model: str | os.PathLike[str],
    *,
    step: int | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | str | None = None,
    architecture: type[Architecture] | None = None,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Generator:
    """Load a generator: of a run, a model folder, the registry, bundled, or ``hf://owner/name``.

    step: of a run, the step whose checkpoint is wanted. device, dtype: where to, and the type of
    the weights (``torch.bfloat16`` or ``"bfloat16"``). architecture: the class, where no
    installed plugin offers it.

    For a model on the Hub: revision, a branch, a tag or a commit (also ``hf://owner/name@v1``);
    the rest is as in huggingface_hub, whose cache keeps what was downloaded.

    Nothing that comes with a model is executed or unpickled. Raises GanzooError where there is no
    such model or it cannot be loaded, WorkFailed where the Hub does not answer.
    """
    if architecture is not None:
        check_class(architecture)
    target, kind = checked_device(device), checked_dtype(dtype)
    place = find_place(model)
    check_step(place, step)
    if place.hub is None and revision is not None:
        raise GanzooError(f"revision {revision!r}: {os.fspath(model)} is not on the Hub (hf://)")
    if place.kind == "run":
        generator = _of_run(place, step, architecture)
    elif place.hub is not None:
        access = Access(token, cache_dir, force_download, local_files_only)
        name = place.hub.at(revision)
        place = fetch_about(Place("hub", str(name), hub=name), access)
        generator = load_folder(place, architecture, access)
    else:
        generator = load_folder(place, architecture)
    return generator.to(target, kind)


def _of_run(place: Place, step: int | None, architecture: type[Architecture] | None) -> Generator:
    # The engine's modules are not needed to load a model folder, and take time to import.
    from ganzoo.models.checkpoint import checkpoint_step
    from ganzoo.runs.folder import RunFolder

    assert place.path is not None
    run = RunFolder.open(place.path)
    return load_run(run, checkpoint_step(run, step), architecture)


def load_run(
    run: RunFolder, step: int | None, architecture: type[Architecture] | None = None
) -> Generator:
    """The generator of a step's checkpoint, or, without a step, of the run's model folder."""
    from ganzoo.models.checkpoint import load_checkpoint

    # The run knows where a plugin's file lies; its model folder, which may be published, does not.
    found = architecture or find_architecture(run.config.architecture, run.config.plugin)
    if step is None:
        return load_folder(Place("run", str(run.path), run.model_path), found)
    return load_checkpoint(run, step, found)


def load_folder(
    place: Place,
    architecture: type[Architecture] | None = None,
    access: Access = Access(),  # noqa: B008
) -> Generator:
    """The generator in a model folder, on the CPU. access: to the Hub, for a place there.

    Raises GanzooError where the folder is damaged, or made by a newer ganzoo or a plugin that is
    not installed. Nothing large is read or built before all that is known.
    """
    path = place.path
    assert path is not None
    config, spec = read_config(path)
    read_training(path)  # only to see that it is one; the whole of it is kept
    about = About(config.plugin, read_object(path, TRAINING), read_metrics(path), read_card(path))
    found = architecture or find_architecture(config.architecture, config.plugin)
    try:
        made = build_architecture(found, config.architecture, config.options, spec)
    except GanzooError as error:
        raise GanzooError(f"{path / CONFIG}: {error}") from None
    weights = inside(fetch_weights(place, access), WEIGHTS)
    header = read_header(weights)
    network = build_network(
        made.build_generator,
        header,
        lambda own: fill_tensors(own, weights, header),
        str(weights),
    )
    revision = path.name if place.hub else None
    return Generator(made, network, config.architecture, about, place.name, revision)
