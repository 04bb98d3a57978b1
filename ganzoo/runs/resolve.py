"""From what the user asked for to the whole configuration of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ganzoo.architecture import Architecture
from ganzoo.catalogue import PluginReference
from ganzoo.entries import ObjectiveEntry
from ganzoo.errors import GanzooError, unknown
from ganzoo.objectives import Objective
from ganzoo.options import make
from ganzoo.plugins import catalogue
from ganzoo.runs.config import GROUPS, RunConfig, Schedule
from ganzoo.sources.find import absolute
from ganzoo.sources.options import make_data
from ganzoo.training import PLAYERS, Training, check_names


def resolve(
    architecture: type[Architecture],
    name: str,
    plugin: PluginReference,
    asked: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> RunConfig:
    """The whole configuration: the recipe, what the user asked over it, all of it validated.

    asked: values by their place in `RunConfig`, as a ``--config`` file has them.
    settings: those of ``--set``: an option of the architecture, or objective.X, training.X,
    data.X, schedule.X. Where both name an option, `settings` wins.
    """
    groups: dict[str, dict[str, Any]] = {group: dict(asked.get(group) or {}) for group in GROUPS}
    where = {"": "options", "objective": "objective_options"}
    if not isinstance(settings, Mapping):
        raise GanzooError(f"settings={settings!r}: it takes a dict, such as {{'width': 64}}")
    for key, value in _both_rates(settings, architecture):
        group, _, option = str(key).rpartition(".")
        place = where.get(group, group)
        if place not in groups:
            raise unknown("group of options", group, ["objective", "training", "data", "schedule"])
        groups[place][option] = value
    if groups["data"].get("source"):
        groups["data"]["source"] = absolute(str(groups["data"]["source"]))
    evaluate_data, features = (groups["schedule"].get(k) for k in ("evaluate_data", "features"))
    if evaluate_data:
        groups["schedule"]["evaluate_data"] = absolute(str(evaluate_data))
    if str(features).endswith(".safetensors"):  # a name stays one, whatever lies in the folder
        groups["schedule"]["features"] = absolute(str(features))
    options = make(architecture.Config, groups["options"], name)
    recipe = architecture.training.model_dump()
    training = make(Training, recipe | groups["training"], "training", "training.")
    check_names(training)
    for key in ("objective", "init"):
        if not isinstance(asked.get(key), str | None):
            raise GanzooError(f"{key}={asked[key]!r}: it takes a text")
    objective_name = asked.get("objective") or own_objective(architecture)
    if objective_name == own_objective(architecture):
        groups["objective_options"] = architecture.objective_options | groups["objective_options"]
    objective = objective_class(objective_name, architecture)
    objective_options = make(
        objective.Config, groups["objective_options"], f"objective {objective_name}", "objective."
    )
    schedule = make(Schedule, groups["schedule"], "schedule", "schedule.")
    if schedule.keep == "best" and schedule.evaluate_every is None:
        raise GanzooError("--keep best: which is best is not known without --evaluate-every N")
    if schedule.evaluate_data is not None and schedule.evaluate_every is None:
        raise GanzooError("schedule.evaluate_data: nothing is measured without --evaluate-every N")
    return RunConfig(
        architecture=name,
        plugin=plugin,
        options=options.model_dump(mode="json"),
        objective=objective_name,
        objective_options=objective_options.model_dump(mode="json"),
        data=make_data(groups["data"]),
        training=training,
        schedule=schedule,
        init=asked.get("init"),
    )


def _both_rates(
    settings: Mapping[str, Any], architecture: type[Architecture]
) -> Iterator[tuple[str, Any]]:
    """The settings, ``lr`` as the learning rates of both players, where the architecture has no
    option of this name. One that is given for a player wins."""
    both = {"training.lr", *({"lr"} - architecture.Config.model_fields.keys())}
    rates = [value for key, value in settings.items() if key in both]
    for player in PLAYERS if rates else ():
        yield f"training.{player}_lr", rates[-1]
    yield from ((key, value) for key, value in settings.items() if key not in both)


def moved(
    config: RunConfig,
    device: str | None = None,
    precision: str | None = None,
    data: str | None = None,
) -> RunConfig:
    """The configuration of a run that goes on elsewhere, or in another precision.

    How it is computed is decided anew then, in the precision that it had where no other is asked
    for. data: where its data is now. Raises GanzooError for a value that there is not.
    """
    if data is not None:
        source = config.data.model_copy(update={"source": absolute(data)})
        config = config.model_copy(update={"data": source})
    before, execution = config.schedule, config.execution
    elsewhere = device is not None and device != before.device
    if not elsewhere and precision is None:
        return config
    kept = before.precision if execution is None else execution.precision
    values = {"device": device or before.device, "precision": precision or kept}
    if elsewhere:
        values["step"] = "auto"  # only CUDA has captured ones
    schedule = make(Schedule, before.model_dump() | values, "schedule", "schedule.")
    return config.model_copy(update={"schedule": schedule, "execution": None})


def own_objective(architecture: type[Architecture]) -> str:
    """The name of the objective in an architecture's recipe."""
    own = architecture.objective
    return own if isinstance(own, str) else own.__name__


def objective_class(name: str, architecture: type[Architecture]) -> type[Objective]:
    """The objective called `name`: the architecture's own class, or one that a plugin offers.

    Raises GanzooError that suggests the nearest name.
    """
    own = architecture.objective
    if not isinstance(own, str) and own.__name__ == name:
        return own
    objective: type[Objective] = catalogue().find(ObjectiveEntry, name).load()
    return objective
