"""WGAN-GP: the Wasserstein distance with a gradient penalty (Gulrajani 2017, arXiv:1704.00028)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "wgan-gp", "ganzoo_wgan_gp.networks:WGANGP", "residual networks (Gulrajani 2017)"
    )
