"""Class-conditional GANs: both players are given the class.

projection: Miyato and Koyama 2018 (arXiv:1802.05637). acgan: Odena 2017 (arXiv:1610.09585).
"""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "projection",
        "ganzoo_conditional.projection:Projection",
        "class-conditional, projection discriminator (Miyato 2018)",
    )
    yield ArchitectureEntry(
        "acgan",
        "ganzoo_conditional.acgan:ACGAN",
        "class-conditional, auxiliary classifier (Odena 2017)",
    )
