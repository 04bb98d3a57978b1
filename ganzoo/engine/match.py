"""The match: all networks of a run and one step of the game between the two players."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture, Training
from ganzoo.data.batches import Batches
from ganzoo.devices import Device
from ganzoo.engine.average import MovingAverage
from ganzoo.engine.player import Player
from ganzoo.engine.replay import Replay
from ganzoo.engine.totals import Totals
from ganzoo.engine.view import View
from ganzoo.errors import GanzooError
from ganzoo.game import Game, call, score_of
from ganzoo.measure.health import Health, Watch
from ganzoo.objectives import Objective
from ganzoo.processes import Processes
from ganzoo.sampler import seeded


@dataclass
class Networks:
    """The networks of both players."""

    generator: nn.Module
    discriminator: nn.Module
    partners: nn.ModuleDict

    @classmethod
    def build(cls, architecture: Architecture) -> Networks:
        """Build them in a fixed order, so that a seed gives the same weights everywhere."""
        generator = architecture.build_generator()
        discriminator = architecture.build_discriminator()
        return cls(generator, discriminator, nn.ModuleDict(architecture.build_partners()))

    def all(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        return self.generator, self.discriminator, self.partners


class Match:
    """Two players and the step in which they alternate.

    batches: their rng draws latents, too, alike in all processes, which cut their part from the
    whole batch.
    health: takes in what is measured of the steps that are due.
    """

    def __init__(
        self,
        architecture: Architecture,
        networks: Networks,
        objective: Objective,
        training: Training,
        batches: Batches,
        device: Device,
        processes: Processes,
        health: Health,
    ) -> None:
        self.architecture, self.training = architecture, training
        self.batches, self.device, self.processes = batches, device, processes
        self.networks, self.objective = networks, objective
        objective.to(device.device)
        for network in (*networks.all(), objective):
            processes.same_start(device.place(network))
            network.train()
        self.average = MovingAverage(networks.generator, training.ema_decay)
        mine = [networks.generator, networks.partners]
        self.generator = Player(mine, training.generator_lr, training, device, processes)
        theirs = [networks.discriminator, objective]
        self.discriminator = Player(theirs, training.discriminator_lr, training, device, processes)
        self.view = View(training, batches.rng, processes)
        self.replay = Replay(training, architecture.pack, processes) if training.replay else None
        self.totals = Totals()
        self.health = health
        self.step = 0
        self.rounds = 0  # batches of real samples used so far
        self._real: Iterator[tuple[Tensor, Tensor | None]] | None = None

    def play(self) -> None:
        """One step: the discriminator's updates, then one of the generator."""
        while self.warming_up:
            self.warm_up()
        if self.training.lr_decay == "linear":
            left = max(0.0, 1 - self.step / self.training.steps)
            self.generator.set_lr(left)
            self.discriminator.set_lr(left)
        self.step += 1
        for _ in range(self.training.discriminator_steps - 1):
            self.discriminator_turn(self.deal(with_gradient=False))
        # The last round's fakes serve both players: the generator is judged on what the
        # discriminator has just learned from, and its forward pass is run once.
        game = self.deal(with_gradient=True)
        watch = Watch(game) if self.health.due(self.step) else None
        self.discriminator_turn(game, watch)
        self.generator_turn(game, watch)
        self.average.update(self.step)
        if watch is not None:
            self.health.add(watch)

    def rehearse(self, name: str) -> None:
        """Make and judge one batch without learning, to find a faulty architecture before a run
        is made.

        Raises GanzooError that says what was expected of a network, and what came.
        """
        count, pack = self.training.batch_size // self.processes.world, self.architecture.pack
        if count % pack:
            raise GanzooError(
                f"training.batch_size={self.training.batch_size}: {name} judges packs of {pack} "
                f"samples, and {count} in a process cannot be divided by that"
            )
        modes = [(network, network.training) for network in self.networks.all()]
        rng = torch.Generator(self.device.device).manual_seed(0)
        labels = torch.zeros(count, dtype=torch.int64, device=self.device.device)
        given = labels if self.architecture.conditional else None
        with torch.no_grad(), seeded(self.device.device, 0):
            for network, _ in modes:
                network.eval()
            latent = self.architecture.sample_latent(count, rng)
            made = call(self.networks.generator, latent, given)
            expected = (count, *self.architecture.spec.shape)
            if tuple(made.shape) != expected:
                raise GanzooError(
                    f"{name}: its generator must return {expected} for {count} latents, not "
                    f"{tuple(made.shape)}"
                )
            self._rehearse_judging(name, made, given, count // pack)
        for network, mode in modes:
            network.train(mode)

    def _rehearse_judging(
        self, name: str, made: Tensor, labels: Tensor | None, expected: int
    ) -> None:
        try:
            output = call(self.networks.discriminator, made, labels)
        except TypeError:
            return  # it judges pairs, and the objective hands it what is missing here
        try:
            scores = score_of(output)
        except AttributeError:
            raise GanzooError(
                f"{name}: its discriminator must return scores, or a named tuple with a field "
                f"score, not {type(output).__name__}"
            ) from None
        # A discriminator of patches has several scores a sample.
        if not len(scores) or len(scores) % expected:
            raise GanzooError(
                f"{name}: its discriminator must return {expected} scores, or as many for each "
                f"of {expected}, for {len(made)} samples, not {len(scores)}"
            )

    @property
    def warming_up(self) -> bool:
        """Whether discriminator updates are due that come before the first step."""
        return self.step == 0 and self.rounds < self.training.discriminator_warmup

    def warm_up(self) -> None:
        """One discriminator update before the first step."""
        self.discriminator_turn(self.deal(with_gradient=False))

    def deal(self, with_gradient: bool) -> Game:
        """The next round: real samples, and fakes that carry the generator's gradient or none."""
        if self._real is None:
            self._real = self.batches.start(self.rounds)
        real, labels = next(self._real)
        self.rounds += 1
        share, rank = len(real), self.processes.rank
        latent = self.architecture.sample_latent(share * self.processes.world, self.batches.rng)
        latent = latent[rank * share : (rank + 1) * share]
        labels = labels if self.architecture.conditional else None
        networks = self.networks
        with torch.set_grad_enabled(with_gradient), self.device.autocast():
            fake = call(networks.generator, latent, labels)
        return Game(
            real=real,
            fake=fake,
            latent=latent,
            labels=labels,
            generator=networks.generator,
            discriminator=networks.discriminator,
            partners=networks.partners,
            step=self.step,
            view=self.view.at(self.step),
        )

    def discriminator_turn(self, game: Game, watch: Watch | None = None) -> None:
        """One update of the discriminator, which sees the fakes without their gradient, and old
        ones among them where the recipe says so."""
        game = replace(game, fake=game.fake.detach())
        if self.replay is not None:
            game = self.replay.mix(game)
        if watch is not None:
            watch.scale = self.discriminator.scale(self.device.device)
            game.watch = watch.judged
        with self.device.autocast():
            terms = self.objective.discriminator_terms(game)
        self._update("discriminator", self.discriminator, terms, watch)

    def generator_turn(self, game: Game, watch: Watch | None = None) -> None:
        """One update of the generator and its partners."""
        with self.device.autocast():
            terms = self.objective.generator_terms(game)
        self._update("generator", self.generator, terms, watch)

    def _update(
        self, name: str, player: Player, terms: dict[str, Tensor], watch: Watch | None
    ) -> None:
        values = torch.stack([term.float() for term in terms.values()])
        loss = values.sum()
        norm = player.update(loss, watch is not None)
        if watch is not None and norm is not None:
            watch.note(f"{name}_gradient", norm)
            watch.note(f"{name}_loss", loss.detach())
        self.totals.add(name, list(terms), loss, values)
