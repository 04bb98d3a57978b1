"""DCGAN: convolutions without pooling, batch normalisation (Radford 2016, arXiv:1511.06434)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "dcgan", "ganzoo_dcgan.networks:DCGAN", "strided convolutions (Radford 2016)"
    )
