"""A run's life in this process: it is prepared, played, and its model written."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import Dataset
from ganzoo.devices import Device, find_device
from ganzoo.engine.frozen import check_frozen, frozen_note
from ganzoo.engine.loop import Loop
from ganzoo.engine.match import Match
from ganzoo.engine.observers import Observer, Observers
from ganzoo.engine.setup import make_match, prepare, summary
from ganzoo.engine.signals import StopRequest
from ganzoo.engine.tuning import choose
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.files import portable
from ganzoo.layout import CONFIG, TRAINING
from ganzoo.measure.judging import Judge, with_extractor
from ganzoo.models.checkpoint import stored_at
from ganzoo.models.folder import read_card
from ganzoo.models.load import generator_of
from ganzoo.models.records import About, Measured, of_training, read_metrics
from ganzoo.models.save import write_model
from ganzoo.models.transfer import initialise
from ganzoo.plugins import command_line
from ganzoo.processes import Processes
from ganzoo.progress import bar
from ganzoo.run import Run
from ganzoo.runs.config import RunConfig
from ganzoo.runs.folder import Taken, free_number, model_step, model_training
from ganzoo.sampler import Sampler
from ganzoo.spec import differing

NONE: Final = -1  # the step of a checkpoint that is not there


class Session:
    """All that trains one run: the match, the observers, what evaluates on the way.

    config: the run's, with what was decided on the way. Making one raises GanzooError for what
    the user can mend; nothing is written yet.
    """

    def __init__(
        self,
        architecture: type[Architecture],
        config: RunConfig,
        dataset: Dataset,
        processes: Processes,
        observers: Iterable[Observer | str],
        needed: Container[Any],
        notes: Iterable[str] = (),
    ) -> None:
        """observers: those that the caller gave, as objects, or by names that `config` has, too.
        needed: the names without which the run does not begin. notes: what was decided before."""
        self.processes = processes
        self.match, self.config, more = _prepare(architecture, config, dataset, processes)
        self.notes = [*notes, *more]
        self.observers = Observers()
        self.judge: Judge | None = None
        if processes.first:
            self.observers = Observers.make(self.config.schedule.observers, observers, needed)
            if self.config.schedule.evaluate_every is not None:
                dataset, spec = self.match.batches.dataset, self.match.architecture.spec
                self.judge = Judge(self.config, dataset, spec, self.match.device.device)

    def begin(self, out: Path | None) -> Run:
        """Train a new run, and return it finished. out: its folder [runs/ARCH-DATA-N]."""
        self._initialise()
        first = self.processes.first
        run = self._created(out)
        with run.lock() if first else contextlib.nullcontext():
            return self._play(Loop(self.match, run, self.observers, self.judge))

    def go_on(self, run: Run) -> Run:
        """Train a run from its newest good checkpoint on, and return it finished."""
        first, spec = self.processes.first, run.spec()
        apart = [] if spec is None else differing(spec, self.match.architecture.spec)
        if apart:
            raise GanzooError(
                f"{run.path}: this data is not what the run was trained on: {'; '.join(apart)}. "
                "Resume it on its own data, or train another run"
            )
        with run.lock() if first else contextlib.nullcontext():
            before = run.config
            newest = _newest(run) if first else NONE
            # The first process alone looks, because it alone may rename a damaged one.
            step = self.processes.any(newest)
            if step == NONE:
                self._initialise()
            loop = Loop(self.match, Run(run.path, self.config), self.observers, self.judge)
            for note in loop.restore(step, before) if step != NONE else ():
                warnings.warn(f"{run.path}: {note}", GanzooWarning, stacklevel=3)
            if first:  # until here, a run that cannot go on is as it was
                run.reconfigure(self.config)
                run.log.forget_after(step)
                loop.prune()
            return self._play(loop)

    def _initialise(self) -> None:
        """Give the networks the weights that training starts from, where it starts from a model."""
        match, init = self.match, self.config.init
        if init is None:
            if match.frozen:
                warnings.warn(
                    f"training.freeze_discriminator={match.training.freeze_discriminator}, without "
                    "--init: those layers keep the weights that they begin with",
                    GanzooWarning,
                    stacklevel=4,
                )
            return
        networks = match.networks.playing() | {"average": match.average.generator}
        named, taken = initialise(networks, match.architecture, init)
        check_frozen(match.frozen, taken.get("discriminator", set()), init)
        self.notes += frozen_note(match.frozen)
        match.derive()  # slow copies are of the weights that training starts from
        self.config = self.config.model_copy(update={"init": named})

    def _created(self, out: Path | None) -> Run:
        """The run's folder, made by the first process; where `out` is None, with the next number
        that is free, also where other runs begin at the same moment."""
        first, config = self.processes.first, self.config
        if out is not None:
            return Run.create(out, config) if first else Run(out, config)
        name = portable(f"{config.architecture}-{self.match.batches.dataset.name}")
        number = 0
        while first:
            number = free_number(Path("runs"), name, number)
            with contextlib.suppress(Taken):
                Run.create(Path("runs") / f"{name}-{number}", config)
                break
        number = self.processes.any(number)
        return Run(Path("runs") / f"{name}-{number}", config)

    def _play(self, loop: Loop) -> Run:
        stop, run = StopRequest(), Run(loop.run.path, loop.config)
        with contextlib.ExitStack() as following:
            following.callback(loop.match.batches.close)  # however training ends
            with stop.listen():
                following.enter_context(self.observers.following(run, self.match.step))
                for note in [summary(self.match, loop.config), *self.notes]:
                    self.observers.tell(Observer.noted, note)
                self.processes.wait()  # the first one may have measured real samples until now
                loop.train(stop)
            if self.processes.first:
                self._export(loop, run)
        self.processes.wait()  # the first one writes the model; none leaves before
        return run

    def _export(self, loop: Loop, run: Run) -> None:
        sampler, about = _model(loop, run)
        with run.writing("the model"):
            write_model(run.model_path, sampler, about)
        figures = {name: measured.value for name, measured in about.metrics.items()}
        self.observers.tell(Observer.evaluated, about.training["step"], figures)
        self.observers.tell(Observer.finished, run)


def _prepare(
    architecture: type[Architecture], config: RunConfig, dataset: Dataset, processes: Processes
) -> tuple[Match, RunConfig, list[str]]:
    """The match, the configuration with what was decided on the way, and notes on it."""
    device = find_device(config.schedule.device, processes.local_rank)
    config, made, dataset, notes = prepare(architecture, config, dataset, processes)
    config = with_extractor(config, dataset.spec)
    execution = config.execution
    if execution is None:
        with bar("measuring how fast it computes"):
            execution = choose(config, made, dataset, device, processes)
        notes += [execution.line()] if execution.line() else []
        config = config.model_copy(update={"execution": execution})
    computing = Device(device, execution.precision, execution.layout)
    processes.wait()  # reading the data takes one longer than another
    with bar("trying out one batch"):
        match = make_match(config, made, dataset, computing, processes)
    return match, config, notes


def _newest(run: Run) -> int:
    """The step of a run's newest good checkpoint, or NONE; damaged ones are set aside.

    Raises GanzooError where there were checkpoints, or a model, and no good one is left:
    beginning anew would overwrite what is there.
    """
    run.clean()
    had = bool(run.checkpoints.steps()) or run.model_path.exists()
    newest = run.checkpoints.newest_good(set_aside=True)
    if newest is None and had:
        raise GanzooError(
            f"{run.path} has no good checkpoint left to go on from. To train anew with the same "
            f"options: {command_line('train', '--config', run.path / CONFIG, '--out')} ANOTHER"
        )
    record = run.model_path / TRAINING
    if record.exists() and not model_training(run.model_path):
        warnings.warn(
            f"{record} is damaged: the run counts as not finished, and its model is written again",
            GanzooWarning,
            stacklevel=2,
        )
    return NONE if newest is None else newest


def _model(loop: Loop, run: Run) -> tuple[Sampler, About]:
    """The generator as it is now, or, where the run keeps the best, that of the best step; and
    its records."""
    match, history = loop.match, loop.history
    ranked = history.ranked() if run.config.schedule.keep == "best" else []
    for step in ranked[: ranked.index(match.step) if match.step in ranked else None]:
        try:
            generator = generator_of(stored_at(run, step), type(match.architecture))
        except GanzooError as error:
            if step == ranked[0]:  # of the others, only the newest are kept
                text = f"step {step} was the best, and is gone: {error}"
                warnings.warn(text, GanzooWarning, stacklevel=2)
            continue
        about = generator.about
        training = {**loop.provenance(), "step": step, "seconds": about.training.get("seconds")}
        metrics = about.metrics | _judged(run, step) | _measured(loop, step, len(ranked))
        return generator, replace(about, training=training, metrics=metrics)
    metrics = of_training(run.log.newest(2), loop.shown) | _measured(loop, match.step, len(ranked))
    about = About(run.config.plugin, loop.provenance(), metrics, read_card(run.model_path))
    return loop.sampler(), about


def _judged(run: Run, step: int) -> dict[str, Measured]:
    """The figures that ``ganzoo evaluate`` wrote into the run's model, where it is that of `step`:
    its weights stay the same."""
    if model_step(run.model_path) != step:
        return {}
    figures = read_metrics(run.model_path)
    return {name: m for name, m in figures.items() if m.data and not m.during_training}


def _measured(loop: Loop, step: int, candidates: int) -> dict[str, Measured]:
    """What was measured of a step while training. candidates: of how many it was the best."""
    judge = loop.judge
    if judge is None:
        return {}
    how = f"{judge.samples} samples of seed 0, while training"
    if candidates > 1:
        how += f"; the step was chosen as the best of {candidates} by this fid"
    return {
        str(name): Measured(
            value=float(f"{value:.5g}"),
            how=how,
            features=f"{judge.extractor.name}: {judge.extractor.about}",
            data=judge.data,
            during_training=True,
        )
        for name, value in loop.history.at(step).items()
    }
