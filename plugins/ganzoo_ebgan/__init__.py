"""EBGAN: the discriminator is an autoencoder (Zhao 2016, arXiv:1609.03126)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "ebgan", "ganzoo_ebgan.networks:EBGAN", "an autoencoder as discriminator (Zhao 2016)"
    )
