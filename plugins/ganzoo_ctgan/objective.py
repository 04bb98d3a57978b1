"""The objective of CTGAN: that of WGAN-GP, and what a condition teaches the generator."""

from typing import Any

from pydantic import Field
from torch import Tensor

from ganzoo import Game, Wasserstein


class ConditionalWasserstein(Wasserstein):
    """Xu 2019 (arXiv:1907.00503), section 4.3: beside the critic's judgement, the generator's loss
    has the cross-entropy between the value that a row was asked for and what the generator says of
    it. Its rows have that value anyway; what it learns by it is to heed the condition, on which the
    other columns depend. Without conditions it is WGAN-GP.
    """

    class Config(Wasserstein.Config):
        condition_weight: float = Field(
            1.0, ge=0, description="weight of the cross-entropy of the conditions; 0: none"
        )

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        terms = super().generator_terms(game)
        weight = self.config.condition_weight
        if not (weight and game.context):
            return terms
        generator: Any = game.generator
        return {**terms, "condition": weight * generator.condition_cost(game.latent).mean()}
