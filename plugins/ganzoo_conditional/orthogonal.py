"""BigGAN's orthogonal regularisation, beside the hinge loss that it goes with."""

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor

from ganzoo import Game, Hinge, Regulariser


class OrthogonalHinge(Hinge):
    """Brock 2019 (arXiv:1809.11096), section 3.1, equation 3: the rows of the generator's weights,
    but not their lengths, are kept near orthogonal, so that it takes truncated latents better."""

    class Config(Hinge.Config):
        orthogonal_weight: float = Field(
            1e-4, ge=0, description="weight of the orthogonal regularisation of the generator"
        )

    def regularisers(self) -> Sequence[Regulariser]:
        return (Regulariser("generator", "orthogonal", 1, self.orthogonal),)

    def orthogonal(self, game: Game) -> Tensor:
        """The weighted sum of squares of what the rows of each weight have in common, halved as in
        the authors' code. The embedding of the classes is left out, as there."""
        total = torch.zeros((), device=game.fake.device)
        for module in game.generator.modules():
            if isinstance(module, torch.nn.Embedding):
                continue
            for weight in module.parameters(recurse=False):
                if weight.dim() > 1:
                    rows = weight.float().flatten(1)
                    common = rows @ rows.T
                    total = total + (common - common.diag().diag()).square().sum() / 2
        return self.config.orthogonal_weight * total
