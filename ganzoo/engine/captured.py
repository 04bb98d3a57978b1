"""The captured step: a whole step is recorded once for each kind of step, and then replayed.

A step of a GAN is many small kernels, and on a GPU Python takes longer to start them than they
take to run. A CUDA graph starts all of them at once. What changes from step to step lies on the
device (see ahead.py): learning rates, the weight of the moving average, the amplitude of instance
noise, the numbers of the real samples. What a step does beside that depends on what is due in it:
a penalty every few steps, what is measured of the game's health.
Each such kind of step has a graph of its own. See docs/captured.md.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.engine.ahead import AHEAD, Ahead
from ganzoo.engine.match import Match
from ganzoo.engine.recorder import Recorder, Step
from ganzoo.engine.rehearsal import last_line
from ganzoo.errors import GanzooWarning, one_line
from ganzoo.game import Game
from ganzoo.measure.health import Watch

#: A kind of step is played so often before it is recorded: what is made at the first use, such as
#: an optimizer's state or a library's workspace, must not be made in a recording.
WARM: Final = 2
#: So many kinds are recorded; further ones are played as they are.
MOST: Final = 16


@dataclass
class Observed(Game):
    """A game that notes which intervals are asked for, and whether they are due."""

    asked: dict[int, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, game: Game, **more: Any) -> Observed:
        return cls(**{f.name: getattr(game, f.name) for f in fields(Game) if f.init}, **more)

    def due(self, every: int) -> bool:
        self.asked[every] = super().due(every)
        return self.asked[every]


@dataclass
class Kind:
    """A kind of step, by what is due in it.

    measured: whether health measures it. noisy: whether there is instance noise. asked: by the
    intervals that were asked for, whether they were due. plays: how often it was played. replay:
    plays it once more, where it is recorded; then there are the figures of `watch` anew, and
    `counts` more updates in the totals.
    """

    measured: bool
    noisy: bool
    asked: dict[int, bool]
    plays: int = 0
    replay: Step | None = None
    watch: Watch | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def fits(self, step: int, measured: bool, noisy: bool) -> bool:
        """Whether a step is of this kind."""
        due = all((step % every == 0) == due for every, due in self.asked.items())
        return due and (self.measured, self.noisy) == (measured, noisy)


class Captured:
    """Plays a match's steps as recorded ones, from where the match is now.

    Nothing else may play it or put a state back into it from the first `play` on. reason: why the
    steps are no longer recorded, where one could not be after all.
    """

    def __init__(self, match: Match, recorder: Recorder) -> None:
        self.match, self.recorder = match, recorder
        self.reason = ""
        self.warm = WARM
        self.kinds: list[Kind] = []
        # What an architecture does between a step and its average is not recorded, nor is that.
        self._whole = type(match.architecture).after_step is Architecture.after_step
        self._ahead: Ahead | None = None
        self._watch: Watch | None = None
        self._addresses: list[int] = []

    def play(self) -> None:
        """One step, as `Match.play`."""
        match = self.match
        if self.reason:
            match.play()
            return
        if self._ahead is None:
            self._ahead = Ahead(match, AHEAD if self._whole else 1)
            self._look_where()
        while match.warming_up:
            match.source = None
            self.recorder.warm(match.warm_up)
        match.step += 1
        self._ahead.fill()
        kind = self._kind()
        if kind is None or not self._recordable(kind):
            self._warm()
        elif kind.replay is None:
            self._record(kind)
        else:
            self._replay(kind, kind.replay)
        if not self._whole:
            match.follow()
            match.average.update(match.step)
            self._look_where()
        if self._watch is not None:
            match.health.add(self._watch)
        if self.reason:
            self._release()

    def _release(self) -> None:
        """Give the match back as one that is played without recordings."""
        match = self.match
        match.average.weight = None
        match.view = replace(match.view, amplitude=None)
        match.source = None
        match.observe = lambda game: game
        self._forget()

    def _kind(self) -> Kind | None:
        """The kind of this step, where such a step was played before."""
        step, known = self.match.step, self._known()
        fitting = [kind for kind in self.kinds if kind.fits(step, *known)]
        return max(fitting, key=lambda kind: kind.plays, default=None)

    def _known(self) -> tuple[bool, bool]:
        match = self.match
        return match.health.due(match.step), match.view.noise(match.step) > 0

    def _recordable(self, kind: Kind) -> bool:
        recorded = sum(other.replay is not None for other in self.kinds)
        return kind.plays >= self.warm and (kind.replay is not None or recorded < MOST)

    def _step(self) -> None:
        """What is recorded of a step."""
        assert self._ahead is not None
        self._ahead.advance()
        self.match.source = self._ahead.batches()
        self._watch = self.match.alternate()
        if self._whole:
            self.match.average.update(self.match.step)

    def _observe(self) -> dict[int, bool]:
        """Where it will be noted which intervals the step asks for."""
        asked: dict[int, bool] = {}
        self.match.observe = lambda game: Observed.of(game, asked=asked)
        return asked

    def _warm(self) -> None:
        asked, replay = self._observe(), self.match.replay
        filling = replay is not None and replay.filled < replay.size
        self.recorder.warm(self._step)
        if filling:  # it does something else when it is full
            return
        measured, noisy = self._known()
        for kind in self.kinds:
            if (kind.measured, kind.noisy, kind.asked) == (measured, noisy, asked):
                break
        else:
            kind = Kind(measured, noisy, asked)
            self.kinds.append(kind)
        kind.plays += 1

    def _replay(self, kind: Kind, replay: Step) -> None:
        replay()
        self.match.rounds += self.match.training.discriminator_steps
        self.match.totals.count(kind.counts)
        self._watch = kind.watch

    def _record(self, kind: Kind) -> None:
        """Record this step, and play it; without a recording where it cannot be recorded."""
        match, totals = self.match, self.match.totals
        counts, rounds, made = totals.counts(), match.rounds, self._made()
        buffers = self._buffers()
        for player in match.players.values():
            player.begin()  # old gradients are freed before
        kind.asked = self._observe()
        try:
            replay = self.recorder.record(self._step)
            if self._made() != made:
                raise RuntimeError("it has a term, or trains a weight, that others did not")
            now = [dict(module._buffers) for module, _ in buffers]
            if any(
                new[name] is not old
                for (_, before), new in zip(buffers, now, strict=True)
                for name, old in before.items()
            ):
                raise RuntimeError("it puts another tensor in a buffer's place")
        except Exception as error:
            # Nothing was computed: what Python did is taken back, and the step is played.
            self.reason = told(error)
            said = f"from step {match.step} on, steps are no longer captured: {self.reason}"
            warnings.warn(said, GanzooWarning, stacklevel=3)
            totals.forget(counts)
            match.rounds = rounds
            for module, before in buffers:
                module._buffers.update(before)
            for player in match.players.values():
                player.renew_scaler(match.device)
            self.recorder.warm(self._step)
            return
        kind.counts = {
            name: count - counts.get(name, 0)
            for name, count in totals.counts().items()
            if count > counts.get(name, 0)
        }
        kind.replay, kind.watch = replay, self._watch
        replay()

    def _made(self) -> tuple[object, ...]:
        """What is made at its first use, which must not be in a recording."""
        match = self.match
        return match.totals.names, *(len(p.optimizer.state) for p in match.players.values())

    def _buffers(self) -> list[tuple[torch.nn.Module, dict[str, Tensor | None]]]:
        modules = [m for n in self.match.networks.modules().values() for m in n.modules()]
        return [(module, dict(module._buffers)) for module in modules]

    def _look_where(self) -> None:
        """Forget what was recorded where the architecture has moved a tensor since."""
        tensors = [
            tensor
            for module in self.match.networks.modules().values()
            for tensor in (*module.parameters(), *module.buffers())
        ]
        addresses = [tensor.data_ptr() for tensor in tensors]
        if addresses != self._addresses:
            self._addresses = addresses
            self._forget()

    def _forget(self) -> None:
        self.match.device.synchronize()  # one may still be running
        self.kinds.clear()


def told(error: Exception) -> str:
    """An exception in one line, with the plugin's line that it came from."""
    line = last_line(error)
    where = "" if line is None else f" ({line.filename}:{line.lineno})"
    return f"{type(error).__name__}: {one_line(error)[:200]}{where}"
