"""Adaptive discriminator augmentation, ADA: a share of the samples is augmented, and the share
follows how much the discriminator overfits (Karras 2020, arXiv:2006.06676, section 3)."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.engine.totals import Totals
from ganzoo.errors import GanzooError
from ganzoo.game import Game, score_of
from ganzoo.objectives import Objective
from ganzoo.processes import Processes
from ganzoo.training import Training

#: What a step weighs in the running mean of signs. The paper takes the mean of four minibatches,
#: and then changes the chance once; here it changes a little at each step, so that all steps are
#: of one kind and can be captured.
WEIGHT: Final = 0.25


class Adaptive:
    """The chance with which each augmentation is done to a sample, and what it follows.

    chance: a scalar in [0, 1]; it begins at 0, and keeps its place in memory. sign: the running
    mean of the signs of real samples' scores, from the objective's boundary or, without one, from
    the score of a fake: 0 where the discriminator guesses, 1 where it knows its samples by heart.
    """

    def __init__(
        self,
        training: Training,
        objective: Objective,
        device: torch.device,
        processes: Processes,
    ) -> None:
        assert training.ada_target is not None
        self.target, self.boundary = training.ada_target, objective.boundary
        self.rate = training.batch_size * training.discriminator_steps / training.ada_images
        self.processes = processes
        self.chance, self.sign = (torch.zeros((), device=device) for _ in range(2))
        self._scores: dict[str, list[Tensor]] = {}

    def begin(self) -> None:
        """Begin a step."""
        self._scores = {"real": [], "fake": []}

    def judged(self, game: Game, samples: Tensor, output: Any) -> None:
        """For `Game.watch`: notes the scores of the real samples and of the fakes."""
        name = "real" if samples is game.real else "fake" if samples is game.fake else None
        if name is not None and self._scores:
            self._scores[name].append(score_of(output).detach())

    def follow(self, totals: Totals) -> None:
        """Move the chance by what was noted in the step, and log both figures. Waits for nothing.

        Raises GanzooError where the discriminator was not shown what it needs.
        """
        real, fake = self._scores["real"], self._scores["fake"]
        if not real or (self.boundary is None and len(fake) != len(real)):
            raise GanzooError(
                f"training.ada_target={self.target}: the objective never asks for the scores of "
                "game.real and game.fake, which show whether the discriminator overfits"
            )
        between = torch.cat(fake) if self.boundary is None else self.boundary
        sign = (torch.cat(real) - between).sign().mean()
        self.processes.average([sign])
        # What is not finite is left out: fp16's scaler skips such steps, too.
        self.sign.lerp_(torch.where(sign.isfinite(), sign, self.sign), WEIGHT)
        self.chance.add_((self.sign - self.target).sign(), alpha=self.rate).clamp_(0, 1)
        totals.log("ada_p", self.chance)
        totals.log("ada_sign", self.sign)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {"chance": self.chance.cpu(), "sign": self.sign.cpu()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from `state`."""
        self.chance.copy_(tensors["chance"])
        self.sign.copy_(tensors["sign"])
