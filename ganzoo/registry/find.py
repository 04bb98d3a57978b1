"""From what the user names as MODEL to a generator."""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.architecture import Architecture
from ganzoo.engine.run import Run, is_run, model_step
from ganzoo.engine.setup import make_architecture
from ganzoo.engine.state import NETWORKS, select
from ganzoo.errors import GanzooError
from ganzoo.generator import Generator
from ganzoo.registry.model_folder import (
    CONFIG,
    WEIGHTS,
    build_generator,
    find_architecture,
    load_model,
)
from ganzoo.spec import SampleSpec


def find_model(
    model: str | os.PathLike[str],
    step: int | None = None,
    architecture: type[Architecture] | None = None,
) -> Generator:
    """The generator of a run or a model folder, on the CPU.

    step: of a run, the step whose checkpoint is wanted; without it, the newest good one.
    architecture: the class, where no installed plugin offers it.
    Raises GanzooError where there is none, or it cannot be loaded.
    """
    path = Path(model).expanduser()
    if is_run(path):
        return _from_run(Run.open(path), step, architecture)
    if step is not None:
        raise GanzooError(f"--step {step}: {path} is no run, so it has no steps to choose from")
    if (path / CONFIG).is_file() and (path / WEIGHTS).exists():
        return load_model(path, architecture)
    if path.is_dir():
        raise GanzooError(
            f"{path} is no run and no model folder: it has no {CONFIG} with {WEIGHTS}"
        )
    raise GanzooError(
        f"model {str(model)!r}: there is no such folder. A run folder or its model/ works."
    )


def _from_run(run: Run, step: int | None, architecture: type[Architecture] | None) -> Generator:
    steps = run.checkpoints.steps()
    if step is not None and step not in steps:
        kept = ", ".join(str(s) for s in sorted(steps)) or "none"
        raise GanzooError(f"--step {step}: {run.path} has no checkpoint of it; it has: {kept}")
    chosen = step if step is not None else run.checkpoints.newest_good()
    if step is None and (chosen is None or model_step(run.model_path) == chosen):
        if (run.model_path / WEIGHTS).exists():
            return load_model(run.model_path, architecture)
        raise GanzooError(f"{run.path} has no good checkpoint yet and no model")
    assert chosen is not None
    groups, values = run.checkpoints.read(chosen)
    config = run.config
    found = architecture or find_architecture(config.architecture, config.plugin)
    spec = SampleSpec.from_json(values.get("spec"))
    made = make_architecture(found, config.architecture, config, spec)
    where = str(run.checkpoints.path(chosen))
    tensors = select(groups[NETWORKS], "average")
    return build_generator(made, tensors, config.architecture, where)
