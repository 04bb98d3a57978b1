"""A real table, small enough to come with a package."""

import csv
import gzip
import importlib.util

from ganzoo import Dataset, GanzooError
from ganzoo_ctgan.options import TableOptions
from ganzoo_ctgan.reader import table
from ganzoo_ctgan.sheet import Sheet

HEADER = (
    "cylinders",
    "displacement",
    "horsepower",
    "weight",
    "acceleration",
    "model_year",
    "origin",
    "name",
    "mpg",
)


def auto_mpg(split: str) -> Dataset:
    """Auto MPG of the UCI repository (Quinlan 1993, https://doi.org/10.24432/C5859H), as mlxtend
    ships it: the 392 cars that have a horsepower. The cars' names, 301 different ones, are left
    out. Origin: 1 is the USA, 2 Europe, 3 Japan."""
    if importlib.util.find_spec("mlxtend") is None:
        raise GanzooError(
            "auto-mpg comes with mlxtend, which is not installed: pip install 'torch-ganzoo[demo]'"
        )
    from mlxtend.data.autompg import DATA_PATH

    # mlxtend's own reader takes numbers alone, and writes them all as fractions.
    with gzip.open(DATA_PATH, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    sheet = Sheet("auto-mpg", list(HEADER), rows, [])
    return table("auto-mpg", sheet, TableOptions.model_validate({"columns": {"name": "drop"}}))
