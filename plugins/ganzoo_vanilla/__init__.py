"""The first GAN: two multilayer perceptrons (Goodfellow 2014, arXiv:1406.2661)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "vanilla", "ganzoo_vanilla.networks:Vanilla", "two perceptrons (Goodfellow 2014)"
    )
