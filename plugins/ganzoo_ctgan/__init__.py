"""CTGAN and TVAE: tables of mixed columns (Xu 2019, arXiv:1907.00503).

With it come the kind ``table``, the reader of CSV files and the data set ``auto-mpg``.
"""

from collections.abc import Iterator

from ganzoo import (
    ArchitectureEntry,
    DatasetEntry,
    FigureEntry,
    KindEntry,
    ReaderEntry,
    hookimpl,
)


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry(
        "ctgan", "ganzoo_ctgan.networks:CTGAN", "rows of a table, judged in packs (Xu 2019)"
    )
    yield ArchitectureEntry(
        "tvae", "ganzoo_ctgan.tvae:TVAE", "rows of a table, without an opponent (Xu 2019)"
    )


@hookimpl
def ganzoo_kinds() -> Iterator[KindEntry]:
    yield KindEntry("table", "ganzoo_ctgan.kind:Table", "rows of a table, as a CSV file")


@hookimpl
def ganzoo_readers() -> Iterator[ReaderEntry]:
    yield ReaderEntry(
        "csv",
        "ganzoo_ctgan.reader:csv_table",
        "a CSV file whose first line is a header",
        (".csv", ".tsv"),
        options="ganzoo_ctgan.options:TableOptions",
    )


@hookimpl
def ganzoo_figures() -> Iterator[FigureEntry]:
    yield FigureEntry(
        "sdmetrics",
        "ganzoo_ctgan.figures:sdmetrics",
        "SDMetrics' quality score of rows",
        kinds=("table",),
        asked=True,
    )
    yield FigureEntry(
        "tstr",
        "ganzoo_ctgan.figures:tstr",
        "train on synthetic rows, test on real ones",
        kinds=("table",),
        asked=True,
    )


@hookimpl
def ganzoo_datasets() -> Iterator[DatasetEntry]:
    yield DatasetEntry(
        "auto-mpg", "ganzoo_ctgan.auto_mpg:auto_mpg", "392 cars of 1970 to 1982, 8 columns"
    )
