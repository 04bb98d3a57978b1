"""Where a model comes from, for its folder and its card."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping
from typing import Any

import torch

from ganzoo.architecture import Architecture
from ganzoo.catalogue import PluginReference
from ganzoo.data.options import flag_of
from ganzoo.engine.match import Match
from ganzoo.files import public_name
from ganzoo.models.records import DataRecord
from ganzoo.options import Options
from ganzoo.runs.config import RunConfig, Schedule, objective_class, own_objective
from ganzoo.version import __version__


def provenance(match: Match, config: RunConfig, fingerprint: str, seconds: float) -> dict[str, Any]:
    """Where a model comes from: data, seed, steps, versions, hardware, time.

    It is published with the model, so no folder of this machine is named in it.
    """
    dataset, source = match.batches.dataset, config.data.source
    processes = match.processes.world
    return {
        "step": match.step,
        "steps": config.training.steps,
        "command": command(config, type(match.architecture), match.device.precision, processes),
        "data": DataRecord.of(dataset, source, fingerprint).model_dump(mode="json"),
        "seed": config.schedule.seed,
        "objective": config.objective,
        "objective_options": config.objective_options,
        "training": config.training.model_dump(mode="json"),
        "precision": match.device.precision,
        "device": match.device.describe(),
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

    Only what differs from the architecture's recipe is in it.
    """
    source, module = config.data.source, config.plugin.module
    if source is None or not module:
        return None
    words = ["ganzoo"]
    if processes > 1:
        words = ["torchrun", "--nproc-per-node", str(processes), "-m", "ganzoo"]
    if config.plugin.is_file:
        words += ["--plugin", public_name(module)]
    words += ["train", config.architecture, "--data", public_name(source)]
    words += ["--steps", str(config.training.steps)]
    own = own_objective(architecture)
    if config.objective != own:
        words += ["--objective", config.objective]
    others = {key: (flag_of(key), str(value)) for key, value in config.data.others.items()}
    words += [word for flag, value in others.values() if flag for word in (flag, value)]
    recipe = architecture.objective_options if config.objective == own else {}
    objective = objective_class(config.objective, architecture).Config
    for key, value in (
        *_differing("", config.options, architecture.Config()),
        *_differing("objective.", config.objective_options, objective.model_validate(recipe)),
        *_differing(
            "training.", config.training.model_dump(mode="json"), architecture.training, "steps"
        ),
    ):
        words += ["--set", f"{key}={value}"]
    if config.data.reader is not None:
        words += ["--set", f"data.reader={config.data.reader}"]
    for key, (flag, value) in others.items():
        words += [] if flag else ["--set", f"data.{key}={value}"]
    schedule = config.schedule
    if schedule.keep == "best":
        words += ["--evaluate-every", str(schedule.evaluate_every), "--keep", "best"]
        measured = schedule.model_dump(include={"evaluate_samples", "evaluate_data", "features"})
        measured = {k: public_name(v) if isinstance(v, str) else v for k, v in measured.items()}
        for key, value in _differing("schedule.", measured, Schedule()):
            words += ["--set", f"{key}={value}"]
    if config.init is not None:
        words += ["--init", config.init if "://" in config.init else public_name(config.init)]
    return shlex.join([*words, "--seed", str(config.schedule.seed), "--precision", precision])


def _differing(
    prefix: str, values: Mapping[str, Any], defaults: Options, *apart: str
) -> list[tuple[str, str]]:
    usual = defaults.model_dump(mode="json")
    return [
        (prefix + key, value if isinstance(value, str) else json.dumps(value))
        for key, value in values.items()
        if key not in apart and value != usual.get(key)
    ]


def _plugin_version(plugin: PluginReference) -> dict[str, str]:
    return {plugin.distribution: plugin.version} if plugin.distribution else {}
