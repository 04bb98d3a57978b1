"""The losses of ARAE: lines that can be written again from their codes, and made codes that the
discriminator cannot tell from those of real lines."""

from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganzoo import Game, Objective, Options


class CodeLoss(Objective):
    """Equation 4 of the paper. The codes play the game of R3GAN (Huang 2024, arXiv:2501.05441),
    each real one against a made one, with penalties on the slope at both: the paper's clipped
    weights leave out more of the real lines.
    """

    class Config(Options):
        noise: float = Field(0.3, ge=0, description="on codes that are written again or judged")
        penalty_weight: float = Field(0.5, ge=0, description="weight of the penalties")

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        with torch.no_grad():
            real = self.noisy(game.partners["encoder"](game.real))
            fake = code_of(game)
        real, fake = real.requires_grad_(), fake.requires_grad_()
        scores = [game.score(game.real, code=real), game.score(game.fake, code=fake)]
        slopes = torch.autograd.grad([s.sum() for s in scores], [real, fake], create_graph=True)
        steep = sum(slope.square().sum(1).mean() for slope in slopes) / 2
        return {
            "relative": F.softplus(scores[1] - scores[0]).mean(),
            "penalty": self.config.penalty_weight * steep,
        }

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        code = game.partners["encoder"](game.real)
        noisy = self.noisy(code)
        fake = code_of(game)
        real = game.score(game.real, code=noisy.detach())
        return {
            "again": again(game, noisy),
            "adversarial": F.softplus(real - game.score(game.fake, code=fake)).mean(),
        }

    def noisy(self, code: Tensor) -> Tensor:
        return code + self.config.noise * torch.randn_like(code)


def code_of(game: Game) -> Tensor:
    """The codes that lines are made from, (N, code_size)."""
    code: Any = game.generator.code
    return code(game.latent)


def again(game: Game, code: Tensor) -> Tensor:
    """The cross-entropy of real lines, written from their codes: up to their ends."""
    writer: Any = game.generator.writer
    logits = writer(code, game.real).float()
    places = game.real.argmax(1)
    beyond = (places == 0).cumsum(1) > 1
    return F.cross_entropy(logits.transpose(1, 2), places.masked_fill(beyond, -1), ignore_index=-1)
