"""VAE-GAN: a generator with an encoder, and a likeness that the discriminator learns.

Larsen 2016 (arXiv:1512.09300). After loading, ``generator.partners["encoder"]`` encodes images.
"""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, FigureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "vaegan", "ganzoo_vaegan.networks:VAEGAN", "a generator with an encoder (Larsen 2016)"
    )


@hookimpl
def ganzoo_figures() -> Iterator[FigureEntry]:
    yield FigureEntry(
        "encoded",
        "ganzoo_vaegan.figures:encoded",
        "how near a picture comes that is made of the code of a real one",
        ("image",),
    )
