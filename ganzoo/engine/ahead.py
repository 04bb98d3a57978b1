"""What changes from step to step, written to the device for many steps at once.

A captured step reads its own row of it and moves on to the next. So between two replays nothing is
sent to the device, which would take Python longer than a step of a small network takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ganzoo.data.batches import Batch
from ganzoo.engine.match import Match

#: For so many steps.
AHEAD: Final = 64


class Ahead:
    """The numbers of a match's next steps, on its device.

    They are each player's learning rates, the weight of the moving average, the amplitude of
    instance noise, and where the real samples are. steps: for how many they are written at once.
    """

    def __init__(self, match: Match, steps: int) -> None:
        self.match, self.steps = match, steps
        batches, device = match.batches, match.device.device
        shape = (match.training.discriminator_steps, batches.batch_size // batches.world)
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        self.places = torch.zeros((steps, *shape), dtype=torch.int64, device=device)
        self.inputs = self.places if batches.inputs is None else torch.zeros_like(self.places)
        self.numbers = torch.zeros((steps, len(self._numbers(0))), device=device)
        #: Those of the step that is played.
        self.place = torch.zeros((1, *shape), dtype=torch.int64, device=device)
        self.input = self.place if batches.inputs is None else torch.zeros_like(self.place)
        self.number = torch.zeros((1, self.numbers.shape[1]), device=device)
        weight, noise, *rates = self.number[0].unbind()
        match.average.weight = weight
        match.view = replace(match.view, amplitude=noise)
        for player in match.players.values():
            player.prepare_to_capture(rates)
        self._next: tuple[int, int] | None = None  # the step and the round that come next
        self._until = 0  # the first step that is not written yet

    def fill(self) -> None:
        """Write the numbers of the match's step, which begins now, and of those after it."""
        match, now = self.match, (self.match.step, self.match.rounds)
        if now != self._next:  # the first, or the match was put somewhere else
            self._order = match.batches.places(match.rounds, torch.device("cpu"))
            self._until = match.step
        if match.step >= self._until:
            self._write()
        self._next = (match.step + 1, match.rounds + match.training.discriminator_steps)

    def advance(self) -> None:
        """Go to the next step's numbers. This is part of what is recorded."""
        torch.index_select(self.numbers, 0, self.row, out=self.number)
        torch.index_select(self.places, 0, self.row, out=self.place)
        if self.input is not self.place:
            torch.index_select(self.inputs, 0, self.row, out=self.input)
        self.row.add_(1)

    def batches(self) -> Iterator[Batch]:
        """The batches of the step that is played."""
        for place, other in zip(self.place[0], self.input[0], strict=True):
            yield self.match.batches.take(place, other)

    def _write(self) -> None:
        first, rounds = self.match.step, self.match.training.discriminator_steps
        self._until = first + self.steps
        drawn = [next(self._order) for _ in range(self.steps * rounds)]
        numbers = [self._numbers(step) for step in range(first, self._until)]
        self._send(self.numbers, torch.tensor(numbers, dtype=torch.float32))
        self._send(self.places, torch.stack([place for place, _ in drawn]))
        if self.inputs is not self.places:
            self._send(self.inputs, torch.stack([other for _, other in drawn]))
        self.row.zero_()

    def _send(self, target: Tensor, values: Tensor) -> None:
        pinned = target.device.type == "cuda"  # a copy from other memory would wait
        values = values.pin_memory() if pinned else values
        target.copy_(values.view(target.shape), non_blocking=pinned)

    def _numbers(self, step: int) -> list[float]:
        """The numbers of one step, in the order in which they are handed out."""
        match = self.match
        numbers = [1 - match.average.decay_at(step), match.view.noise(step)]
        for name, player in match.players.items():
            numbers += player.rates(match.architecture.learning_rate(name, max(step - 1, 0)))
        return numbers
