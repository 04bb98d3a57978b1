"""What the installed version of a plugin makes of a model or a run of another version."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.catalogue import PluginReference
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.layout import NETWORKS
from ganzoo.options import make
from ganzoo.plugins import reference_of
from ganzoo.tensors import select

if TYPE_CHECKING:  # loading a model needs no run
    from ganzoo.runs.config import RunConfig
    from ganzoo.runs.folder import RunFolder


def needs_upgrade(architecture: type[Architecture], name: str, plugin: PluginReference) -> bool:
    """Whether the plugin knows how to bring up to date what another version of it made."""
    knows = any(
        "upgrade" in vars(base) for base in architecture.__mro__ if base is not Architecture
    )
    return knows and bool(versions_note(name, plugin))


def upgrade(
    architecture: type[Architecture],
    name: str,
    plugin: PluginReference,
    options: Mapping[str, Any],
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Options and state of a model or checkpoint as this version of the plugin wants them.

    name, plugin: of the architecture that made them. state: tensors named ``generator.*``,
    ``discriminator.*`` and ``partners.*``. Raises GanzooError where the plugin cannot do it.
    """
    try:
        options, state = architecture.upgrade(dict(options), dict(state), plugin.version)
        return dict(options), dict(state)
    except Exception as error:
        raise GanzooError(
            f"{name}: it cannot be brought up to date: {type(error).__name__}: "
            f"{one_line(error)[:300]}{versions_note(name, plugin)}"
        ) from error


def versions_note(name: str, plugin: PluginReference) -> str:
    """Which version of a plugin made a model, and which is installed; empty where it is that one,
    or where another plugin's architecture of this name is installed."""
    here = reference_of(name)
    if not here.same_plugin(plugin) or not plugin.version or here.version == plugin.version:
        return ""
    return f" (made by {plugin.origin}; {here.version} is installed)"


def brought_up_to_date(
    run: RunFolder, config: RunConfig, architecture: type[Architecture]
) -> RunConfig:
    """A run's configuration as the installed version of its plugin has it.

    Raises GanzooError that names both versions where an option does not fit.
    """
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
