"""Adversarial losses, apart from any architecture, so that any goes with any.

Scores s are the discriminator's raw outputs, higher for real; sigma(s) is its probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo.entries import PenaltyEntry
from ganzoo.errors import GanzooError
from ganzoo.game import Game, Networks
from ganzoo.options import Options
from ganzoo.plugins import catalogue
from ganzoo.training import PLAYERS, one_of


@dataclass(frozen=True)
class Regulariser:
    """A term that is computed only every so many steps, and weighs as much more.

    player: whose loss it is added to, ``generator`` or ``discriminator``. name: of the term.
    every: steps from one to the next. term: the scalar as it would be at every step; it is
    multiplied by `every` (lazy regularisation, Karras 2020, arXiv:1912.04958, section 3.1).
    """

    player: str
    name: str
    every: int
    term: Callable[[Game], Tensor]

    def __post_init__(self) -> None:
        if self.player not in PLAYERS or self.every < 1:
            raise GanzooError(
                f"the regulariser {self.name!r}: player {self.player!r}, every {self.every}; it "
                f"takes {' or '.join(PLAYERS)}, and at least 1"
            )


class Objective(nn.Module):
    """The loss of each player, as named terms that are added up.

    A term ``real`` of the discriminator is logged as ``discriminator_real``.

    A module, so that what it keeps from step to step can be a buffer: buffers are in the
    checkpoint. Subclass it for a loss of any form, `AdversarialObjective` for one of scores.
    """

    class Config(Options):
        """The objective's own options: ``--set objective.margin=10``."""

    #: The score that lies between real and fake, of which ``training.ada_target`` asks on which
    #: side real samples are. None: there is none, and each real sample is held against a fake.
    boundary: ClassVar[float | None] = None

    def __init__(self, config: Any = None) -> None:
        super().__init__()
        self.config: Any = self.Config() if config is None else config

    def setup(self, networks: Networks) -> None:
        """Called once, with the networks on their device, before optimizers are made: for copies
        of networks that follow slowly, ``self.slow = copy.deepcopy(networks.generator)``.

        What it sets is in the checkpoint and not in the published model. Parameters that are not
        to be trained with the discriminator say so: ``requires_grad_(False)``. It may be called
        again, for networks that start from a model.
        """

    def regularisers(self) -> Sequence[Regulariser]:
        """Terms with an interval of their own, for either player, beside those of the methods."""
        return ()

    def terms(self, player: str, game: Game) -> dict[str, Tensor]:
        """All terms of a player in this round, with the regularisers that are due."""
        terms = self.generator_terms if player == "generator" else self.discriminator_terms
        loss = terms(game)
        for regulariser in self.regularisers():
            name, weight = regulariser.name, _weight(regulariser.every, game)
            if regulariser.player == player and weight:
                if name in loss:
                    raise GanzooError(f"the regulariser {name!r} has the name of another term")
                loss = {**loss, name: weight * regulariser.term(game)}
        return loss

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        """The discriminator's loss as scalar terms by name; their sum is minimised."""
        raise NotImplementedError(f"{type(self).__name__} has no discriminator_terms")

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        """The generator's loss as scalar terms by name; their sum is minimised."""
        raise NotImplementedError(f"{type(self).__name__} has no generator_terms")


def _weight(every: int, game: Game) -> int:
    """What a term that is computed every so many steps weighs now; 0 where it is not due. The
    warm-up is all of step 0, and has it in each update."""
    if not game.due(every):
        return 0
    return every if game.step else 1


def _penalty(default: str) -> Any:
    """The option that names gradient penalties."""
    return Field(
        default,
        description="gradient penalty on the discriminator; several are joined by +",
        json_schema_extra=one_of(PenaltyEntry, "none"),
    )


class AdversarialObjective(Objective):
    """A loss of scores alone, with a gradient penalty to choose.

    A subclass defines `real_loss` and `fake_loss` for the discriminator and
    `generator_loss`, each from scores of shape (N,) to a scalar.
    """

    class Config(Options):
        penalty: str = _penalty("none")
        penalty_weight: float = Field(10.0, ge=0, description="weight of the penalty")
        penalty_every: int = Field(
            1, ge=1, description="steps between penalties, whose weight grows in proportion"
        )

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        names = [] if self.config.penalty == "none" else self.config.penalty.split("+")
        entries = {name: catalogue().find(PenaltyEntry, name) for name in names}
        self.chosen = {name: entry.load() for name, entry in entries.items()}
        #: The game's batches whose gradients several penalties ask for.
        self._at = sorted({entry.at for entry in entries.values() if entry.at}, reverse=True)

    def real_loss(self, scores: Tensor) -> Tensor:
        """The discriminator's loss on the scores of real samples."""
        raise NotImplementedError

    def fake_loss(self, scores: Tensor) -> Tensor:
        """The discriminator's loss on the scores of fakes."""
        raise NotImplementedError

    def generator_loss(self, scores: Tensor) -> Tensor:
        """The generator's loss on the scores of fakes."""
        raise NotImplementedError

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        penalties = self.penalties(game)  # first: the scores of its pass serve the loss, too
        real, fake = game.scores(game.real, game.fake)
        return {"real": self.real_loss(real), "fake": self.fake_loss(fake), **penalties}

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        return {"adversarial": self.generator_loss(game.score(game.fake))}

    def penalties(self, game: Game) -> dict[str, Tensor]:
        """The gradient penalties that were chosen, weighted, for the discriminator's terms.

        Every few steps a heavier one does nearly what one at each step does, for less (Karras
        2020, arXiv:1912.04958, section 3.1).
        """
        due = _weight(self.config.penalty_every, game)
        if not due:
            return {}
        weight = self.config.penalty_weight * due
        if len(self._at) > 1:
            game.foresee_gradients(*(getattr(game, name) for name in self._at))
        return {f"penalty_{name}": weight * of(game) for name, of in self.chosen.items()}


class LabelledObjective(AdversarialObjective):
    """A loss of scores against labels: 1 for real samples, 0 for fakes.

    The discriminator's may be smoothed (Salimans 2016, arXiv:1606.03498, section 3.4) and swapped;
    the generator's never are. A subclass defines `against` and `generator_loss`.
    """

    class Config(AdversarialObjective.Config):
        real_label: float = Field(
            1.0,
            gt=0.5,
            le=1,
            description="the discriminator's label of real samples; below 1: smoothed on this side",
        )
        flip_labels: float = Field(
            0.0,
            ge=0,
            lt=0.5,
            description="chance that a label of the discriminator's is swapped",
        )

    def against(self, scores: Tensor, labels: Tensor | float) -> Tensor:
        """The loss of each score against its label: (N,)."""
        raise NotImplementedError

    def real_loss(self, scores: Tensor) -> Tensor:
        return self.against(scores, self._labels(scores, self.config.real_label, 0.0)).mean()

    def fake_loss(self, scores: Tensor) -> Tensor:
        return self.against(scores, self._labels(scores, 0.0, self.config.real_label)).mean()

    def _labels(self, scores: Tensor, own: float, other: float) -> Tensor | float:
        if not self.config.flip_labels:
            return own
        return torch.where(torch.rand_like(scores) < self.config.flip_labels, other, own)


class NonSaturating(LabelledObjective):
    """Goodfellow 2014 (arXiv:1406.2661), section 3: the generator maximises log D(G(z))."""

    boundary: ClassVar = 0.0

    def against(self, scores: Tensor, labels: Tensor | float) -> Tensor:
        # Binary cross-entropy: -log sigma(s) and -log(1 - sigma(s)), weighted by the label. With a
        # label of 1 or 0 it is one of the two, and the other is not computed.
        if isinstance(labels, float) and labels in (0.0, 1.0):
            return F.softplus(-scores if labels else scores)
        return labels * F.softplus(-scores) + (1 - labels) * F.softplus(scores)

    def generator_loss(self, scores: Tensor) -> Tensor:
        return F.softplus(-scores).mean()


class Minimax(NonSaturating):
    """Goodfellow 2014 (arXiv:1406.2661), equation 1: the generator minimises log(1 - D(G(z)))."""

    def generator_loss(self, scores: Tensor) -> Tensor:
        return -F.softplus(scores).mean()


class LeastSquares(LabelledObjective):
    """Mao 2017 (arXiv:1611.04076), equation 9: targets 1 for real, 0 for fake, 1 for G."""

    boundary: ClassVar = 0.5

    def against(self, scores: Tensor, labels: Tensor | float) -> Tensor:
        return 0.5 * (scores - labels).square()

    def generator_loss(self, scores: Tensor) -> Tensor:
        return 0.5 * (scores - 1).square().mean()


class Hinge(AdversarialObjective):
    """Lim and Ye 2017 (arXiv:1705.02894); Miyato 2018 (arXiv:1802.05957), equation 16."""

    boundary: ClassVar = 0.0

    def real_loss(self, scores: Tensor) -> Tensor:
        return F.relu(1 - scores).mean()

    def fake_loss(self, scores: Tensor) -> Tensor:
        return F.relu(1 + scores).mean()

    def generator_loss(self, scores: Tensor) -> Tensor:
        return -scores.mean()


class Wasserstein(AdversarialObjective):
    """Arjovsky 2017 (arXiv:1701.07875) with the penalty of Gulrajani 2017 (arXiv:1704.00028)."""

    class Config(AdversarialObjective.Config):
        penalty: str = _penalty("wgan-gp")

    def real_loss(self, scores: Tensor) -> Tensor:
        return -scores.mean()

    def fake_loss(self, scores: Tensor) -> Tensor:
        return scores.mean()

    def generator_loss(self, scores: Tensor) -> Tensor:
        return -scores.mean()
