"""What is measured in a step to judge the health of the game, where the step is computed.

Nothing here runs a network again, draws a random number, or waits for the device.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.game import Game, score_of

#: The most samples whose distances are taken, and the most scores that are compared.
SAMPLES: Final = 64
SCORES: Final = 256
#: Two samples are near duplicates at less than this share of the mean distance of real ones.
NEAR: Final = 0.25

#: A sum, and what to divide it by, each a scalar.
Figure = tuple[Tensor, Tensor]


class Watch:
    """One step that is measured.

    figures: by name, a sum and its weight; several steps are averaged as sum over weight.
    scale: what the discriminator's loss is multiplied with before its backward pass.
    """

    def __init__(self, game: Game) -> None:
        self.figures: dict[str, Figure] = distances(game.real, game.fake.detach(), game.labels)
        self.scale = torch.ones((), device=game.real.device)
        self._slopes: dict[str, Tensor] = {}
        self._scores: dict[str, Tensor] = {}

    def note(self, name: str, value: Tensor) -> None:
        """Take in a scalar of this step."""
        self.figures[name] = value, torch.ones_like(value)

    def judged(self, game: Game, samples: Tensor, output: Any) -> None:
        """For `Game.watch`: notes the scores of the real samples and of the fakes, and, in the
        backward pass, the slope of the loss at them.

        Other batches, as those between real and fake that a penalty asks for, are passed over.
        """
        name = "real" if samples is game.real else "fake" if samples is game.fake else None
        scores = output if isinstance(output, Tensor) else getattr(output, "score", None)
        if name is None or name in self._scores or scores is None:
            return
        self._scores[name] = score_of(scores).detach()
        if scores.requires_grad:
            scores.register_hook(partial(self._note_slope, name))
        if len(self._scores) == 2:
            real, fake = self._scores["real"], self._scores["fake"]
            self.note("separation", separation(real, fake))
            both = torch.cat([real, fake])  # a critic's scores may drift together
            self.note("score_spread", (both - both.mean()).abs().mean())

    def _note_slope(self, name: str, gradient: Tensor) -> None:
        self._slopes[name] = gradient.detach().float().abs().sum() / self.scale
        if len(self._slopes) == 2:
            self.note("discriminator_slope", self._slopes["real"] + self._slopes["fake"])


def separation(real: Tensor, fake: Tensor) -> Tensor:
    """The share of pairs in which the real sample has the higher score, ties halved: the area
    under the ROC curve. 0.5 is a guess, 1 a discriminator that is never wrong.

    It asks for the order of scores alone, so it means the same for probabilities, energies and a
    critic's unbounded scores.
    """
    real, fake = (scores[:: 1 + len(scores) // SCORES] for scores in (real, fake))
    ahead = real[:, None] - fake[None, :]
    return (ahead.sign().mean() + 1) / 2


def distances(real: Tensor, fake: Tensor, labels: Tensor | None) -> dict[str, Figure]:
    """How far apart the samples of a batch are, for real ones and fakes: the mean Euclidean
    distance of its pairs, and the share of pairs that are near duplicates.

    With labels, of the pairs of one class alone: a generator that has one picture for each class
    has collapsed, too.
    """
    flat = [samples.detach()[:SAMPLES].float().flatten(1) for samples in (real, fake)]
    flat = [values - flat[0].mean(0) for values in flat]  # far from 0, distances have few digits
    ours = torch.ones(len(flat[0]), len(flat[0]), dtype=torch.bool, device=real.device)
    if labels is not None:
        ours = labels[:SAMPLES, None] == labels[None, :SAMPLES]
    ours = ours.triu(1)
    pairs = ours.sum().float()
    with torch.autocast(real.device.type, enabled=False):
        apart = {name: torch.cdist(x, x) for name, x in zip(("real", "fake"), flat, strict=True)}
    near = NEAR * (apart["real"] * ours).sum() / pairs.clamp_min(1)
    figures: dict[str, Figure] = {}
    for name, distance in apart.items():
        figures[f"{name}_distance"] = (distance * ours).sum(), pairs
        figures[f"{name}_duplicates"] = ((distance < near) & ours).sum().float(), pairs
    return figures
