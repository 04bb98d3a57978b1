"""Gradient penalties on the discriminator, which come through the hook `ganzoo_penalties`.

All are second-order, in float32 (see Game)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.game import Game


def wgan_gp(game: Game) -> Tensor:
    """Gulrajani 2017 (arXiv:1704.00028), equation 3: (norm of the gradient - 1)^2, on points
    between a real and a fake sample, one random weight a sample."""
    real, fake = game.real.float(), game.fake.detach().float()
    weight = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    gradient = game.score_gradient(torch.lerp(real, fake, weight))
    return (gradient.norm(dim=1) - 1).square().mean()


def r1(game: Game) -> Tensor:
    """Mescheder 2018 (arXiv:1801.04406), equation 9: half the squared gradient on real samples."""
    return 0.5 * game.score_gradient(game.real).square().sum(1).mean()


def r2(game: Game) -> Tensor:
    """Mescheder 2018 (arXiv:1801.04406), section 4.1: half the squared gradient on fakes."""
    return 0.5 * game.score_gradient(game.fake).square().sum(1).mean()
