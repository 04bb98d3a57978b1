"""Lines of text, of characters or words: ARAE (Zhao 2018, arXiv:1706.04223).

With it come the kind ``text``, a reader of .txt files, two data sets and a figure.
"""

from collections.abc import Iterator

from ganzoo import (
    ArchitectureEntry,
    DatasetEntry,
    ExtractorEntry,
    FigureEntry,
    KindEntry,
    ReaderEntry,
    hookimpl,
)


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "arae", "ganzoo_text.networks:ARAE", "lines of text, by codes of lines (Zhao 2018)"
    )


@hookimpl
def ganzoo_kinds() -> Iterator[KindEntry]:
    yield KindEntry("text", "ganzoo_text.kind:Text", "lines of text, as a .txt file")


@hookimpl
def ganzoo_readers() -> Iterator[ReaderEntry]:
    yield ReaderEntry(
        "text",
        "ganzoo_text.reader:text",
        "a .txt file of lines or prose, or a folder of them",
        (".txt",),
        (".txt",),
        "ganzoo_text.options:TextOptions",
    )


@hookimpl
def ganzoo_datasets() -> Iterator[DatasetEntry]:
    named = "ganzoo_text.named"
    yield DatasetEntry(
        "character-names",
        f"{named}:character_names",
        "5,000 names of characters in Unicode, in words",
        ("train", "test"),
    )
    yield DatasetEntry(
        "python-manual",
        f"{named}:python_manual",
        "short sentences of Python's language reference, in words",
        ("train", "test"),
    )


@hookimpl
def ganzoo_extractors() -> Iterator[ExtractorEntry]:
    yield ExtractorEntry(
        "text-bigrams", "ganzoo_text.bigrams:Bigrams", "pairs of neighbouring tokens", ("text",)
    )


@hookimpl
def ganzoo_figures() -> Iterator[FigureEntry]:
    yield FigureEntry(
        "trigrams",
        "ganzoo_text.figures:trigrams",
        "how usual lines are to a model of runs of three tokens, and the real ones to theirs",
        ("text",),
    )
