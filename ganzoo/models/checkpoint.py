"""The generator in a run: of its model folder, or of a step's checkpoint."""

from __future__ import annotations

from torch import Tensor

from ganzoo.architecture import Architecture, build_architecture
from ganzoo.engine.state import NETWORKS, select
from ganzoo.errors import GanzooError
from ganzoo.layout import WEIGHTS
from ganzoo.models.build import build_network
from ganzoo.models.folder import read_card
from ganzoo.models.generator import Generator
from ganzoo.models.records import of_training
from ganzoo.models.references import Place
from ganzoo.models.save import About
from ganzoo.runs.folder import RunFolder, model_step
from ganzoo.spec import SampleSpec


def checkpoint_step(run: RunFolder, step: int | None) -> int | None:
    """The step of the checkpoint to take; None where the run's model folder is as new as any.

    Raises GanzooError where the run has no checkpoint of `step`, or none at all and no model.
    """
    steps = run.checkpoints.steps()
    if step is not None and step not in steps:
        kept = ", ".join(str(s) for s in sorted(steps)) or "none"
        raise GanzooError(f"--step {step}: {run.path} has no checkpoint of it; it has: {kept}")
    chosen = step if step is not None else run.checkpoints.newest_good()
    done = model_step(run.model_path)
    # The model of a finished run may be that of an earlier, better step.
    if step is None and (chosen is None or run.finished or (done is not None and done >= chosen)):
        if (run.model_path / WEIGHTS).exists():
            return None
        raise GanzooError(f"{run.path} has no good checkpoint yet and no model")
    return chosen


def load_checkpoint(run: RunFolder, step: int, architecture: type[Architecture]) -> Generator:
    """The averaged generator of a step's checkpoint, on the CPU."""
    groups, values = run.checkpoints.read(step)
    config = run.config
    spec = SampleSpec.from_json(values.get("spec"))
    made = build_architecture(architecture, config.architecture, config.options, spec)
    tensors = select(groups[NETWORKS], "average")
    where = str(run.checkpoints.path(step))

    def fill(own: dict[str, Tensor]) -> None:
        for name, tensor in own.items():
            tensor.copy_(tensors[name])

    network = build_network(made.build_generator, tensors, fill, where)
    training = values.get("training")
    about = About(
        config.plugin,
        training if isinstance(training, dict) else {},
        of_training([line for line in run.metrics() if line["step"] <= step]),
        read_card(run.model_path),
    )
    return Generator(made, network, config.architecture, about, str(run.path))


def load_best(run: RunFolder, step: int, architecture: type[Architecture]) -> Generator:
    """The generator of a step: of its checkpoint, or of the run's model, which may be all that is
    left of it. Raises GanzooError where neither is good."""
    try:
        return load_checkpoint(run, step, architecture)
    except GanzooError:
        if model_step(run.model_path) != step:
            raise
    from ganzoo.models.load import load_folder

    return load_folder(Place("run", str(run.path), run.model_path), architecture)


def discriminator_of(run: RunFolder, step: int | None) -> dict[str, Tensor]:
    """The discriminator's tensors at a step, or at that of the run's model.

    Raises GanzooError where that checkpoint is gone.
    """
    step = step if step is not None else model_step(run.model_path)
    if step is None or step not in run.checkpoints.steps():
        raise GanzooError(f"{run.path}: the discriminator of step {step} is in no checkpoint left")
    return select(run.checkpoints.read(step)[0][NETWORKS], "discriminator")
