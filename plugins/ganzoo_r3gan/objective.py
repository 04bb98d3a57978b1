"""The relativistic pairing objective."""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganzoo import AdversarialObjective, Game


class Relativistic(AdversarialObjective):
    """Huang 2024 (arXiv:2501.05441), equations 2 and 4: each real sample against one fake.

    The pairing is of Jolicoeur-Martineau 2019 (arXiv:1807.00734). The penalties carry the factor
    1/2, so that the weight is the paper's gamma.
    """

    class Config(AdversarialObjective.Config):
        penalty: str = Field(
            "r1+r2", description="gradient penalty on the discriminator; several are joined by +"
        )
        penalty_weight: float = Field(
            1.0,
            ge=0,
            description="weight of the penalty, gamma; the authors begin with 0.05 for CIFAR-10, "
            "0.5 and 1 for ImageNet at 32 and 64 pixels, 2 for FFHQ at 64, and fall to a tenth",
        )

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        penalties = self.penalties(game)  # first: the scores of its passes serve the loss, too
        real, fake = game.scores(game.real, game.fake)
        return {"relativistic": F.softplus(fake - real).mean(), **penalties}

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        fake = game.score(game.fake)
        with torch.no_grad():  # the real samples' scores do not depend on the generator
            real = game.score(game.real)
        return {"relativistic": F.softplus(real - fake).mean()}
