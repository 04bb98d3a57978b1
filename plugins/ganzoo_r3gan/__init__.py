"""R3GAN: a relativistic loss with R1 and R2 (Huang 2024, arXiv:2501.05441)."""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, ObjectiveEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "r3gan", "ganzoo_r3gan.networks:R3GAN", "grouped residual, unnormalised (Huang 2024)"
    )


@hookimpl
def ganzoo_objectives() -> Iterator[ObjectiveEntry]:
    yield ObjectiveEntry(
        "relativistic", "ganzoo_r3gan.objective:Relativistic", "real against fake (Huang 2024)"
    )
