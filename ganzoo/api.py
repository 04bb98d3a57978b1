"""What ``import ganzoo`` offers for training: train and resume."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import Dataset
from ganzoo.data.find import Samples, dataset_of, source_of
from ganzoo.data.reading import fits_in_memory, read_all
from ganzoo.devices import find_device
from ganzoo.engine.export import exported
from ganzoo.engine.loop import Loop
from ganzoo.engine.match import Match
from ganzoo.engine.observers import Observer, make_observers
from ganzoo.engine.setup import make_architecture, make_match
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.files import pasted, user_path
from ganzoo.kinds.prepare import prepare_data
from ganzoo.layout import CONFIG, TRAINING
from ganzoo.measure.judging import Judge, with_extractor
from ganzoo.models.load import check_class, initialise
from ganzoo.models.publish import Run
from ganzoo.models.save import write_model
from ganzoo.options import make
from ganzoo.plugins import catalogue, find_architecture, reference_of
from ganzoo.processes import Processes, processes_of
from ganzoo.runs.config import RunConfig, checked, merged, resolve
from ganzoo.runs.folder import exists, free_number, model_training
from ganzoo.training import Training

NONE: Final = -1  # the step of a checkpoint that is not there


def train(
    architecture: str | type[Architecture],
    data: Samples | None = None,
    *,
    labels: Tensor | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    objective: str | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str | None = None,
    precision: str | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    image_size: int | None = None,
    config: Mapping[str, Any] | None = None,
    init: str | os.PathLike[str] | None = None,
    log_every: int | None = None,
    sample_every: int | None = None,
    checkpoint_every: int | None = None,
    evaluate_every: int | None = None,
    keep: str | None = None,
    observers: Sequence[Observer | str] = (),
) -> Run:
    """Train an architecture, by its name or its class, and return the finished run.

    labels: with a tensor as data, (N,) integers. settings: further options, as ``--set`` takes
    them: ``{"width": 64, "training.generator_lr": 1e-4}``. out: the run folder, which must not
    exist; without it, ``runs/ARCH-DATA-N``. config: values of a configuration file. init: a run
    or model folder whose weights to start from. evaluate_every: steps between measurements of
    the averaged generator. keep: which step's model is the run's, ``"last"`` or ``"best"``, which
    is that of the least FID measured. observers: followers of the run, as objects, or
    as names of plugins' observers. The rest is as on the command line; what is None comes from
    the architecture's recipe.

    Raises GanzooError for what the caller can mend, before anything is written; WorkFailed and
    Interrupted once training has begun.
    """
    observers = [observers] if isinstance(observers, str) else observers
    given = checked(config or {}, "config")
    if objective is not None and objective != given.get("objective"):
        given.pop("objective_options", None)  # they are another objective's
    asked = merged(
        given,
        {
            "objective": objective,
            "init": None if init is None else os.fspath(init),
            "data": {"source": None if data is None else source_of(data), "image_size": image_size},
            "training": {"steps": steps, "batch_size": batch_size},
            "schedule": {
                "log_every": log_every,
                "sample_every": sample_every,
                "checkpoint_every": checkpoint_every,
                "evaluate_every": evaluate_every,
                "keep": keep,
                "device": device,
                "precision": precision,
                "seed": seed,
                "observers": [name for name in observers if isinstance(name, str)] or None,
            },
        },
    )
    wanted = None if out is None else user_path(out)
    if wanted is not None and wanted.exists():
        raise exists(wanted)
    found, name = _architecture(architecture)
    resolved = resolve(found, name, reference_of(name), asked, settings or {})
    with processes_of(resolved.schedule.device) as processes:
        match, resolved = _match(found, resolved, _dataset(data, labels, resolved), processes)
        if resolved.init is not None:
            networks = {
                "generator": match.networks.generator,
                "average": match.average.generator,
                "discriminator": match.networks.discriminator,
                "partners": match.networks.partners,
            }
            named = initialise(networks, found, resolved.init)
            resolved = resolved.model_copy(update={"init": named})
        following = _following(resolved, observers, resolved.schedule.observers, processes)
        evaluation = _evaluation(resolved, match)
        folder = wanted or _free_folder(name, match, processes)
        made = Run.create(folder, resolved) if processes.first else Run(folder, resolved)
        with made.lock() if processes.first else contextlib.nullcontext():
            return _finish(Loop(match, made, following, evaluation))


def resume(
    run: str | os.PathLike[str] | Run,
    *,
    steps: int | None = None,
    architecture: type[Architecture] | None = None,
    data: Samples | None = None,
    labels: Tensor | None = None,
    observers: Sequence[Observer | str] = (),
) -> Run:
    """Go on with a run from its newest good checkpoint, and return it finished.

    steps: a new last step. architecture, data, labels: as in `train`, for a run of a class or a
    tensor that nobody packaged. observers: as in `train`; those that the run had by name are
    there again. A finished run is returned as it is.
    """
    observers = [observers] if isinstance(observers, str) else observers
    opened = run if isinstance(run, Run) else Run.open(run)
    config = opened.config if steps is None else _extended(opened, steps)
    config = config.observed_by(o for o in observers if isinstance(o, str))
    if opened.finished and config.training.steps == opened.config.training.steps:
        return opened
    if data is None:
        _check_data(opened)
    found = architecture or find_architecture(config.architecture, config.plugin)
    with processes_of(config.schedule.device) as processes:
        match, config = _match(found, config, _dataset(data, labels, config), processes)
        with opened.lock() if processes.first else contextlib.nullcontext():
            going_on = Run(opened.path, config)
            following = _following(config, observers, observers, processes)
            evaluation = _evaluation(config, match)  # what it misses is told before all else
            newest = _take_over(opened, config) if processes.first else NONE
            # The first process alone looks, because it alone may rename a damaged one.
            step = processes.any(newest, match.device.device)
            loop = Loop(match, going_on, following, evaluation)
            for note in loop.restore(step) if step != NONE else ():
                warnings.warn(f"{opened.path}: {note}", GanzooWarning, stacklevel=2)
            return _finish(loop)


def _take_over(run: Run, config: RunConfig) -> int:
    """Make a run ready to go on; the step of its newest good checkpoint, or NONE.

    Raises GanzooError where there were checkpoints, or a model, and no good one is left:
    beginning anew would overwrite what is there.
    """
    run.clean()
    had = bool(run.checkpoints.steps()) or run.model_path.exists()
    newest = run.checkpoints.newest_good(set_aside=True)
    if newest is None and had:
        raise GanzooError(
            f"{run.path} has no good checkpoint left to go on from. To train anew with the same "
            f"options: ganzoo train --config {pasted(run.path / CONFIG)} --out ANOTHER"
        )
    record = run.model_path / TRAINING
    if record.exists() and not model_training(run.model_path):
        warnings.warn(
            f"{record} is damaged: the run counts as not finished, and its model is written anew",
            GanzooWarning,
            stacklevel=2,
        )
    run.reconfigure(config)
    step = NONE if newest is None else newest
    run.forget_metrics_after(step)
    return step


def _check_data(run: Run) -> None:
    """Raise GanzooError where the data that a run was trained on was moved."""
    source = run.config.data.source  # a name, or an absolute path
    if source is not None and Path(source).is_absolute() and not Path(source).exists():
        raise GanzooError(
            f"{run.path} is trained on {source}, which is not there: put it back, or edit "
            f"data.source in {run.path / CONFIG}"
        )


def _free_folder(name: str, match: Match, processes: Processes) -> Path:
    data = match.batches.dataset.name
    number = free_number(Path("runs"), name, data) if processes.first else 0
    number = processes.any(number, match.device.device)
    return Path("runs") / f"{name}-{data}-{number}"


def _finish(loop: Loop) -> Run:
    run = loop.run
    with contextlib.ExitStack() as following:
        loop.train(following)
        if loop.first:
            sampler, about = exported(loop)
            with run.writing("the model"):
                write_model(run.model_path, sampler, about)
            figures = {name: measured.value for name, measured in about.metrics.items()}
            for observer in loop.observers:
                observer.evaluated(about.training["step"], dict(figures))
                observer.finished(run)
    loop.match.processes.wait()  # the first one writes the model; none leaves before
    return Run(run.path, run.config)


def _evaluation(config: RunConfig, match: Match) -> Judge | None:
    """What measures the run on its way, where it is asked for; in the first process alone."""
    if config.schedule.evaluate_every is None or not match.processes.first:
        return None
    dataset, spec = match.batches.dataset, match.architecture.spec
    return Judge(config, dataset, spec, match.device.device)


def _following(
    config: RunConfig,
    given: Sequence[Observer | str],
    needed: Container[Any],
    processes: Processes,
) -> list[Observer]:
    """The observers of a run: those of plugins, by their names, and those given as objects.

    needed: the names without which it does not begin; what else is gone is warned of.
    """
    objects = [observer for observer in given if not isinstance(observer, str)]
    for observer in objects:
        if not isinstance(observer, Observer):
            raise GanzooError(f"observer {observer!r}: it takes a name or a ganzoo.Observer object")
    if not processes.first:
        return []
    return [*make_observers(config.schedule.observers, needed), *objects]


def _match(
    architecture: type[Architecture], config: RunConfig, dataset: Dataset, processes: Processes
) -> tuple[Match, RunConfig]:
    """The match, and the configuration with what was decided on the way."""
    name, schedule = config.architecture, config.schedule
    device = find_device(schedule.device, schedule.precision, processes.local_rank)
    dataset = prepare_data(dataset, architecture, name, config.data)
    if config.data.in_memory == "auto":
        # Decided once for all processes and for good: a broken image counts otherwise in memory.
        stream = processes.any(int(not fits_in_memory(dataset)), device.device)
        data = config.data.model_copy(update={"in_memory": "no" if stream else "yes"})
        config = config.model_copy(update={"data": data})
    if config.data.in_memory == "yes":
        dataset = read_all(dataset)
    config = with_extractor(config, dataset.spec)
    made = make_architecture(architecture, name, config, dataset.spec)
    return make_match(config, made, dataset, device, processes), config


def _architecture(architecture: str | type[Architecture]) -> tuple[type[Architecture], str]:
    if isinstance(architecture, str):
        return find_architecture(architecture), architecture
    check_class(architecture)
    return architecture, catalogue().name_of(
        ArchitectureEntry, architecture
    ) or architecture.__name__


def _dataset(data: Samples | None, labels: Tensor | None, config: RunConfig) -> Dataset:
    data = config.data.source if data is None else data
    if data is None:
        raise GanzooError(
            "no data: give a name, a path or a tensor (--data mnist-5k). A run that was trained on "
            "a tensor is resumed from Python: ganzoo.resume(run, data=tensor)"
        )
    return dataset_of(data, labels, config.data)


def _extended(run: Run, steps: int) -> RunConfig:
    if steps < max(run.checkpoints.steps(), default=0):  # else they need not be read for this
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)  # _take_over tells of damaged ones
            newest = run.checkpoints.newest_good() or 0
        if steps < newest:
            raise GanzooError(f"--steps {steps}: {run.path} is at step {newest} already")
    values = run.config.training.model_dump() | {"steps": steps}
    training = make(Training, values, "training", "training.")
    return run.config.model_copy(update={"training": training})
