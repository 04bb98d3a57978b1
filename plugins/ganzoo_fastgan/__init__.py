"""FastGAN, for few pictures: Liu 2021 (arXiv:2101.04775)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "fastgan",
        "ganzoo_fastgan.networks:FastGAN",
        "for few pictures: skip-layer excitation, reconstruction (Liu 2021)",
    )
