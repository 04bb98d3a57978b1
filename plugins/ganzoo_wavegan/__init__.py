"""WaveGAN: raw audio by 1-D convolutions (Donahue 2018, arXiv:1802.04208).

With it come the kind ``audio``, the reader of files of sound and the data sets ``plucks`` and
``plucks-e3``.
"""

from collections.abc import Iterator
from typing import Final

from ganzoo import ArchitectureEntry, DatasetEntry, KindEntry, ReaderEntry, hookimpl

SUFFIXES: Final = (".wav", ".flac", ".ogg", ".oga", ".opus")  # of the files that are read


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "wavegan", "ganzoo_wavegan.networks:WaveGAN", "1-D convolutions for audio (Donahue 2018)"
    )


@hookimpl
def ganzoo_kinds() -> Iterator[KindEntry]:
    yield KindEntry("audio", "ganzoo_wavegan.kind:Audio", "mono waveforms, as a WAV file")


@hookimpl
def ganzoo_readers() -> Iterator[ReaderEntry]:
    yield ReaderEntry(
        "wav",
        "ganzoo_wavegan.reader:clips",
        "a WAV, FLAC or Ogg file, or a folder of them; subfolders are classes",
        SUFFIXES,
        SUFFIXES,
    )


@hookimpl
def ganzoo_datasets() -> Iterator[DatasetEntry]:
    yield DatasetEntry(
        "plucks",
        "ganzoo_wavegan.plucks:plucks",
        "4,000 synthetic plucked strings of 8 pitches, half a second each",
        ("train", "test"),
    )
    yield DatasetEntry(
        "plucks-e3",
        "ganzoo_wavegan.plucks:plucks_e3",
        "500 plucks of one string, E3",
        ("train", "test"),
    )
