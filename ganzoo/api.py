"""What ``import ganzoo`` offers for training: train and resume."""

from __future__ import annotations

import contextlib
import inspect
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.chance import Chance
from ganzoo.data.dataset import Dataset
from ganzoo.devices import find_device, usual_settings
from ganzoo.engine.observers import Observer
from ganzoo.engine.session import Session
from ganzoo.engine.showing import showing
from ganzoo.entries import ArchitectureEntry
from ganzoo.errors import GanzooError, GanzooWarning, unknown
from ganzoo.files import user_path
from ganzoo.kinds.image.options import sides
from ganzoo.kinds.prepare import affordable
from ganzoo.models.load import check_class, find_architecture, remember
from ganzoo.models.transfer import Source
from ganzoo.models.upgrade import brought_up_to_date
from ganzoo.options import make
from ganzoo.plugins import catalogue, command_line, reference_of
from ganzoo.processes import Processes, processes_of
from ganzoo.run import Run
from ganzoo.runs.choices import choices, placed
from ganzoo.runs.config import RunConfig, checked, merged
from ganzoo.runs.folder import exists
from ganzoo.runs.resolve import moved, resolve
from ganzoo.sources.find import Samples, dataset_of, is_there, source_of
from ganzoo.spec import SampleSpec
from ganzoo.training import Training

if TYPE_CHECKING:
    from ganzoo.engine.benchmark import Benchmark

_DATA: Final = "data"  # has a flag, and is a parameter that takes tensors, too


def train(
    architecture: str | type[Architecture],
    data: Samples | None = None,
    *,
    labels: Tensor | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    config: Mapping[str, Any] | None = None,
    observers: Sequence[Observer | str] = (),
    progress: bool = True,
    **options: int | str | os.PathLike[str] | None,
) -> Run:
    """Train an architecture, by its name or its class, and return the finished run.

    labels: with a tensor as data, (N,) integers. settings: further options, as ``--set`` takes
    them: ``{"width": 64, "training.generator_lr": 1e-4}``. out: the run folder, which must not
    exist; without it, ``runs/ARCH-DATA-N``. config: values of a configuration file. observers:
    followers of the run, as objects, or as names of plugins' observers. progress: show a bar of
    tqdm's, in a notebook, too; its environment variable ``TQDM_DISABLE=1`` turns all of them off.

    What is None comes from the architecture's recipe. Raises GanzooError for what the caller can
    mend, before anything is written; WorkFailed and Interrupted once training has begun.
    """
    known = _parameters()
    for name in options:
        if name not in known:
            raise unknown("argument of train", name, known)
    observers = [observers] if isinstance(observers, str) else observers
    asked = _asked(config or {}, data, observers, options)
    folder = None if out is None else user_path(out)
    if folder is not None and folder.exists():
        raise exists(folder)
    cls, name = _architecture(architecture)
    asked, source = _with_source(asked, settings or {}, cls, name)
    resolved = resolve(cls, name, reference_of(name), asked, settings or {})
    with _machine(resolved) as processes, showing(progress) as bar:
        dataset = _dataset(data, labels, resolved, bool(cls.needs_inputs))
        names = resolved.schedule.observers
        resolved, notes = _fitted(resolved, cls, dataset, source)
        followers = [*observers, *bar]
        session = Session(cls, resolved, dataset, processes, followers, names, notes)
        return session.begin(folder)


def resume(
    run: str | os.PathLike[str] | Run,
    *,
    steps: int | None = None,
    device: str | None = None,
    precision: str | None = None,
    architecture: type[Architecture] | None = None,
    data: Samples | None = None,
    labels: Tensor | None = None,
    observers: Sequence[Observer | str] = (),
    progress: bool = True,
) -> Run:
    """Go on with a run from its newest good checkpoint, and return it finished.

    steps: a new last step. device, precision: other ones than the run had, as on another machine;
    how it is computed is decided anew. data: the data where it was moved. architecture, data,
    labels: as in `train`, for a run of a class or a tensor that nobody packaged. observers,
    progress: as in `train`; observers that the run had by name are there again. A finished run is
    returned as it is.
    """
    observers = [observers] if isinstance(observers, str) else observers
    opened = run if isinstance(run, Run) else Run.open(run)
    config = opened.config if steps is None else _extended(opened, steps)
    config = config.observed_by(o for o in observers if isinstance(o, str))
    if config.training.steps == opened.config.training.steps and opened.complete:
        return opened
    if isinstance(data, str | os.PathLike):
        config, data = moved(config, data=source_of(data)), None
    if data is None:
        _check_data(opened, config)
    if architecture is None:
        cls = find_architecture(config.architecture, config.plugin)
    else:
        cls, _ = _architecture(architecture)
    config = moved(brought_up_to_date(opened, config, cls), device, precision)
    with _machine(config) as processes, showing(progress) as bar:
        dataset = _dataset(data, labels, config, bool(cls.needs_inputs), opened.spec())
        followers = [*observers, *bar]
        return Session(cls, config, dataset, processes, followers, observers).go_on(opened)


def benchmark(
    architecture: str,
    data: Samples | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    seconds: float = 5.0,
    **options: int | str | None,
) -> Benchmark:
    """How fast an architecture trains on this machine; nothing is kept.

    data: what to train on; None: random colour images of 10 classes. seconds: that each way to
    compute is measured for. settings, options: as in `train`.
    """
    from ganzoo.engine.benchmark import benchmark as measured_speeds

    cls, name = _architecture(architecture)
    asked = _asked({}, data, (), options)
    resolved = resolve(cls, name, reference_of(name), asked, settings or {})
    if data is None and cls.kinds and "image" not in cls.kinds:
        raise GanzooError(f"{name} makes {' or '.join(cls.kinds)}: choose one with --data")
    with usual_settings(), Chance(find_device(resolved.schedule.device)):
        if data is None:
            height, width = sides(resolved.data.others.get("image_size") or 32)
            count = max(1024, resolved.training.batch_size)
            images = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)
            dataset = dataset_of(images, torch.arange(count) % 10, resolved.data)
        else:
            dataset = _dataset(data, None, resolved, bool(cls.needs_inputs))
        resolved, _ = _fitted(resolved, cls, dataset)
        return measured_speeds(resolved, cls, dataset, seconds)


@contextlib.contextmanager
def _machine(config: RunConfig) -> Iterator[Processes]:
    """The processes that train together, with torch's usual settings and chance of their own: the
    caller's stay as they are."""
    name = config.schedule.device
    with (
        usual_settings(),
        processes_of(name) as processes,
        Chance(find_device(name, processes.local_rank)),
    ):
        yield processes


def _parameters() -> dict[str, str]:
    """The options that `train` takes by keyword, and a line on each, from their declarations."""
    return {
        choice.keyword: f"{choice.keyword}: {choice.takes}. {choice.help}"
        for choice in choices()
        if choice.keyword != _DATA
    }


def _declare() -> None:
    """Give `train` the signature and the documentation of the options as they are declared."""
    signature = inspect.signature(train)
    fixed = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            choice.keyword,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=f"{choice.type.__name__} | None",
        )
        for choice in choices()
        if choice.keyword != _DATA
    ]
    train.__signature__ = signature.replace(parameters=[*fixed, *options])  # type: ignore[attr-defined]
    lines = "\n".join(f"    {line}" for line in _parameters().values())
    train.__doc__ = f"{inspect.cleandoc(train.__doc__ or '')}\n\nThe options of a run:\n\n{lines}\n"


_declare()


def _asked(
    config: Mapping[str, Any],
    data: Samples | None,
    observers: Sequence[Observer | str],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """What the caller asked for, as a configuration file has it: `options` over `config`."""
    below = checked(config, "config")
    objective = options.get("objective")
    if objective is not None and objective != below.get("objective"):
        below.pop("objective_options", None)  # they are another objective's
    values = {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in options.items()}
    above = placed({**values, _DATA: None if data is None else source_of(data)})
    names = [name for name in observers if isinstance(name, str)]
    if names:
        above.setdefault("schedule", {})["observers"] = names
    return merged(below, above)


def _check_data(run: Run, config: RunConfig) -> None:
    """Raise GanzooError where the data that a run was trained on was moved."""
    source = config.data.source  # a name, or an absolute path
    if source is not None and Path(source).is_absolute() and not is_there(source):
        raise GanzooError(
            f"{run.path} is trained on {source}, which is not there: put it back, or say where it "
            f"is: {command_line('resume', run.path, '--data')} PATH"
        )


def _architecture(architecture: str | type[Architecture]) -> tuple[type[Architecture], str]:
    if isinstance(architecture, str):
        return find_architecture(architecture), architecture
    check_class(architecture)
    name = catalogue().name_of(ArchitectureEntry, architecture)
    if name is None:
        remember(architecture)
    return architecture, name or architecture.__name__


def _dataset(
    data: Samples | None,
    labels: Tensor | None,
    config: RunConfig,
    inputs: bool,
    spec: SampleSpec | None = None,
) -> Dataset:
    """The data set to train on. inputs: whether the architecture needs some. spec: of what the run
    was trained on so far."""
    data = config.data.source if data is None else data
    if data is None:
        raise GanzooError(
            "no data: give a name, a path or a tensor (--data mnist-5k). A run that was trained on "
            "a tensor is resumed from Python: ganzoo.resume(run, data=tensor)"
        )
    return dataset_of(data, labels, config.data, spec, inputs)


def _with_source(
    asked: dict[str, Any], settings: Mapping[str, Any], cls: type[Architecture], name: str
) -> tuple[dict[str, Any], Source | None]:
    """What was asked for, over the options of the model that training starts from, if any."""
    if not isinstance(asked.get("init"), str):
        return asked, None
    source, given = Source.of(asked["init"]), asked.get("options") or {}
    options = source.options(cls, name, [*given, *settings])
    return {**asked, "options": {**options, **given}}, source


def _fitted(
    config: RunConfig, cls: type[Architecture], dataset: Dataset, source: Source | None = None
) -> tuple[RunConfig, list[str]]:
    """The configuration of a new run, with samples of the form that `source` has and that its
    device can train on, and what is told of that. A run that goes on keeps what it has."""
    data, told = config.data, []
    if source is not None:
        data = source.form(cls, dataset, data)
        told = source.note()
    data, why = affordable(dataset, cls, data, find_device(config.schedule.device).type)
    return config.model_copy(update={"data": data}), [*told, why] if why else told


def _extended(run: Run, steps: int) -> RunConfig:
    if steps < max(run.checkpoints.steps(), default=0):  # else they need not be read for this
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)  # they are told of when it goes on
            newest = run.checkpoints.newest_good() or 0
        if steps < newest:
            raise GanzooError(f"--steps {steps}: {run.path} is at step {newest} already")
    values = run.config.training.model_dump() | {"steps": steps}
    training = make(Training, values, "training", "training.")
    return run.config.model_copy(update={"training": training})
