"""What both architectures are made of: strided convolutions up and down, as DCGAN has them
(Radford 2016, arXiv:1511.06434). Neither side has a normalisation here; each adds its own."""

import math

from torch import nn

from ganzoo import SampleSpec


def channels(spec: SampleSpec, width: int) -> list[int]:
    """Of the feature maps, from the one at half the picture's size to the 4x4 one."""
    halvings = int(math.log2(spec.shape[-1])) - 2
    return [width << index for index in range(halvings)]


def growing(spec: SampleSpec, inputs: int, width: int) -> list[nn.Module]:
    """Layers from vectors to the picture: a 4x4 map, then one that doubles the size at a time."""
    wide = channels(spec, width)[::-1]
    layers: list[nn.Module] = [
        nn.Sequential(nn.Linear(inputs, wide[0] * 4 * 4), nn.Unflatten(1, (wide[0], 4, 4)))
    ]
    for before, after in zip(wide, [*wide[1:], spec.shape[0]], strict=True):
        layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1))
    return layers


def shrinking(spec: SampleSpec, width: int) -> list[nn.Conv2d]:
    """Convolutions from the picture to a 4x4 map, each to twice the channels of the one before.

    The last one keeps the size: only with it does each place of the 4x4 map see most of the
    picture, whatever its size.
    """
    narrow = channels(spec, width)
    layers = [
        nn.Conv2d(before, after, 4, 2, 1)
        for before, after in zip([spec.shape[0], *narrow], narrow, strict=False)
    ]
    return [*layers, nn.Conv2d(narrow[-1], 2 * narrow[-1], 3, 1, 1)]


def initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0, as in DCGAN, section 4, and in AC-GAN, appendix A."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
