"""AC-GAN's loss: the non-saturating one, and the cross-entropy of the auxiliary classifier."""

from typing import NamedTuple

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganzoo import Game, NonSaturating


class Output(NamedTuple):
    """What a discriminator for this objective returns. score: (N,). logits: (N, classes)."""

    score: Tensor
    logits: Tensor


class AuxiliaryClassifier(NonSaturating):
    """Odena 2017 (arXiv:1610.09585), section 3: the discriminator maximises L_S + L_C, the
    generator L_C - L_S, where L_C is the log-likelihood of the class of real and fake samples.
    """

    class Config(NonSaturating.Config):
        class_weight: float = Field(
            1.0, ge=0, description="weight of the classifier's cross-entropy, for both players"
        )

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        real, fake = game.discriminate(game.real), game.discriminate(game.fake)
        terms = {
            "real": self.real_loss(real.score.float()),
            "fake": self.fake_loss(fake.score.float()),
            "class_real": self.class_loss(real, game),
            "class_fake": self.class_loss(fake, game),
        }
        return terms | self.penalties(game)

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        fake = game.discriminate(game.fake)
        return {
            "adversarial": self.generator_loss(fake.score.float()),
            "class": self.class_loss(fake, game),
        }

    def class_loss(self, output: Output, game: Game) -> Tensor:
        """The weighted cross-entropy of the classes in a discriminator's output."""
        assert game.labels is not None  # its architecture is conditional
        return self.config.class_weight * F.cross_entropy(output.logits.float(), game.labels)
