"""What both architectures are made of: strided convolutions up and down, as DCGAN has them
(Radford 2016, arXiv:1511.06434). Neither side has a normalisation here; each adds its own."""

from torch import nn

from ganzoo import SampleSpec, layers


def channels(spec: SampleSpec, width: int) -> list[int]:
    """Of the feature maps, from the one at half the picture's size to the smallest one: twice as
    many at each halving, up to 16 times `width`."""
    halvings, _ = layers.smallest_map(*spec.shape[1:])
    return [width << min(index, 4) for index in range(halvings)]


def start(spec: SampleSpec, inputs: int, width: int) -> nn.Sequential:
    """The generator's first layer: (N, inputs) to the smallest map."""
    outputs = channels(spec, width)[-1]
    _, (high, wide) = layers.smallest_map(*spec.shape[1:])
    linear = nn.Linear(inputs, outputs * high * wide)
    return nn.Sequential(linear, nn.Unflatten(1, (outputs, high, wide)))


def growing(spec: SampleSpec, width: int) -> list[nn.ConvTranspose2d]:
    """Convolutions from the smallest map to the picture, each of which doubles the size."""
    return layers.doubling([*channels(spec, width)[::-1], spec.shape[0]])


def shrinking(spec: SampleSpec, width: int) -> list[nn.Conv2d]:
    """Convolutions from the picture to the smallest map, each to twice the channels of the last.

    The last one keeps the size: only with it does each place of a 4x4 map see most of the
    picture, whatever its size.
    """
    maps = channels(spec, width)
    halving = layers.halving([spec.shape[0], *maps])
    return [*halving, nn.Conv2d(maps[-1], 2 * maps[-1], 3, 1, 1)]


def initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), biases 0, as in DCGAN, section 4, and in AC-GAN, appendix A."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
