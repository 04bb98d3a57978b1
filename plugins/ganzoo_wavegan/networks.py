"""The networks and the recipe of WaveGAN, as in the authors' ``wavegan.py``.

The critic has no normalisation: one that mixes the samples of a batch would invalidate the
gradient penalty, which is of each sample by itself.
"""

import math
from typing import ClassVar, Final

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Options, Training
from ganzoo.layers import glorot

LENGTHS: Final = tuple(1 << power for power in range(10, 17))
SHORTEST: Final = 16  # of a signal inside the networks
KERNEL: Final = 25


class WaveGAN(Architecture):
    """Donahue 2018 (arXiv:1802.04208), appendix D, tables 3 and 4: DCGAN with its 5x5
    convolutions of stride 2 made into 1-D ones of length 25 and stride 4.

    The tables are of 16,384 samples. Each quarter of that is a block less, and 65,536 a block
    more, as in the authors' code; between them, a block of stride 2 doubles the shortest signal.
    """

    class Config(Options):
        latent_size: int = Field(100, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            64,
            ge=1,
            le=256,
            description="channels next to the waveform; each block inwards doubles",
        )
        phase_shuffle: int = Field(
            2, ge=0, le=15, description="largest shift of the critic's signals; 0: none"
        )

    kinds: ClassVar = ("audio",)
    objective: ClassVar = "wasserstein"
    training: ClassVar = Training(
        batch_size=64,
        steps=200_000,
        generator_lr=1e-4,
        discriminator_lr=1e-4,
        beta1=0.5,
        beta2=0.9,
        discriminator_steps=5,
    )
    paper: ClassVar = "https://arxiv.org/abs/1802.04208"

    def check(self) -> None:
        channels, length = self.spec.shape[0], self.spec.shape[-1]
        if len(self.spec.shape) != 2 or channels != 1 or length not in LENGTHS:
            known = ", ".join(str(length) for length in LENGTHS)
            raise ValueError(
                f"no waveforms of shape {self.spec.shape}; it can make (1, N), N {known}"
            )
        if not self.spec.bounded:
            raise ValueError(
                f"waveforms must lie in [-1, 1], not [{self.spec.low}, {self.spec.high}]"
            )

    def build_generator(self) -> nn.Module:
        widths = self._widths()
        layers: list[nn.Module] = [
            glorot(nn.Linear(self.config.latent_size, SHORTEST * widths[-1])),
            nn.Unflatten(1, (widths[-1], SHORTEST)),
        ]
        outputs = [*reversed(widths[:-1]), 1]
        for inputs, out, stride in zip(reversed(widths), outputs, self._strides(), strict=True):
            layers += [nn.ReLU(), up(inputs, out, stride)]
        return nn.Sequential(*layers, nn.Tanh())

    def build_discriminator(self) -> nn.Module:
        widths = self._widths()
        layers: list[nn.Module] = []
        strides = reversed(self._strides())
        for inputs, out, stride in zip([1, *widths[:-1]], widths, strides, strict=True):
            layers += [PhaseShuffle(self.config.phase_shuffle)] if layers else []
            layers += [down(inputs, out, stride), nn.LeakyReLU(0.2)]
        last = glorot(nn.Linear(SHORTEST * widths[-1], 1))
        return nn.Sequential(*layers, nn.Flatten(), last)

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        """Uniform in [-1, 1), as in the paper's table 3."""
        size = (count, self.config.latent_size)
        return torch.rand(size, generator=rng, device=rng.device) * 2 - 1

    def _strides(self) -> list[int]:
        """The factors from the shortest signal to the waveform, in the generator's order."""
        doublings = int(math.log2(self.spec.shape[-1] // SHORTEST))
        return [2] * (doublings % 2) + [4] * (doublings // 2)

    def _widths(self) -> list[int]:
        """The channels of each block of the critic, from the waveform inwards."""
        return [self.config.width << block for block in range(len(self._strides()))]


# Glorot's weights and no bias at first are TensorFlow's defaults, hence the authors'.


def up(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A transposed convolution that makes the signal `stride` times as long."""
    padding = (KERNEL - stride + 1) // 2
    return glorot(nn.ConvTranspose1d(inputs, outputs, KERNEL, stride, padding, output_padding=1))


def down(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A convolution that leaves one value in `stride`."""
    return glorot(nn.Conv1d(inputs, outputs, KERNEL, stride, (KERNEL - stride + 1) // 2))


class PhaseShuffle(nn.Module):
    """Section 3.3: in training, shifts the signals by a random number of places, up to `most`
    either way, and fills the end by reflection. The critic cannot tell fakes by the phase of the
    noise that transposed convolutions leave. One shift for a batch, as in the authors' code."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.most:
            return x
        last = x.shape[-1] - 1
        # The shift stays a tensor: to ask for its number would wait for the device.
        shift = torch.randint(-self.most, self.most + 1, (1,), device=x.device)
        place = (torch.arange(last + 1, device=x.device) - shift).abs()
        return x.index_select(-1, last - (last - place).abs())
