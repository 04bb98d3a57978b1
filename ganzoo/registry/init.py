"""Start training from weights that somebody trained before: ``--init MODEL``."""

from __future__ import annotations

import warnings
from pathlib import Path

from torch import Tensor

from ganzoo.engine.match import Match
from ganzoo.engine.run import Run, is_run
from ganzoo.engine.state import NETWORKS, select
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.registry.model_folder import WEIGHTS
from ganzoo.tensors import load_tensors

DISCRIMINATOR = "discriminator.safetensors"


def initialise(match: Match, model: str) -> None:
    """Give the networks of `match` the weights of a run or a model folder.

    A model folder without a discriminator leaves that one fresh, with a warning. Raises
    GanzooError where there is no such model or its weights do not fit.
    """
    weights = _weights(Path(model))
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


def _weights(path: Path) -> dict[str, dict[str, Tensor]]:
    if is_run(path):
        checkpoints = Run.open(path).checkpoints
        step = checkpoints.newest_good()
        if step is None:
            raise GanzooError(f"--init {path}: the run has no good checkpoint")
        tensors = checkpoints.read(step)[0][NETWORKS]
        owners = ("generator", "average", "discriminator", "partners")
        return {owner: select(tensors, owner) for owner in owners}
    if not (path / WEIGHTS).is_file():
        raise GanzooError(f"--init {path}: no run and no model folder")
    generator = load_tensors(path / WEIGHTS)
    weights = {"generator": generator, "average": generator}
    if (path / DISCRIMINATOR).is_file():
        weights["discriminator"] = load_tensors(path / DISCRIMINATOR)
    return weights
