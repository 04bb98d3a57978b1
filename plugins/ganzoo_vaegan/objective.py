"""The losses of VAE-GAN: a code near the prior, an image that the discriminator finds like the one
that was encoded, and one that it takes for real."""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from ganzoo import Game, Objective, Options


class Likeness(Objective):
    """Algorithm 1 of the paper.

    The likeness of two images is that of what the discriminator sees in them, a Gaussian of
    variance 1 around the features of the real one (equation 7). It and the prior are divided by the
    number of features, so that their weights do not depend on the size of a picture.
    """

    class Config(Options):
        likeness_weight: float = Field(
            1.0, ge=0, description="weight of the likeness beside the adversarial terms"
        )

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        with torch.no_grad():
            code, _ = _encoded(game)
            again = game.generate(code)
        return {
            "real": F.softplus(-game.score(game.real)).mean(),
            "fake": F.softplus(game.score(game.fake)).mean() / 2,
            "again": F.softplus(game.score(again)).mean() / 2,
        }

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        code, divergence = _encoded(game)
        with torch.no_grad():
            wanted = game.discriminate(game.real).features
        seen = game.discriminate(game.generate(code)).features
        likeness = F.mse_loss(seen.float(), wanted.float()) / 2
        prior = divergence / wanted[0].numel()
        # The encoder is not asked to fool the discriminator (section 3.2): its code is held fast.
        again = game.score(game.generate(code.detach()))
        weight = self.config.likeness_weight
        return {
            "likeness": weight * likeness,
            "prior": weight * prior,
            "adversarial": F.softplus(-game.score(game.fake)).mean() / 2,
            "adversarial_again": F.softplus(-again).mean() / 2,
        }


def _encoded(game: Game) -> tuple[Tensor, Tensor]:
    """Codes drawn for the real samples, (N, latent_size), and the mean divergence of their
    distributions from N(0, 1), a scalar (equation 4)."""
    mean, log_variance = game.partners["encoder"](game.real, spread=True)
    mean, log_variance = mean.float(), log_variance.float()
    code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    return code, divergence.mean()
