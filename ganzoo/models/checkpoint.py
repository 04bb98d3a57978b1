"""A run as a stored model: its model folder, or a step's checkpoint."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.layout import NETWORKS, WEIGHTS, is_model
from ganzoo.models.folder import ModelConfig, read_card
from ganzoo.models.records import About, of_training
from ganzoo.models.stored import EXAMPLES, ModelFolder, StoredModel
from ganzoo.runs.config import made_by
from ganzoo.runs.folder import RunFolder, model_step
from ganzoo.spec import SampleSpec
from ganzoo.tensors import Weights, select

_PATIENCE: Final = 10.0  # seconds in which it is tried again
_PAUSE: Final = 0.05  # seconds; a model that is written anew has no name for less

#: The group of a checkpoint's tensors with examples of what the generator works from.
INPUTS: Final = "inputs"


class RunModel(ModelFolder):
    """The model folder of a run, whose discriminator may be in a checkpoint.

    The run knows where a plugin's file lies; its model folder, which may be published, does not.
    """

    def __init__(self, run: RunFolder, source: str) -> None:
        self.run = run
        super().__init__(run.model_path, source, str(run.path.resolve()), run.config.plugin)

    def weights(self, network: str) -> Weights | None:
        weights = super().weights(network)
        step = model_step(self.path)
        if network != "discriminator" or weights or step not in self.run.checkpoints.steps():
            return weights
        return CheckpointModel(self.run, step, self.source).weights(network)

    def lacks(self, network: str) -> str:
        return _gone(self.run, network, model_step(self.path))

    def folder(self, files: Sequence[str], needed: bool = False) -> Path | None:
        there = all((self.path / name).exists() for name in files)
        return None if needed and not there else self.path


class CheckpointModel(StoredModel):
    """A step's checkpoint. Raises GanzooError where it is damaged."""

    def __init__(self, run: RunFolder, step: int, source: str) -> None:
        self.run, self.step, self.source = run, step, source
        self.origin = str(run.path.resolve())
        self.where = str(run.checkpoints.path(step))
        self._groups, self._state = run.checkpoints.read(step)
        spec, config = self._state.get("spec"), run.config
        self.spec = SampleSpec.from_json(spec)
        plugin, options = made_by(self._state, config)
        self.config = ModelConfig(
            architecture=config.architecture,
            plugin=plugin,
            options=options,
            spec=self.spec.to_json(),
        )

    @functools.cached_property
    def about(self) -> About:
        training = self._state.get("training")
        return About(
            self.config.plugin,
            training if isinstance(training, dict) else {},
            of_training(self.run.log.newest(2, self.step), self._shown()),
            read_card(self.run.model_path),
        )

    def _shown(self) -> int:
        """How many real samples had been shown when the last line was logged."""
        try:
            return int(self._state["clock"]["logged"][1]) * self.run.config.training.batch_size
        except (KeyError, IndexError, TypeError, ValueError):
            return 0  # of a checkpoint that was changed by hand

    def weights(self, network: str) -> Weights | None:
        tensors = select(self._groups[NETWORKS], network)
        return Weights.of_tensors(tensors, self.where) if tensors else None

    def lacks(self, network: str) -> str:
        return _gone(self.run, network, self.step)

    def inputs(self) -> Tensor | None:
        return self._groups.get(INPUTS, {}).get(EXAMPLES)


def _gone(run: RunFolder, network: str, step: int | None) -> str:
    return f"{run.path}: the {network} of step {step} is in no checkpoint left"


def stored_of(run: RunFolder, step: int | None, source: str) -> StoredModel:
    """A run's model at a step; without one, the model folder where it is as new as any checkpoint.

    Raises GanzooError where the run has no checkpoint of `step`, or none at all and no model.
    """
    if step is not None:
        steps = run.checkpoints.steps()
        if step not in steps:
            kept = ", ".join(str(s) for s in sorted(steps)) or "none"
            raise GanzooError(f"--step {step}: {run.path} has no checkpoint of it; it has: {kept}")
        return CheckpointModel(run, step, source)
    return _while_it_trains(run, lambda: _newest(run, source))


def _newest(run: RunFolder, source: str) -> StoredModel:
    newest, exported = run.checkpoints.newest_good(), model_step(run.model_path)
    # The model of a finished run may be that of an earlier, better step.
    current = newest is None or run.finished or (exported is not None and exported >= newest)
    if current and (run.model_path / WEIGHTS).exists():
        return RunModel(run, source)
    if newest is None:
        raise GanzooError(f"{run.path} has no good checkpoint yet and no model")
    return CheckpointModel(run, newest, source)


def newest_of(run: RunFolder, source: str) -> StoredModel:
    """The newest good checkpoint of a run. Raises GanzooError where there is none."""

    def newest() -> StoredModel:
        step = run.checkpoints.newest_good()
        if step is None:
            alone = f"; {run.model_path} is its generator alone" if is_model(run.model_path) else ""
            raise GanzooError(f"the run has no good checkpoint{alone}")
        return CheckpointModel(run, step, source)

    return _while_it_trains(run, newest)


def _while_it_trains(run: RunFolder, read: Callable[[], StoredModel]) -> StoredModel:
    """What `read` reads of a run, again where a training has replaced it meanwhile."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        before = run.checkpoints.steps()
        try:
            return read()
        except (GanzooError, OSError):
            if (before or run.finished) and run.checkpoints.steps() == before:
                raise  # nothing has changed, and nothing will: it is damaged
            time.sleep(_PAUSE)
    return read()


def stored_at(run: RunFolder, step: int) -> StoredModel:
    """A step's checkpoint, or the run's model, which may be all that is left of the step.

    Raises GanzooError where neither is good.
    """
    try:
        return CheckpointModel(run, step, str(run.path))
    except GanzooError:
        if model_step(run.model_path) != step:
            raise
    return RunModel(run, str(run.path))
