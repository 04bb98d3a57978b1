"""Points: perceptrons for toy mixtures, which show plainly the modes that a generator misses.

Such mixtures are the test in Metz 2017 (unrolled GANs, arXiv:1611.02163, section 3.1), and
2-D data are in Mescheder 2018 (arXiv:1801.04406), whose penalty R1 is what covers the modes here.
"""

from collections.abc import Iterator

from ganzoo import ArchitectureEntry, hookimpl


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "points",
        "ganzoo_points.networks:Points",
        "perceptrons for toy mixtures (Metz 2017), with R1",
    )
