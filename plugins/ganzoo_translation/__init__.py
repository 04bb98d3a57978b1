"""Translation of images: pictures of one sort out of pictures of another.

pix2pix: Isola 2017 (arXiv:1611.07004), from pairs. cyclegan: Zhu 2017 (arXiv:1703.10593), without.
"""

from collections.abc import Iterator
from typing import Final

from ganzoo import ArchitectureEntry, DatasetEntry, FigureEntry, hookimpl

SPLITS: Final = ("train", "test")


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "pix2pix",
        "ganzoo_translation.pix2pix:Pix2Pix",
        "pictures out of pictures, from pairs (Isola 2017)",
    )
    yield ArchitectureEntry(
        "cyclegan",
        "ganzoo_translation.cyclegan:CycleGAN",
        "one sort of picture out of another, without pairs (Zhu 2017)",
    )


@hookimpl
def ganzoo_datasets() -> Iterator[DatasetEntry]:
    outlines = "ganzoo_translation.outlines"
    yield DatasetEntry(
        "outlines", f"{outlines}:outlines", "4,000 digits and their outlines, in pairs", SPLITS
    )
    yield DatasetEntry(
        "outlines-unpaired",
        f"{outlines}:outlines_unpaired",
        "2,000 digits, and the outlines of 2,000 others",
        SPLITS,
    )


@hookimpl
def ganzoo_figures() -> Iterator[FigureEntry]:
    yield FigureEntry(
        "pairs",
        "ganzoo_translation.figures:pairs",
        "how near a translation comes to the other half of a held-out pair",
        ("image",),
    )
