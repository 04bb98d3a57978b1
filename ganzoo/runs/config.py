"""The configuration of a run: everything needed to repeat it, resolved and validated."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from ganzoo.architecture import Architecture
from ganzoo.catalogue import PluginReference
from ganzoo.data.find import absolute
from ganzoo.data.options import Data, make_data
from ganzoo.entries import ObjectiveEntry
from ganzoo.errors import GanzooError, unknown
from ganzoo.files import read_json
from ganzoo.objectives import Objective
from ganzoo.options import Options, make
from ganzoo.plugins import catalogue
from ganzoo.training import Training, check_names

FORMAT: Final = 1
GROUPS: Final = ("options", "objective_options", "data", "training", "schedule")


class Schedule(Options):
    """What happens how often, in steps, and where it runs."""

    log_every: int = Field(100, ge=1, description="steps between lines of metrics")
    sample_every: int = Field(1000, ge=1, description="steps between sample grids")
    checkpoint_every: int = Field(1000, ge=1, description="steps between checkpoints")
    keep_checkpoints: int = Field(3, ge=1, description="newest checkpoints that are kept")
    evaluate_every: int | None = Field(
        None, ge=1, description="steps between evaluations of the averaged generator"
    )
    evaluate_samples: int = Field(
        2000, ge=2, le=1_000_000, description="samples that are made for an evaluation"
    )
    evaluate_data: str | None = Field(
        None, min_length=1, description="data to evaluate on; null: what is trained on"
    )
    features: str = Field("auto", description="the extractor to evaluate by; see ganzoo list")
    keep: Literal["last", "best"] = Field(
        "last", description="the step that is exported; best: of the least FID evaluated"
    )
    sample_count: int = Field(64, ge=1, le=10_000, description="samples in a grid")
    seed: int = Field(0, ge=0, lt=2**31, description="of weights, data order and latents")
    device: str = Field("auto", description="auto, cpu, cuda or mps")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of forward and backward passes; weights are float32"
    )
    observers: tuple[str, ...] = Field((), description="plugins that follow the run: trackers")

    def measures(self, step: int, last: bool) -> bool:
        """Whether the generator is evaluated at a step: every so many, and at the last."""
        every = self.evaluate_every
        return every is not None and (last or step % every == 0)


class RunConfig(Options):
    """The configuration of a run, as ``config.json`` of its folder and ``--config`` hold it."""

    architecture: str
    plugin: PluginReference = PluginReference()
    options: dict[str, Any] = Field(default_factory=dict)
    objective: str
    objective_options: dict[str, Any] = Field(default_factory=dict)
    data: Data = Data()
    training: Training = Training()
    schedule: Schedule = Schedule()
    init: str | None = Field(None, min_length=1)
    format: int = FORMAT

    def observed_by(self, names: Iterable[str]) -> RunConfig:
        """The same with further observers, by their names."""
        every = tuple(dict.fromkeys([*self.schedule.observers, *names]))
        schedule = self.schedule.model_copy(update={"observers": every})
        return self.model_copy(update={"schedule": schedule})


def read_config(path: Path) -> dict[str, Any]:
    """The values of a ``--config`` file: JSON (a run's config.json, too) or TOML."""
    if path.suffix == ".toml":
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise GanzooError(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise GanzooError(f"{path}: not valid TOML: {error}") from None
    else:
        values = read_json(path)
    return checked(values, str(path))


def checked(values: Any, where: str) -> dict[str, Any]:
    """The values of a configuration, its keys and the form of its groups checked."""
    if not isinstance(values, Mapping):
        raise GanzooError(f"{where}: not an object with the options of a run")
    for key, value in values.items():
        if key not in RunConfig.model_fields:
            raise unknown(f"key in {where}", str(key), RunConfig.model_fields)
        if key in GROUPS and value is not None and not isinstance(value, Mapping):
            raise GanzooError(f"{where}: {key}={value!r}; it takes an object")
        if key in ("architecture", "objective", "init") and (
            not isinstance(value, str | None) or value == ""
        ):
            raise GanzooError(f"{where}: {key}={value!r}; it takes a text")
    if values.get("format", FORMAT) != FORMAT:
        raise GanzooError(
            f"{where}: format {values['format']!r}; this one knows {FORMAT}; upgrade torch-ganzoo"
        )
    return dict(values)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, group by group; None leaves what is below."""
    made = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping):
            made[key] = merged(made.get(key) or {}, value)
        elif value is not None:
            made[key] = value
    return made


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
    for key, value in settings.items():
        group, _, option = key.rpartition(".")
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
    found: type[Objective] = catalogue().find(ObjectiveEntry, name).load()
    return found


def load_run_config(path: Path) -> RunConfig:
    """The configuration in a run folder."""
    return make(RunConfig, checked(read_json(path), str(path)), str(path))
