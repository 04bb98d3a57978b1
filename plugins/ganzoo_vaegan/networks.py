"""The networks and the recipe of VAE-GAN."""

from typing import ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from ganzoo import Architecture, Objective, Options, Training
from ganzoo.layers import dcgan_weights, doubling, halving, smallest_map
from ganzoo_vaegan.objective import Likeness


class Encoder(nn.Module):
    """Images to latents: ``encoder(images)``, (N, C, H, W) in [-1, 1], gives (N, latent_size), the
    most probable ones. ``encoder(images, spread=True)`` gives the mean and the logarithm of the
    variance of each image's normal distribution (section 2.1), both (N, latent_size)."""

    def __init__(self, look: nn.Module, features: int, latent_size: int) -> None:
        super().__init__()
        self.look = look
        self.mean = nn.Linear(features, latent_size)
        self.log_variance = nn.Linear(features, latent_size)

    def forward(self, images: Tensor, spread: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        seen = self.look(images)
        mean: Tensor = self.mean(seen)
        return (mean, self.log_variance(seen).clamp(-10, 10)) if spread else mean


class Judgement(NamedTuple):
    """What the discriminator returns. score: (N, 1). features: by which images are alike, (N,
    channels, H, W)."""

    score: Tensor
    features: Tensor


class Discriminator(nn.Module):
    """The maps of its last convolution are the features of the likeness."""

    def __init__(self, look: nn.Module, features: int) -> None:
        super().__init__()
        self.look = look
        self.judge = nn.Sequential(nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(features, 1))

    def forward(self, images: Tensor) -> Judgement:
        features = self.look(images)
        return Judgement(self.judge(features), features)


class VAEGAN(Architecture):
    """Larsen 2016, with the strided convolutions of DCGAN (Radford 2016, arXiv:1511.06434)."""

    class Config(Options):
        latent_size: int = Field(64, ge=1, description="length of a latent")
        width: int = Field(32, ge=1, description="channels of the layers next to the picture")

    image_sizes: ClassVar[tuple[int, ...]] = (16, 32, 64, 128)
    image_multiple: ClassVar[int] = 16
    objective: ClassVar[type[Objective]] = Likeness
    training: ClassVar[Training] = Training(batch_size=64, steps=20_000)
    paper: ClassVar[str] = "https://arxiv.org/abs/1512.09300"

    @property
    def channels(self) -> list[int]:
        """From the image down to the smallest maps."""
        halvings, _ = smallest_map(*self.spec.shape[1:])
        return [self.spec.shape[0], *(self.config.width << index for index in range(halvings))]

    @property
    def smallest(self) -> tuple[int, int, int]:
        """The shape of the smallest maps."""
        _, (height, width) = smallest_map(*self.spec.shape[1:])
        return self.channels[-1], height, width

    def build_generator(self) -> nn.Module:
        channels, height, width = self.smallest
        network = nn.Sequential(
            nn.Linear(self.config.latent_size, channels * height * width),
            nn.Unflatten(1, self.smallest),
        )
        for layer in doubling(self.channels[::-1], bias=False):
            network.extend([nn.BatchNorm2d(layer.in_channels), nn.ReLU(), layer])
        return network.append(nn.Tanh()).apply(dcgan_weights)

    def build_discriminator(self) -> nn.Module:
        return Discriminator(self._look(), self._features).apply(dcgan_weights)

    def build_partners(self) -> dict[str, nn.Module]:
        """The encoder: images (N, *shape) to latents (N, latent_size)."""
        look = nn.Sequential(self._look(), nn.LeakyReLU(0.2), nn.Flatten())
        encoder = Encoder(look, self._features, self.config.latent_size)
        return {"encoder": encoder.apply(dcgan_weights)}

    @property
    def _features(self) -> int:
        channels, height, width = self.smallest
        return channels * height * width

    def _look(self) -> nn.Sequential:
        """Convolutions down to the smallest maps, normalised and not yet rectified."""
        first, *layers = halving(self.channels, bias=False)
        network = nn.Sequential(first)
        for layer in layers:
            network.extend([nn.LeakyReLU(0.2), layer, nn.BatchNorm2d(layer.out_channels)])
        return network
