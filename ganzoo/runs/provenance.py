"""Where a model comes from, for its folder and its card."""

from __future__ import annotations

import json
import platform
import shlex
from pathlib import Path
from typing import Any

import torch

from ganzoo.architecture import Architecture
from ganzoo.catalogue import PluginReference
from ganzoo.devices import Device
from ganzoo.options import Options
from ganzoo.runs.choices import repeated
from ganzoo.runs.config import RunConfig, Schedule
from ganzoo.runs.resolve import objective_class, own_objective
from ganzoo.sources.options import Data, other_fields
from ganzoo.version import __version__


def provenance(
    config: RunConfig,
    architecture: type[Architecture],
    data: dict[str, Any],
    device: Device,
    processes: int,
    step: int,
    seconds: float,
) -> dict[str, Any]:
    """Where a model comes from: data, seed, steps, versions, hardware, time.

    It is published with the model, so no folder of this machine is named in it. data: the record
    of what it was trained on. step, seconds: so far.
    """
    return {
        "step": step,
        "steps": config.training.steps,
        "command": command(config, architecture, device.precision, processes),
        "data": data,
        "seed": config.schedule.seed,
        "objective": config.objective,
        "objective_options": config.objective_options,
        "training": config.training.model_dump(mode="json"),
        "precision": device.precision,
        "execution": None if config.execution is None else config.execution.model_dump(mode="json"),
        "device": device.describe(),
        "processes": processes,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 2),
        "versions": {
            "torch-ganzoo": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
            **_plugin_version(config.plugin),
        },
    }


def command(
    config: RunConfig, architecture: type[Architecture], precision: str, processes: int = 1
) -> str | None:
    """The command that trains the same again; None where classes or data have no name for it.

    Only what differs from the architecture's recipe is in it. precision: that was computed in.
    """
    module = config.plugin.module
    if config.data.source is None or not module:
        return None
    words = ["ganzoo"]
    if processes > 1:
        words = ["torchrun", "--nproc-per-node", str(processes), "-m", "ganzoo"]
    if config.plugin.is_file:
        words += ["--plugin", _public(module)]
    words += ["train", config.architecture]
    own = own_objective(architecture)
    recipe = architecture.objective_options if config.objective == own else {}
    losses = objective_class(config.objective, architecture).Config
    run = _Words("", config, RunConfig(architecture="", objective=own), {"objective", "init"})
    data = _Words("data.", config.data, Data())
    training = _Words("training.", config.training, architecture.training)
    # A run that starts from a model has the model's options unless others are said.
    usual = architecture.Config() if config.init is None else None
    options = _Words("", architecture.Config(**config.options), usual)
    objective = _Words("objective.", losses(**config.objective_options), losses(**recipe))
    schedule = _Words(
        "schedule.", config.schedule.model_copy(update={"precision": precision}), Schedule()
    )
    words += [*data.always, *training.always, *run.flags, *data.flags, *training.flags]
    words += [*options.set, *objective.set, *training.set, *data.set]
    words += [*schedule.flags, *schedule.set, *schedule.always]
    return shlex.join(words)


class _Words:
    """What a command must say of a group of options, sorted by how it is said."""

    def __init__(
        self, prefix: str, values: Options, usual: Options | None, only: set[str] | None = None
    ) -> None:
        """usual: the values that need not be said; None: all are."""
        self.always: list[str] = []
        self.flags: list[str] = []
        self.set: list[str] = []
        of = values.model_dump(mode="json", include=only)
        fields = {**type(values).model_fields}
        if isinstance(values, Data):
            fields.update(other_fields(values.reader))
        unsaid = dict.fromkeys(of, ...) if usual is None else usual.model_dump(mode="json")
        for name, flag, how, value in repeated(of, unsaid, fields):
            text = _public(value) if isinstance(value, str) else json.dumps(value)
            if how == "set":
                self.set += ["--set", f"{prefix}{name}={text}"]
            else:
                (self.always if how == "always" else self.flags).extend([flag, text])


def _public(path: str) -> str:
    """A name or an address as it is, of a path the last part alone."""
    return Path(path).name if Path(path).is_absolute() else path


def _plugin_version(plugin: PluginReference) -> dict[str, str]:
    return {plugin.distribution: plugin.version} if plugin.distribution else {}
