"""StyleGAN2: styles that modulate weights, and noise (Karras 2019, arXiv:1912.04958)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "stylegan2", "ganzoo_stylegan2.networks:StyleGAN2", "styles and noise (Karras 2019)"
    )
