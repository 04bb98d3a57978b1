"""The energy-based objective with its pulling-away term."""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganzoo import Game, Objective, Options


class EnergyBased(Objective):
    """Zhao 2016 (arXiv:1609.03126), equations 1 and 2, and section 2.4.

    The energy is minus the score. The discriminator lowers that of real samples and raises that
    of fakes up to the margin; the generator lowers that of its fakes.
    """

    class Config(Options):
        margin: float = Field(
            0.2,
            gt=0,
            le=1e6,
            description="energy that fakes are raised to; the energy is a mean over the values of "
            "a sample, so the margin does not grow with the picture, as the paper's 10 to 80 do",
        )
        pulling_away: float = Field(
            0.1, ge=0, le=1e6, description="weight of the pulling-away term; 0: none"
        )

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        real, fake = game.scores(game.real, game.fake)
        return {"real": -real.mean(), "fake": F.relu(self.config.margin + fake).mean()}

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        output = game.discriminate(game.fake)
        terms = {"energy": -output.score.float().mean()}
        if self.config.pulling_away:
            terms["pulling_away"] = self.config.pulling_away * pulling_away(output.code)
        return terms


def pulling_away(code: Tensor) -> Tensor:
    """Equation 4: the mean squared cosine between the codes (N, size) of all pairs of samples."""
    count = len(code)
    with torch.autocast(code.device.type, enabled=False):
        unit = F.normalize(code.float())
        squares = (unit @ unit.T).square()
    return (squares.sum() - squares.trace()) / max(1, count * (count - 1))
