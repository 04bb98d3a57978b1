"""The discriminator that both families have: it judges a picture patch by patch."""

from torch import nn

from ganzoo.layers import halving


def patch_discriminator(colours: int, width: int, size: tuple[int, ...]) -> nn.Sequential:
    """Scores of patches, (N, colours, rows, columns) to (N, 1, fewer rows, fewer columns).

    Isola 2017, section 3.2.2; Zhu 2017, section 4. size: of the pictures. With three halvings, from
    32 pixels on, a patch is 70 pixels wide; smaller pictures are halved less often. Each picture is
    normalised on its own.
    """
    halvings = min(3, min(size).bit_length() - 3)
    widths = [width << number for number in range(halvings + 1)]
    first, *layers = halving([colours, *widths[:-1]], bias=False)
    layers.append(nn.Conv2d(widths[-2], widths[-1], 4, 1, 1, bias=False))
    network = nn.Sequential(first, nn.LeakyReLU(0.2))
    for layer in layers:
        network.extend([layer, nn.InstanceNorm2d(layer.out_channels), nn.LeakyReLU(0.2)])
    return network.append(nn.Conv2d(widths[-1], 1, 4, 1, 1))
