"""The networks and the recipe of DCGAN, as in pytorch/examples ``dcgan/main.py``, which has them
at 64 pixels; other sizes have more or fewer of the same blocks."""

from typing import ClassVar

from pydantic import Field
from torch import nn

from ganzoo import Architecture, Options, Training, layers


class DCGAN(Architecture):
    """Radford 2016 (arXiv:1511.06434): 512-256-128-64 channels at 64 pixels with width 64."""

    class Config(Options):
        latent_size: int = Field(100, ge=1, le=4096, description="length of a latent")
        width: int = Field(
            64, ge=1, le=1024, description="channels of the layers next to the picture"
        )
        generator_dropout: float = Field(
            0.0, ge=0, lt=1, description="dropout in the generator, in training only"
        )
        minibatch_stddev: bool = Field(
            False, description="the discriminator also sees how much its batch varies"
        )

    image_sizes: ClassVar = (16, 32, 64, 128, 256)
    image_multiple: ClassVar = 16
    training: ClassVar = Training(batch_size=64, steps=20_000, beta1=0.5)
    paper: ClassVar = "https://arxiv.org/abs/1511.06434"

    @property
    def channels(self) -> list[int]:
        """Of the feature maps, from the smallest one to the one at half the picture's size."""
        blocks, _ = layers.smallest_map(*self.spec.shape[1:])
        return [self.config.width << index for index in reversed(range(blocks))]

    def build_generator(self) -> nn.Module:
        latent_size, channels = self.config.latent_size, self.channels
        _, smallest = layers.smallest_map(*self.spec.shape[1:])
        network = [
            nn.Unflatten(1, (latent_size, 1, 1)),
            nn.ConvTranspose2d(latent_size, channels[0], smallest, 1, 0, bias=False),
        ]
        for layer in layers.doubling([*channels, self.spec.shape[0]], bias=False):
            network += [nn.BatchNorm2d(layer.in_channels), self._activation(), layer]
        return nn.Sequential(*network, nn.Tanh()).apply(layers.dcgan_weights)

    def _activation(self) -> nn.Module:
        activation = nn.ReLU(inplace=True)
        if not self.config.generator_dropout:
            return activation
        # In one place of the sequence, so that the layers after it keep their names.
        return nn.Sequential(activation, nn.Dropout(self.config.generator_dropout))

    def build_discriminator(self) -> nn.Module:
        channels = self.channels[::-1]
        first, *rest = layers.halving([self.spec.shape[0], *channels], bias=False)
        network: list[nn.Module] = [first, nn.LeakyReLU(0.2, inplace=True)]
        for layer in rest:
            network += [layer, nn.BatchNorm2d(layer.out_channels)]
            network.append(nn.LeakyReLU(0.2, inplace=True))
        if self.config.minibatch_stddev:
            network.append(layers.MinibatchStddev())
        last = channels[-1] + self.config.minibatch_stddev
        _, smallest = layers.smallest_map(*self.spec.shape[1:])
        network.append(nn.Conv2d(last, 1, smallest, 1, 0, bias=False))
        return nn.Sequential(*network).apply(layers.dcgan_weights)
