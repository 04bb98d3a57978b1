"""The match: all networks of a run and one step of the game between the two players."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.data.batches import Batch, Batches
from ganzoo.devices import Device
from ganzoo.engine.adaptive import Adaptive
from ganzoo.engine.average import MovingAverage
from ganzoo.engine.frozen import freeze
from ganzoo.engine.player import Player
from ganzoo.engine.replay import Replay
from ganzoo.engine.totals import Totals
from ganzoo.engine.view import View
from ganzoo.errors import GanzooError
from ganzoo.game import Game, Networks, call
from ganzoo.measure.health import Health, Watch
from ganzoo.objectives import Objective
from ganzoo.processes import Processes
from ganzoo.training import PLAYERS


class Round(NamedTuple):
    """One round of a process: its part of a batch, and the generator's latents."""

    real: Tensor
    labels: Tensor | None
    inputs: Tensor | None
    latent: Tensor

    def part(self, number: int, parts: int) -> Round:
        """Part `number` of `parts` equal ones."""
        size = len(self.real) // parts
        cut = slice(number * size, (number + 1) * size)
        labels, inputs = (None if v is None else v[cut] for v in (self.labels, self.inputs))
        return Round(self.real[cut], labels, inputs, self.latent[cut])


class Match:
    """Two players and the step in which they alternate.

    batches: their rng draws latents, too, alike in all processes, which cut their part from the
    whole batch. health: takes in what is measured of the steps that are due.
    """

    def __init__(
        self,
        architecture: Architecture,
        objective: Objective,
        batches: Batches,
        device: Device,
        processes: Processes,
        health: Health,
    ) -> None:
        self.architecture, self.objective = architecture, objective
        self.training = training = architecture.training
        self.batches, self.device, self.processes = batches, device, processes
        self.networks = Networks(  # built in this order, so that a seed gives the same weights
            architecture.build_generator(),
            architecture.build_discriminator(),
            nn.ModuleDict(architecture.build_partners()),
            objective=objective,
        )
        self.frozen = freeze(self.networks.discriminator, training.freeze_discriminator)
        for module in self.networks.modules().values():
            processes.same_start(device.place(module))
            module.train()
        self.derive()
        self.average = MovingAverage(self.networks.generator, training.ema_decay)
        self.adaptive: Adaptive | None = None
        if training.ada_target is not None:
            self.adaptive = Adaptive(training, objective, device.device, processes)
        self.view = View(
            training,
            batches.rng,
            processes,
            chance=None if self.adaptive is None else self.adaptive.chance,
            layout=device.memory_format,
        )
        self.replay = Replay(training, architecture.pack, processes) if training.replay else None
        self.totals = Totals()
        self.health = health
        self.joined = False  # whether the discriminator judges each sample by itself
        self.step = 0
        self.rounds = 0  # batches of real samples used so far
        #: Where the next real samples come from; None: from the batches, at the position reached.
        self.source: Iterator[Batch] | None = None
        #: Sees each game before it is played.
        self.observe: Callable[[Game], Game] = lambda game: game

    def derive(self) -> None:
        """Make what follows from the networks' weights: the extras, the objective's slow copies,
        and the players, whose optimizers know the parameters of both. It is done again where
        training starts from a model's weights."""
        networks = self.networks
        networks.extras = nn.ModuleDict(self.architecture.build_extras(networks))
        self.objective.setup(networks)
        for module in (networks.extras, self.objective):
            self.processes.same_start(self.device.place(module))
        optimizers = self.architecture.optimizers(networks)
        if set(optimizers) != set(PLAYERS):
            raise GanzooError(f"optimizers: it returns one for each of {' and '.join(PLAYERS)}")
        self.players = {
            name: Player(name, optimizers[name], self.training, self.device, self.processes)
            for name in PLAYERS
        }
        self.generator, self.discriminator = (self.players[name] for name in PLAYERS)

    def play(self) -> None:
        """One step: the discriminator's updates, then one of the generator."""
        while self.warming_up:
            self.warm_up()
        self.begin()
        watch = self.alternate()
        self.follow()
        self.average.update(self.step)
        self._agree()
        if watch is not None:
            self.health.add(watch)

    def begin(self) -> None:
        """Begin the next step."""
        self._set_rates()
        self.step += 1

    def alternate(self) -> Watch | None:
        """Both players' turns of a step. Returns what was measured, where that is due."""
        if self.adaptive is not None:
            self.adaptive.begin()
        for _ in range(self.training.discriminator_steps - 1):
            self.turn(self.discriminator, self.games(self.draw(), with_gradient=False))
        drawn = self.draw()
        # The last round's fakes serve both players: the generator is judged on what the
        # discriminator has just learned from, and its forward pass is run once. Those of several
        # parts are made again for the generator: kept, they would take the memory of the whole.
        once = self.training.accumulate == 1
        games = self.games(drawn, with_gradient=once)
        first = next(games)
        watch = Watch(first) if self.health.due(self.step) else None
        self.turn(self.discriminator, itertools.chain([first], games), watch)
        again = [first] if once else self.games(drawn, with_gradient=True)
        self.turn(self.generator, again, watch)
        if self.adaptive is not None:
            self.adaptive.follow(self.totals)
        return watch

    def follow(self) -> None:
        """What the architecture does after a step."""
        with torch.no_grad():
            self.architecture.after_step(self.networks, self.step)

    @property
    def warming_up(self) -> bool:
        """Whether discriminator updates are still due before the first step."""
        return self.step == 0 and self.rounds < self.training.discriminator_warmup

    def warm_up(self) -> None:
        """One discriminator update before the first step."""
        self._set_rates()
        self.turn(self.discriminator, self.games(self.draw(), with_gradient=False))
        self._agree()

    def _set_rates(self) -> None:
        for name, player in self.players.items():
            player.set_lr(self.architecture.learning_rate(name, self.step))

    def _agree(self) -> None:
        """Make buffers of objective and extras agree in all processes, which share a checkpoint."""
        extras, objective = self.networks.extras, self.objective
        self.processes.agree([*extras.buffers(), *objective.buffers()])

    def fetch(self, rounds: int) -> None:
        """Have the real samples of the next rounds read, as `Batches.fetch` does."""
        self._begun()
        self.batches.fetch(rounds)

    def _begun(self) -> Iterator[Batch]:
        if self.source is None:
            self.source = self.batches.start(self.rounds)
        return self.source

    def draw(self) -> Round:
        """The next round: real samples, and the latents for as many fakes."""
        batch = next(self._begun())
        self.rounds += 1
        return self.with_latent(batch)

    def with_latent(self, batch: Batch) -> Round:
        """A batch with latents drawn for it, or made from its samples or inputs."""
        real, inputs = batch.real, batch.inputs
        labels = batch.labels if self.architecture.conditional else None
        share, rank, world = len(real), self.processes.rank, self.processes.world
        rng, plain = self.batches.rng, type(self.architecture).condition is Architecture.condition
        if world > 1 and plain and inputs is None:
            # Drawn for the whole batch and cut, so that two processes see what one would.
            latent = self.architecture.sample_latent(share * world, rng)
            return Round(real, labels, inputs, latent[rank * share : (rank + 1) * share])
        if world > 1:
            # What a process draws for its own samples is up to the architecture: from an own rng.
            number = (self.batches.seed * 1_000_003 + self.rounds) * world + rank
            rng = torch.Generator(rng.device).manual_seed(number)
        latent = self.architecture.condition(real, labels, rng, inputs)
        return Round(real, labels, inputs, latent)

    def games(self, drawn: Round, with_gradient: bool) -> Iterator[Game]:
        """The games of a round's parts, each made only when it is played."""
        parts = self.training.accumulate
        for number in range(parts):
            part = drawn if parts == 1 else drawn.part(number, parts)
            yield self.game(part, with_gradient)

    def game(self, drawn: Round, with_gradient: bool) -> Game:
        """The game of a round, with fakes that carry the generator's gradient or none."""
        networks = self.networks
        with torch.set_grad_enabled(with_gradient), self.device.autocast():
            fake = call(networks.generator, drawn.latent, drawn.labels)
        game = Game(
            real=drawn.real,
            fake=fake,
            latent=drawn.latent,
            labels=drawn.labels,
            generator=networks.generator,
            discriminator=networks.discriminator,
            partners=networks.partners,
            step=self.step,
            view=self.view.at(self.step),
            inputs=drawn.inputs,
            context=self.architecture.context(drawn.latent),
            mean=self.processes.mean,
            record=self.totals.log,
            joined=self.joined,
        )
        return self.observe(game)

    def turn(self, player: Player, games: Iterable[Game], watch: Watch | None = None) -> None:
        """One update of a player by the mean of its loss over all parts of a round.

        The discriminator sees the fakes without their gradient, and old ones among them where the
        recipe says so.
        """
        parts = self.training.accumulate
        player.begin()
        losses: list[Tensor] = []
        for game in games:
            if player is self.discriminator:
                game = replace(game, fake=game.fake.detach())
                game = game if self.replay is None else self.replay.mix(game)
                if watch is not None:  # it looks at the first part
                    watch.scale = player.scale(self.device.device) / parts
                game.watch = self._watching(watch)
            with self.device.autocast():
                terms = self.objective.terms(player.name, game)
            values = [term.float() for term in terms.values()]
            # Few operations: on a GPU, each of a scalar takes as long as one of a small network.
            loss = functools.reduce(torch.add, values)
            player.learn(loss if parts == 1 else loss / parts)
            self.totals.add(
                player.name, list(terms), [loss.detach(), *(v.detach() for v in values)]
            )
            losses.append(loss.detach())
        norm = player.update(watch is not None)
        if watch is not None and norm is not None:
            watch.note(f"{player.name}_gradient", norm)
            watch.note(f"{player.name}_loss", torch.stack(losses).mean())

    def _watching(self, watch: Watch | None) -> Callable[[Game, Tensor, Any], None] | None:
        """What sees each batch that the discriminator judges in its turn."""
        every = [each.judged for each in (watch, self.adaptive) if each is not None]

        def judged(game: Game, samples: Tensor, output: Any) -> None:
            for each in every:
                each(game, samples, output)

        return judged if every else None
