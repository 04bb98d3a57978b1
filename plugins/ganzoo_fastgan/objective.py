"""FastGAN's loss: the hinge, with soft margins, and what the discriminator reconstructs."""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganzoo import Game, Hinge


class Reconstructing(Hinge):
    """Liu 2021 (arXiv:2101.04775), sections 3.2 and 3.3: a discriminator that must reconstruct real
    samples looks at all of them, and cannot tell few of them by a detail. The margins, from 0.8 to
    1, are the authors' code's.

    The discriminator is called with ``reconstruct=True`` for real samples, and returns an ``error``
    beside the score.
    """

    class Config(Hinge.Config):
        reconstruction_weight: float = Field(
            1.0, ge=0, description="weight of the reconstruction of real samples"
        )

    def real_loss(self, scores: Tensor) -> Tensor:
        return F.relu(_margins(scores) - scores).mean()

    def fake_loss(self, scores: Tensor) -> Tensor:
        return F.relu(_margins(scores) + scores).mean()

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        penalties = self.penalties(game)
        real, fake = game.discriminate(game.real, reconstruct=True), game.score(game.fake)
        return {
            "real": self.real_loss(real.score.float().flatten()),
            "fake": self.fake_loss(fake),
            "reconstruction": self.config.reconstruction_weight * real.error.mean(),
            **penalties,
        }


def _margins(scores: Tensor) -> Tensor:
    return 0.8 + 0.2 * torch.rand_like(scores)
