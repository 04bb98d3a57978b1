"""The non-saturating loss with path-length regularisation. R1 is one of ganzoo's penalties."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ganzoo import Game, NonSaturating, Regulariser


class StyleLoss(NonSaturating):
    """Karras 2019 (arXiv:1912.04958), section 3: for a generator with `styles` and `synthesis`."""

    length: Tensor

    class Config(NonSaturating.Config):
        path_weight: float = Field(
            2.0, ge=0, description="weight of path-length regularisation; 0: none"
        )
        path_every: int = Field(
            8, ge=1, description="steps between two of them, whose weight grows in proportion"
        )

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.register_buffer("length", torch.zeros(()))  # the running mean

    def regularisers(self) -> Sequence[Regulariser]:
        if not self.config.path_weight:
            return ()
        return (Regulariser("generator", "path", self.config.path_every, self.path),)

    def path(self, game: Game) -> Tensor:
        """How much an image changes with its styles should be the same everywhere."""
        latent = game.latent[: -(-len(game.latent) // 2)]  # of half the batch, as in the paper
        with torch.autocast(latent.device.type, enabled=False):
            generator: Any = game.generator
            styles = generator.styles(latent)
            images = generator.synthesis(styles, latent)
            direction = torch.randn_like(images) / math.sqrt(images[0, 0].numel())
            (slope,) = torch.autograd.grad(images, styles, direction, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        self.length.lerp_(game.average(lengths.detach().mean()), 0.01)
        game.log("path_length", self.length)
        return self.config.path_weight * (lengths - self.length).square().mean()
