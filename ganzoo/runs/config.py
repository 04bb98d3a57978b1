"""The configuration of a run: everything needed to repeat it, resolved and validated."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field
from pydantic.config import JsonDict

from ganzoo.catalogue import PluginReference
from ganzoo.errors import GanzooError, unknown
from ganzoo.files import read_json
from ganzoo.options import Options, make
from ganzoo.sources.options import Data
from ganzoo.training import Training

FORMAT: Final = 1
GROUPS: Final = ("options", "objective_options", "data", "training", "schedule")


#: What is evaluated changes a run's model only where the best step is kept.
_FOR_THE_BEST: Final[JsonDict] = {"only_if": {"keep": "best"}}
_NEVER: Final[JsonDict] = {"repeat": "never"}


#: Steps between grids where nothing else is asked for, once the first grids are made.
SAMPLES: Final = 1000


class Schedule(Options):
    """What happens how often, in steps, and where it runs."""

    log_every: int = Field(
        100,
        ge=1,
        description="steps between lines of metrics",
        json_schema_extra={"flag": "--log-every", "repeat": "never"},
    )
    sample_every: int | None = Field(
        None,
        ge=1,
        description=f"steps between sample grids; null: at 1, 2, 4, ..., and every {SAMPLES}",
        json_schema_extra={"flag": "--sample-every", "repeat": "never"},
    )
    checkpoint_every: int = Field(
        1000,
        ge=1,
        description="steps between checkpoints",
        json_schema_extra={"flag": "--checkpoint-every", "repeat": "never"},
    )
    keep_checkpoints: int = Field(
        3, ge=1, description="newest checkpoints that are kept", json_schema_extra=_NEVER
    )
    evaluate_every: int | None = Field(
        None,
        ge=1,
        description="steps between evaluations of the averaged generator",
        json_schema_extra={"flag": "--evaluate-every", **_FOR_THE_BEST},
    )
    evaluate_samples: int = Field(
        2000,
        ge=2,
        le=1_000_000,
        description="samples for each evaluation",
        json_schema_extra=_FOR_THE_BEST,
    )
    evaluate_data: str | None = Field(
        None,
        min_length=1,
        description="data to evaluate on; null: the training data",
        json_schema_extra=_FOR_THE_BEST,
    )
    features: str = Field(
        "auto",
        description="feature extractor for evaluations; see ganzoo list",
        json_schema_extra=_FOR_THE_BEST,
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="the step that is exported; best: the one with the lowest FID",
        json_schema_extra={"flag": "--keep"},
    )
    sample_count: int = Field(
        64, ge=1, le=10_000, description="samples in a grid", json_schema_extra=_NEVER
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="random seed for weights, data order and latents",
        json_schema_extra={"flag": "--seed", "repeat": "always"},
    )
    device: str = Field(
        "auto",
        description="auto, cpu, cuda or mps",
        json_schema_extra={"flag": "--device", "repeat": "never"},
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="number format of forward and backward passes; weights are float32",
        json_schema_extra={"flag": "--precision", "repeat": "always"},
    )
    layout: Literal["auto", "channels_last", "contiguous"] = Field(
        "auto", description="memory layout of images", json_schema_extra=_NEVER
    )
    step: Literal["auto", "eager", "captured"] = Field(
        "auto",
        description="how a step runs on CUDA; captured: replayed as CUDA graphs",
        json_schema_extra=_NEVER,
    )
    observers: tuple[str, ...] = Field(
        (), description="plugins that follow the run: trackers", json_schema_extra=_NEVER
    )

    def samples(self, step: int, last: bool) -> bool:
        """Whether a grid is made at a step. Of step 0 there is always one."""
        if self.sample_every is not None:
            return last or step % self.sample_every == 0
        # In the beginning much changes, and somebody watches.
        early = step < SAMPLES and step & (step - 1) == 0
        return last or early or step % SAMPLES == 0

    def measures(self, step: int, last: bool) -> bool:
        """Whether the generator is evaluated at a step: every so many, and at the last."""
        every = self.evaluate_every
        return every is not None and (last or step % every == 0)


class Execution(Options):
    """How a run's steps are computed, as it was decided before the first one."""

    precision: Literal["fp32", "bf16", "fp16"] = Field(
        "fp32", description="of forward and backward passes"
    )
    layout: Literal["channels_last", "contiguous"] = Field(
        "channels_last", description="memory layout of images"
    )
    step: Literal["eager", "captured"] = Field(
        "eager", description="captured: replayed as CUDA graphs"
    )
    reason: str = Field("", description="why the step is not captured, where the device could")
    measured: dict[str, float] = Field(
        default_factory=dict, description="samples a second of each candidate"
    )

    @property
    def name(self) -> str:
        """What it is called among candidates."""
        unusual = [("eager", self.step), ("channels_last", self.layout)]
        return " ".join([self.precision, *(value for usual, value in unusual if value != usual)])

    def line(self) -> str:
        """What was measured and decided, in one line; empty where there was nothing to decide."""
        rates = ", ".join(f"{name} {rate:,.4g}/s" for name, rate in self.measured.items())
        text = f"measured: {rates}; {self.name} is used" if rates else ""
        return f"{text or self.name} (not captured: {self.reason})" if self.reason else text


class RunConfig(Options):
    """The configuration of a run, as ``config.json`` of its folder and ``--config`` hold it."""

    architecture: str
    plugin: PluginReference = PluginReference()
    options: dict[str, Any] = Field(default_factory=dict)
    objective: str = Field(
        description="the adversarial loss; any of them goes with any architecture",
        json_schema_extra={"flag": "--objective"},
    )
    objective_options: dict[str, Any] = Field(default_factory=dict)
    data: Data = Data()
    training: Training = Training()
    schedule: Schedule = Schedule()
    execution: Execution | None = Field(
        None, description="how its steps are computed; decided when the run begins"
    )
    init: str | None = Field(
        None,
        min_length=1,
        description="a model to start from, with its options and what fits of its weights",
        json_schema_extra={"flag": "--init", "metavar": "MODEL"},
    )
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
        values = read_json(path.resolve())  # the user's file may be a link
    return checked(values, str(path))


def checked(values: Any, where: str) -> dict[str, Any]:
    """The values of a configuration, its keys and the form of its groups checked."""
    if not isinstance(values, Mapping):
        raise GanzooError(f"{where}: not an object with the options of a run")
    if values.get("format", FORMAT) != FORMAT:  # first: a newer one may have other keys
        raise GanzooError(
            f"{where}: format {values['format']!r}; this one knows {FORMAT}; upgrade torch-ganzoo"
        )
    for key, value in values.items():
        if key not in RunConfig.model_fields:
            raise unknown(f"key in {where}", str(key), RunConfig.model_fields)
        if key in GROUPS and value is not None and not isinstance(value, Mapping):
            raise GanzooError(f"{where}: {key}={value!r}; it takes an object")
        if key in ("architecture", "objective", "init") and (
            not isinstance(value, str | None) or value == ""
        ):
            raise GanzooError(f"{where}: {key}={value!r}; it takes a text")
    return dict(values)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, group by group; None leaves what is below."""
    values = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping):
            values[key] = merged(values.get(key) or {}, value)
        elif value is not None:
            values[key] = value
    return values


def load_run_config(path: Path) -> RunConfig:
    """The configuration in a run folder."""
    return make(RunConfig, checked(read_json(path), str(path)), str(path))


def made_by(state: Mapping[str, Any], config: RunConfig) -> tuple[PluginReference, dict[str, Any]]:
    """The plugin and the options that made a checkpoint.

    state: the checkpoint's values. Those of ganzoo 0.1 have neither: they are the run's own.
    """
    plugin, options = state.get("plugin"), state.get("options")
    return (
        PluginReference(**plugin) if isinstance(plugin, dict) else config.plugin,
        dict(options) if isinstance(options, dict) else config.options,
    )
