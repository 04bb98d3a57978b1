"""CycleGAN: pictures of one sort out of pictures of another, learned without pairs.

Zhu 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks"
(arXiv:1703.10593). Two generators, there and back, each with a discriminator; whoever goes there
and back again must come home. The way back is in the model, too:
``ganzoo.load(run).partners["back"]`` makes inputs of samples.

Not as in the paper: batches of 4; edges are padded with zeros; the buffer of old fakes
(training.replay) is for the generator's, those of the way back are always fresh.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Game, Objective, Options, Training
from ganzoo.layers import dcgan_weights, doubling, halving
from ganzoo_translation.patches import patch_discriminator


class CycleLoss(Objective):
    """Equation 3 of the paper with least squares (section 4), and the identity term of section 5.2:
    what is of the right sort already is left as it is."""

    class Config(Options):
        cycle_weight: float = Field(10.0, ge=0, description="weight of coming home")
        identity_weight: float = Field(5.0, ge=0, description="weight of leaving as it is")

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        assert game.inputs is not None  # as needs_inputs says
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
        assert game.inputs is not None
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
    a score for each patch of a picture."""

    def forward(self, pictures: Tensor, of: str = "samples") -> Tensor:
        return self[of](pictures)


class CycleGAN(Architecture):
    """Zhu 2017. The data is pictures of two sorts, of one size and as many colours."""

    class Config(Options):
        width: int = Field(64, ge=1, description="channels of the layers next to the picture")
        blocks: int = Field(9, ge=0, description="residual blocks of a generator; 6 for 128 pixels")

    needs_inputs: ClassVar[Literal["", "any", "paired"]] = "any"
    image_sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256, 512)
    image_multiple: ClassVar[int] = 4
    objective: ClassVar[type[Objective]] = CycleLoss
    training: ClassVar[Training] = Training(
        batch_size=4, steps=100_000, lr_decay="linear", ema_decay=0, replay=0.5, replay_size=50
    )
    paper: ClassVar[str] = "https://arxiv.org/abs/1703.10593"

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
        colours, *size = self.spec.shape
        both = {
            of: patch_discriminator(colours, self.config.width, tuple(size))
            for of in ("samples", "inputs")
        }
        return TwoDiscriminators(both).apply(dcgan_weights)

    def learning_rate(self, player: str, step: int) -> float:
        """Constant for half of the run, then linearly down to 0 (section 7.1)."""
        return min(self.training.lr(player), 2 * super().learning_rate(player, step))
