"""Start training from weights that somebody trained before: ``--init MODEL``."""

from __future__ import annotations

import warnings
from pathlib import Path

from torch import Tensor

from ganzoo.engine.match import Match
from ganzoo.engine.run import RunFolder
from ganzoo.engine.state import NETWORKS, select
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.layout import DISCRIMINATOR, WEIGHTS
from ganzoo.registry.hub import ALL, download
from ganzoo.registry.model_folder import inside
from ganzoo.registry.places import Place, find_place
from ganzoo.tensors import load_tensors


def initialise(match: Match, model: str) -> str:
    """Give the networks of `match` the weights of `model`; returns how to name the same again.

    model: as `ganzoo.load` takes it; of the Hub, the commit is part of what is returned. A model
    without a discriminator leaves that one fresh, with a warning. Raises GanzooError where there
    is no such model or its weights do not fit.
    """
    place, weights = _weights(model)
    networks = match.networks
    for owner, network in (
        ("generator", networks.generator),
        ("average", match.average.generator),
        ("discriminator", networks.discriminator),
        ("partners", networks.partners),
    ):
        if owner not in weights:
            continue
        try:
            network.load_state_dict(weights[owner])
        except RuntimeError as error:
            raise GanzooError(
                f"--init {model}: its {owner} does not fit the architecture, options and image "
                f"size asked for: {one_line(error)}"
            ) from None
    if "discriminator" not in weights:
        warnings.warn(
            f"--init {model}: it has no discriminator, which starts afresh; consider --set "
            "training.discriminator_warmup=500",
            GanzooWarning,
            stacklevel=2,
        )
    return place.name if place.hub else model


def absolute(model: str) -> str:
    """What names the same model from any folder: a path made absolute, a name as it is."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() and "://" not in model else model


def _weights(model: str) -> tuple[Place, dict[str, dict[str, Tensor]]]:
    try:
        place = find_place(model)
        if place.hub is not None:
            folder = download(place.hub, files=ALL)
            place = Place("hub", f"hf://{place.hub.repo}@{folder.name}", folder, place.hub)
        return place, _of_run(place) if place.kind == "run" else _of_folder(place)
    except GanzooError as error:
        raise type(error)(f"--init {model}: {error}") from None


def _of_run(place: Place) -> dict[str, dict[str, Tensor]]:
    assert place.path is not None
    checkpoints = RunFolder.open(place.path).checkpoints
    step = checkpoints.newest_good()
    if step is None:
        raise GanzooError("the run has no good checkpoint")
    tensors = checkpoints.read(step)[0][NETWORKS]
    owners = ("generator", "average", "discriminator", "partners")
    return {owner: select(tensors, owner) for owner in owners}


def _of_folder(place: Place) -> dict[str, dict[str, Tensor]]:
    assert place.path is not None
    generator = load_tensors(inside(place.path, WEIGHTS))
    weights = {"generator": generator, "average": generator}
    if (place.path / DISCRIMINATOR).exists():
        weights["discriminator"] = load_tensors(inside(place.path, DISCRIMINATOR))
    return weights
