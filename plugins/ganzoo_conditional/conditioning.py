"""How a generator's batch normalisation is told the class."""

import torch
from torch import Tensor, nn

from ganzoo.layers import spectral_norm


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation with a gain and a shift for each class.

    Dumoulin 2017 (arXiv:1610.07629), section 2.2, has it for styles and single samples.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(width, affine=False)
        self.gain = nn.Embedding(classes, width)
        self.shift = nn.Embedding(classes, width)
        # Not all alike, so that the class shows in the samples from the first step.
        nn.init.normal_(self.gain.weight, 1.0, 0.02)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return _scaled(self.normalise(x), self.gain(labels), self.shift(labels))


class SharedBatchNorm(nn.Module):
    """Batch normalisation whose gain and shift are linear in a condition, (N, condition):
    Brock 2019 (arXiv:1809.11096), section 3."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(width, affine=False)
        self.gain = spectral_norm(nn.Linear(condition, width, bias=False))
        self.shift = spectral_norm(nn.Linear(condition, width, bias=False))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return _scaled(self.normalise(x), 1 + self.gain(condition), self.shift(condition))


def _scaled(x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    # In the type of x: a float32 factor would turn what follows into float32, too.
    gain, shift = gain.to(x.dtype), shift.to(x.dtype)
    return torch.addcmul(shift[:, :, None, None], x, gain[:, :, None, None])


class SharedConditions(nn.Module):
    """The conditions of `count` normalisations: one embedding of the class for all of them, and
    where `chunks` says so a chunk of the latent for each (Brock 2019, section 3 and appendix B).

    size: of a condition. start: of what is left of the latent for the generator's first layer.
    """

    def __init__(
        self, classes: int, latent_size: int, embedding: int, count: int, chunks: bool
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(classes, embedding)
        nn.init.normal_(self.embed.weight, 0.0, embedding**-0.5)  # each of a length near 1
        self.chunk = latent_size // (count + 1) if chunks else 0
        self.count, self.size = count, embedding + self.chunk
        self.start = latent_size - self.chunk * count

    def forward(self, latent: Tensor, labels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, latent_size) and (N,) to (N, start) and as many conditions, (N, size)."""
        start, *chunks = latent.split([self.start, *[self.chunk] * self.count], 1)
        classes = self.embed(labels)
        return start, [torch.cat([classes.to(part.dtype), part], 1) for part in chunks]
