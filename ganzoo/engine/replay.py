"""Old fakes, which the discriminator sees again so that it does not forget them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import Game
from ganzoo.processes import Processes
from ganzoo.training import Training


class Replay:
    """A buffer of old fakes (Shrivastava 2017, arXiv:1612.07828, section 2.3).

    In each of its turns the discriminator gets `count` of them in place of as many fresh fakes,
    and those go into the buffer: once it is full, each in place of any old one. What is kept
    is a pack of fakes where packs are judged, with the latents they were made from and their
    labels. An old fake takes the place of one with the same label, since real samples and fakes of
    a batch share their labels; where the buffer has none of that label, the fresh one stays.

    Each process keeps a part of its own, and draws from torch's own generator, apart from others.
    """

    def __init__(self, training: Training, pack: int, processes: Processes) -> None:
        self.pack, self.processes = pack, processes
        packs = training.batch_size // training.accumulate // processes.world // pack
        self.count = round(training.replay * packs)
        self.size = training.replay_size // processes.world // pack
        what = "fakes" if pack == 1 else f"packs of {pack} fakes"
        where = "" if processes.world == 1 else " in a process"
        if not 0 < self.count < packs:
            raise GanzooError(
                f"training.replay={training.replay}: of {packs} {what} of a batch{where}, it would "
                f"replace {self.count}; it takes a share that is at least one and not all"
            )
        if self.size < self.count:
            raise GanzooError(
                f"training.replay_size={training.replay_size}: it holds {self.size} {what}{where}, "
                f"and {self.count} go into it in each turn"
            )
        self.filled = 0
        self.kept: dict[str, Tensor] = {}  # (size, pack, *shape) each

    def mix(self, game: Game) -> Game:
        """The game with old fakes in it, at the beginning of the batch."""
        batch = {"fake": game.fake, "latent": game.latent}
        if game.labels is not None:
            batch["labels"] = game.labels
        head = self.count * self.pack
        fresh = {name: v[:head].unflatten(0, (self.count, self.pack)) for name, v in batch.items()}
        if self.filled:
            fits, index = self._choose(fresh.get("labels"), game.fake.device)
            for name in ("fake", "latent"):
                old = self.kept[name].index_select(0, index).to(batch[name].dtype)
                where = fits.view(-1, *[1] * (old.dim() - 1))
                mixed = batch[name].clone()  # the generator's turn has the fresh ones
                mixed[:head] = torch.where(where, old, fresh[name]).flatten(0, 1)
                batch[name] = mixed
        self._keep(fresh)
        return replace(game, fake=batch["fake"], latent=batch["latent"])

    def _choose(self, labels: Tensor | None, device: torch.device) -> tuple[Tensor, Tensor]:
        """For each place, whether an old fake fits it, and the number of one: (count,) each."""
        chance = torch.rand(self.count, self.filled, device=device)
        if labels is not None:
            fits = (self.kept["labels"][: self.filled] == labels[:, None]).all(-1)
            chance = torch.where(fits, chance, -1.0)
        best, index = chance.max(1)
        return best >= 0, index

    def _keep(self, fresh: dict[str, Tensor]) -> None:
        free = min(self.count, self.size - self.filled)
        device = fresh["fake"].device
        # Numbers that differ, found without waiting for the device.
        slots = torch.rand(self.size, device=device).argsort()[: self.count]
        for name, values in fresh.items():
            if values.dtype in (torch.bfloat16, torch.float16):
                values = values.float()  # so that a checkpoint goes on in another precision
            if name not in self.kept:
                self.kept[name] = values.new_zeros((self.size, *values.shape[1:]))
            if free:
                self.kept[name][self.filled : self.filled + free] = values[:free]
            else:
                self.kept[name].index_copy_(0, slots, values)
        self.filled += free

    def state(self, device: torch.device) -> dict[str, Tensor]:
        """What is kept, of all processes. All of them must call it."""
        return {
            f"{name}.{rank}": part
            for name, values in self.kept.items()
            for rank, part in enumerate(self.processes.collect(values[: self.filled], device))
        }

    def load_state(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        """Put a state back. Of another number of processes, all begin with an empty buffer: their
        buffers grow alike, and are collected so."""
        self.filled, self.kept = 0, {}
        if len({key.rpartition(".")[2] for key in tensors}) != self.processes.world:
            return
        for key, values in tensors.items():
            name, _, rank = key.rpartition(".")
            if rank != str(self.processes.rank):
                continue
            self.filled = min(self.size, len(values))
            kept = torch.zeros(self.size, *values.shape[1:], dtype=values.dtype, device=device)
            kept[: self.filled] = values[: self.filled]
            self.kept[name] = kept
