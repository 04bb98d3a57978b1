"""The loop: plays a match step by step, and logs, samples and writes checkpoints on time."""

from __future__ import annotations

import contextlib
import functools
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from ganzoo.chance import aside, give_way
from ganzoo.data.reading import spread_samples
from ganzoo.engine.failure import broken_tensors, fail
from ganzoo.engine.history import History
from ganzoo.engine.match import Match
from ganzoo.engine.observers import Observer, Observers
from ganzoo.engine.setup import examples_of
from ganzoo.engine.signals import Agreement, Interrupted, StopRequest
from ganzoo.engine.state import capture, restore
from ganzoo.engine.tuning import playing
from ganzoo.errors import GanzooError, GanzooWarning, WorkFailed, one_line
from ganzoo.files import write_bytes
from ganzoo.kinds import Kind, kind_of
from ganzoo.layout import NETWORKS
from ganzoo.measure.judging import Judge
from ganzoo.models.build import versions_note
from ganzoo.models.checkpoint import INPUTS
from ganzoo.models.records import DataRecord
from ganzoo.models.stored import EXAMPLES, MOST_EXAMPLES
from ganzoo.models.upgrade import upgraded
from ganzoo.plugins import command_line
from ganzoo.runs.config import RunConfig, made_by
from ganzoo.runs.folder import RunFolder
from ganzoo.runs.provenance import provenance
from ganzoo.sampler import Sampler


class Loop:
    """One run's training, from the match's step to the configured last one.

    judge: measures the generator on the way, and `history` keeps what it finds. In a process that
    is not the first, `run`, `observers` and `judge` are not used.
    """

    def __init__(
        self,
        match: Match,
        run: RunFolder,
        observers: Observers | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.match, self.run = match, run
        self.config = run.config
        self.first = match.processes.first
        self.observers = observers if observers is not None and self.first else Observers()
        self.judge = judge if self.first else None
        self.history = History("" if self.judge is None else self.judge.extractor.name)
        self.seconds = 0.0  # of training, without sampling and checkpoints
        self._since = time.perf_counter()
        self._logged = (match.step, match.rounds, 0.0)  # step, rounds and seconds at the last line

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of the data set; a checkpoint holds it."""
        return self.match.batches.dataset.fingerprint()

    def restore(self, step: int, before: RunConfig) -> list[str]:
        """Go on from a checkpoint. Returns what is different now, as sentences.

        before: the run's configuration as it was until now. Raises GanzooError where the
        checkpoint does not fit, with the versions where another one of the plugin made it.
        """
        groups, values = self.run.checkpoints.read(step)
        name, cls = self.config.architecture, type(self.match.architecture)
        plugin, options = made_by(values, before)
        try:
            groups[NETWORKS] = upgraded(cls, name, plugin, options, groups[NETWORKS])
            notes = restore(self.match, groups, values)
            if self.match.step != step:
                raise ValueError(f"it says that it is of step {self.match.step}")
            if values["data"] != self.fingerprint:
                notes.append("the data set is not the one that the run began with")
            self.seconds = float(values["clock"]["seconds"])
            at, rounds, seconds = values["clock"]["logged"]
            if self.judge is not None:
                self.judge.seconds += float(values["clock"].get("evaluating", 0.0))
            if INPUTS in groups:
                self._examples = groups[INPUTS][EXAMPLES]
            if "evaluations" in values:
                self.history.load_state(values["evaluations"])
            elif self.first:  # a checkpoint of ganzoo 0.1
                self.history.load_state(line for line in self.run.log if line["step"] <= step)
        except GanzooError as error:
            raise GanzooError(f"{error}{versions_note(name, plugin)}") from None
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise GanzooError(
                f"{self.run.checkpoints.path(step)} does not fit the run's configuration: "
                f"{type(error).__name__}: {one_line(error)}{versions_note(name, plugin)}"
            ) from error
        self._logged = (at, rounds, seconds)
        return notes

    def train(self, stop: StopRequest) -> None:
        """Play to the last step. stop: where a signal shows.

        Raises Interrupted after a signal, WorkFailed where the losses stop being finite or the
        disk is full. The last good checkpoint stays.
        """
        steps, match, schedule = self.config.training.steps, self.match, self.config.schedule
        self._since = time.perf_counter()
        if self.config.init is not None and match.rounds == 0:
            self.checkpoint()  # what it begins from may not be there when it is resumed
        if match.rounds == 0:  # a run that was resumed has them
            self._show_reals()
            self._sample()
        execution = self.config.execution
        play = match.play if execution is None else playing(match, execution).play
        agreement = Agreement(match.processes, match.step)
        while match.step < steps:
            self._fetch(1 if match.warming_up else self.config.training.discriminator_steps)
            if match.warming_up:
                match.warm_up()
                if stop.signal and match.processes.world == 1:
                    self.checkpoint()
                    raise Interrupted(stop.signal, self.run.path, match.step)
                continue
            play()
            give_way()
            step, last = match.step, match.step == steps
            self.observers.tell(Observer.stepped, step)
            measuring = schedule.measures(step, last)
            logging = last or measuring or step % schedule.log_every == 0
            if logging:
                self._log(self._measure() if measuring else {})
            if schedule.samples(step, last):
                self._sample()
            number = agreement.on(stop.signal, step, logging)
            due = last or number or step % schedule.checkpoint_every == 0
            if due or (measuring and self._is_best()):
                self.checkpoint()
            if number and not last:
                raise Interrupted(number, self.run.path, step)

    def _fetch(self, rounds: int) -> None:
        """Have samples read. Where none come, what was reached is kept, and how to go on told."""
        match = self.match
        try:
            match.fetch(rounds)
        except GanzooError as error:
            if match.rounds and match.processes.world == 1:
                self.checkpoint()
            newest = self.run.checkpoints.steps() if self.first else []
            kept = f" The checkpoint of step {newest[0]} is kept." if newest else ""
            raise WorkFailed(
                f"{str(error).rstrip('.')}.{kept} Once that is fixed: "
                f"{command_line('resume', self.run.path)}"
            ) from error

    @contextlib.contextmanager
    def _off_the_clock(self) -> Iterator[None]:
        self._read_clock()
        try:
            yield
        finally:
            self._since = time.perf_counter()

    def _read_clock(self) -> float:
        self.match.device.synchronize()
        now = time.perf_counter()
        self.seconds += now - self._since
        self._since = now
        return self.seconds

    def _measure(self) -> dict[str, float]:
        """The figures of the averaged generator as it is now; none in the other processes, which
        wait for the first one."""
        with self._off_the_clock(), aside():
            figures = self.judge.measure(self.sampler()) if self.judge is not None else {}
            self.match.processes.wait()
        return figures

    def _is_best(self) -> bool:
        """Whether no step before was measured as better. All processes get the same answer."""
        best = self.first and self._best() == self.match.step
        return bool(self.match.processes.any(int(best)))

    def _best(self) -> int | None:
        """The best step that can be gone back to: one with a checkpoint, or the current one."""
        there = {*self.run.checkpoints.steps(), self.match.step}
        return next((step for step in self.history.ranked() if step in there), None)

    def _log(self, figures: dict[str, float]) -> None:
        match = self.match
        means = match.totals.means(match.processes)
        seconds = self._read_clock()
        if not all(math.isfinite(value) for value in means.values()):
            fail(match, self.run, means, self._logged[0])
        health, messages = match.health.line(match.step, match.processes.average)
        _, rounds, since = self._logged
        samples = (match.rounds - rounds) * self.config.training.batch_size
        line: dict[str, Any] = {
            "step": match.step,
            "seconds": round(seconds, 4),
            "samples_per_second": round(samples / max(seconds - since, 1e-9), 2),
            **means,
            **figures,
            **health,
        }
        if figures and self.judge is not None:
            line["evaluation_share"] = self.judge.share(seconds)
        if messages:
            line["warnings"] = messages
        self._logged = (match.step, match.rounds, seconds)
        match.totals.clear()
        self.history.add(match.step, figures)
        if self.first:
            with self.run.writing(f"the metrics of step {match.step}"):
                self.run.log.append(line)
        self.observers.tell(Observer.logged, line)
        if figures:
            self.observers.tell(Observer.evaluated, match.step, figures)
        for message in messages:
            self.observers.tell(Observer.warned, match.step, message)
        for message in messages if self.first else ():
            warnings.warn(message, GanzooWarning, stacklevel=2)

    def _show_reals(self) -> None:
        """A grid of real samples, as many as are made of the generator's."""
        if not self.first:
            return
        with self._off_the_clock():
            count, dataset = self.config.schedule.sample_count, self.match.batches.dataset
            samples, _ = spread_samples(dataset, count)
            kind = kind_of(self.match.architecture.spec)
            path = self.run.reals_path(kind.suffixes[0])
            self._write_grid(path, kind, samples, "the real samples")
        self.observers.tell(Observer.noted, f"Real samples, to compare with: {path}")

    def _sample(self) -> None:
        """A grid of one fixed batch of latents, by the averaged generator."""
        if not self.first:
            return
        with self._off_the_clock():
            sampler = self.sampler()
            samples = sampler.sample(self.config.schedule.sample_count, seed=0)
            path = self.run.sample_path(self.match.step, sampler.kind.suffixes[0])
            self._write_grid(path, sampler.kind, samples, f"the samples of step {self.match.step}")
        self.observers.tell(Observer.sampled, self.match.step, path)

    def _write_grid(self, path: Path, kind: Kind, samples: Tensor, what: str) -> None:
        with self.run.writing(what):
            write_bytes(path, kind.render(samples, path.suffix))

    @property
    def shown(self) -> int:
        """How many real samples the discriminator had seen when the last line was logged."""
        return int(self._logged[1] * self.config.training.batch_size)

    def provenance(self) -> dict[str, Any]:
        """Where the networks, as they are now, come from."""
        match, source = self.match, self.config.data.source
        return provenance(
            self.config,
            type(match.architecture),
            DataRecord.of(match.batches.dataset, source, self.fingerprint).model_dump(mode="json"),
            match.device,
            match.processes.world,
            match.step,
            self.seconds,
        )

    def sampler(self) -> Sampler:
        """The averaged generator as it is now; it shares its weights with the match."""
        name, match = self.config.architecture, self.match
        sampler = Sampler(match.architecture, match.average.generator, name)
        sampler.partners, sampler.inputs = match.networks.partners, self._examples
        return sampler

    @functools.cached_property
    def _examples(self) -> Tensor | None:
        """Examples of what the generator works from, for models; None where it needs no inputs."""
        if self.match.architecture.input_spec is None:
            return None
        return examples_of(self.match, MOST_EXAMPLES)

    def prune(self) -> None:
        """Remove the checkpoints that a straight run would not have kept: a killed one may not
        have come to it."""
        self.run.checkpoints.prune(self.config.schedule.keep_checkpoints, self._best())

    def checkpoint(self) -> None:
        """Write a checkpoint of this step, unless something in it is not finite."""
        match = self.match
        with self._off_the_clock():
            means = match.totals.means(match.processes)
            bad = not all(math.isfinite(v) for v in means.values()) or bool(broken_tensors(match))
            if match.processes.any(int(bad)):
                fail(match, self.run, means, self._logged[0])
            groups, values = capture(match)
            if self._examples is not None:
                groups[INPUTS] = {EXAMPLES: self._examples}
            values["clock"] = {
                "seconds": self.seconds,
                "logged": self._logged,
                "evaluating": self.judge.seconds if self.judge else 0.0,
            }
            values["data"] = self.fingerprint
            values["plugin"] = self.config.plugin.to_json()
            values["options"] = self.config.options
            values["evaluations"] = self.history.state()
            values["spec"] = match.architecture.spec.to_json()
            values["training"] = self.provenance()
            if self.first:
                keep = self.config.schedule.keep_checkpoints
                with aside(), self.run.writing(f"the checkpoint of step {match.step}"):
                    path = self.run.checkpoints.write(
                        match.step, groups, values, keep, self._best()
                    )
            match.processes.wait()
        if self.first:
            self.observers.tell(Observer.checkpointed, match.step, path)
