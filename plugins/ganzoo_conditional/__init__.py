"""Class-conditional GANs: both players are given the class.

projection: Miyato and Koyama 2018 (arXiv:1802.05637). acgan: Odena 2017 (arXiv:1610.09585).
biggan: Brock 2019 (arXiv:1809.11096). Self-attention: Zhang 2019 (arXiv:1805.08318).
"""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, ObjectiveEntry, hookimpl


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
    yield ArchitectureEntry(
        "biggan",
        "ganzoo_conditional.biggan:BigGAN",
        "class-conditional, residual, hierarchical latent (Brock 2019)",
    )


@hookimpl
def ganzoo_objectives() -> Iterator[ObjectiveEntry]:
    yield ObjectiveEntry(
        "hinge-orthogonal",
        "ganzoo_conditional.orthogonal:OrthogonalHinge",
        "hinge, orthogonal weights in the generator (Brock 2019)",
    )
