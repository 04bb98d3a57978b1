"""What the installed version of a plugin makes of a run that another version began."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.catalogue import PluginReference
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.layout import NETWORKS
from ganzoo.models.build import needs_upgrade, upgrade, versions_note
from ganzoo.options import make
from ganzoo.plugins import reference_of
from ganzoo.runs.config import Execution, RunConfig
from ganzoo.runs.folder import RunFolder
from ganzoo.tensors import select


def brought_up_to_date(
    run: RunFolder, config: RunConfig, architecture: type[Architecture]
) -> RunConfig:
    """A run's configuration as the installed version of its plugin has it.

    Raises GanzooError that names both versions where an option does not fit.
    """
    config = _computed_as_before(run, config)
    name, plugin, options = config.architecture, config.plugin, config.options
    note = versions_note(name, plugin)
    if not note:
        return config
    if needs_upgrade(architecture, name, plugin):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)  # they are told of when it goes on
            step = run.checkpoints.newest_good()
        networks = {} if step is None else run.checkpoints.read(step)[0][NETWORKS]
        options, _ = upgrade(architecture, name, plugin, options, _playing(networks))
    try:
        options = make(architecture.Config, options, name).model_dump(mode="json")
    except GanzooError as error:
        raise GanzooError(f"{run.path}: {error}{note}") from None
    return config.model_copy(update={"options": options, "plugin": reference_of(name)})


def _computed_as_before(run: RunFolder, config: RunConfig) -> RunConfig:
    """With the precision of the newest checkpoint, where the configuration of a run does not say
    how it is computed: ganzoo 0.1 chose anew each time."""
    if config.execution is not None or not run.checkpoints.steps():
        return config
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GanzooWarning)  # they are told of when it goes on
        step = run.checkpoints.newest_good()
    if step is None:
        return config
    known = {"precision": run.checkpoints.read(step)[1].get("precision", "fp32")}
    return config.model_copy(update={"execution": make(Execution, known, str(run.path))})


def upgraded(
    architecture: type[Architecture],
    name: str,
    plugin: PluginReference,
    options: Mapping[str, Any],
    networks: dict[str, Tensor],
) -> dict[str, Tensor]:
    """A checkpoint's networks as the installed version of the plugin has them.

    plugin, options: that made them.
    """
    if not needs_upgrade(architecture, name, plugin):
        return networks
    playing = _playing(networks)
    average = {f"generator.{key}": t for key, t in select(networks, "average").items()}
    rest = {
        key: tensor
        for key, tensor in networks.items()
        if key not in playing and not key.startswith("average.")
    }
    _, playing = upgrade(architecture, name, plugin, options, playing)
    # A plugin knows one generator: the moving average goes through its hands by itself.
    _, average = upgrade(architecture, name, plugin, options, average)
    named = {f"average.{key}": tensor for key, tensor in select(average, "generator").items()}
    return {**rest, **playing, **named}


def _playing(networks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of a checkpoint's tensors, those that `Architecture.upgrade` knows by their names."""
    owners = ("generator.", "discriminator.", "partners.")
    return {name: tensor for name, tensor in networks.items() if name.startswith(owners)}
