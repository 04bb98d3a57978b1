"""SNGAN: a discriminator with spectral normalisation (Miyato 2018, arXiv:1802.05957)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "sngan", "ganzoo_sngan.networks:SNGAN", "spectral normalisation, residual (Miyato 2018)"
    )
