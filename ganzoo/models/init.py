"""Start training from weights that somebody trained before: ``--init MODEL``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from torch import Tensor, nn

from ganzoo.engine.match import Match
from ganzoo.engine.state import NETWORKS, select
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.layout import DISCRIMINATOR, WEIGHTS
from ganzoo.models.build import misfit
from ganzoo.models.fetch import fetch_all
from ganzoo.models.folder import inside, read_config
from ganzoo.models.references import Place, find_place
from ganzoo.runs.folder import RunFolder
from ganzoo.tensors import Stored, load_tensors, read_header


def initialise(match: Match, model: str) -> str:
    """Give the networks of `match` the weights of `model`; returns how to name the same again.

    model: as `ganzoo.load` takes it. What is returned names a folder from everywhere, and of a
    model on the Hub the commit. A model without a discriminator leaves that one fresh, with a
    warning. Raises GanzooError where there is no such model or its weights do not fit.
    """
    try:
        place = fetch_all(find_place(model))
        owners = _of_run(match, place) if place.kind == "run" else _of_folder(match, place)
    except GanzooError as error:
        raise type(error)(f"--init {model}: {error}") from None
    if "discriminator" not in owners:
        warnings.warn(
            f"--init {model}: it has no discriminator, which starts afresh; consider --set "
            "training.discriminator_warmup=500",
            GanzooWarning,
            stacklevel=2,
        )
    if place.hub is not None:
        return str(place.hub)
    if place.kind in ("local", "bundled"):
        return place.name
    assert place.path is not None
    return str(place.path.resolve())


def _of_run(match: Match, place: Place) -> set[str]:
    assert place.path is not None
    checkpoints = RunFolder.open(place.path).checkpoints
    step = checkpoints.newest_good()
    if step is None:
        raise GanzooError("the run has no good checkpoint")
    tensors = checkpoints.read(step)[0][NETWORKS]
    for owner, network in _networks(match).items():
        _fit(owner, network, select(tensors, owner))
    return set(_networks(match))


def _of_folder(match: Match, place: Place) -> set[str]:
    assert place.path is not None
    read_config(place.path)  # of a newer format, the tensors may mean something else
    files = {"generator": WEIGHTS, "average": WEIGHTS}
    if (place.path / DISCRIMINATOR).exists():
        files["discriminator"] = DISCRIMINATOR
    for owner, name in files.items():
        file, network = inside(place.path, name), _networks(match)[owner]
        header = read_header(file)
        _check(owner, network, header)  # before memory is taken
        _fit(owner, network, load_tensors(file, header))
    return set(files)


def _networks(match: Match) -> dict[str, nn.Module]:
    return {
        "generator": match.networks.generator,
        "average": match.average.generator,
        "discriminator": match.networks.discriminator,
        "partners": match.networks.partners,
    }


def _fit(owner: str, network: nn.Module, tensors: dict[str, Tensor]) -> None:
    _check(owner, network, tensors)
    network.load_state_dict(tensors)


def _check(owner: str, network: nn.Module, tensors: Mapping[str, Tensor | Stored]) -> None:
    wrong = misfit(network.state_dict(), tensors)
    if wrong:
        raise GanzooError(
            f"its {owner} does not fit the architecture, options and image size asked for: {wrong}"
        )
