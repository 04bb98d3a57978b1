"""The quality score of SDMetrics, which the extra ``tables`` brings."""

import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ganzoo import GanzooError
from ganzoo_ctgan.columns import CategoryColumn, Column
from ganzoo_ctgan.learned import matrix


def quality(columns: Sequence[Column], real: Tensor, made: Tensor) -> dict[str, float]:
    """SDMetrics' quality score of made rows beside real ones, both encoded, (N, width): the mean
    of ``shapes``, how alike each column's values are spread, and ``pairs``, how alike each two
    columns go together; from 0 to 1, which is the same. Raises GanzooError without SDMetrics."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is to move to a report of several tables
            from sdmetrics.reports.single_table import QualityReport
    except ImportError:
        raise GanzooError(
            "the quality score is SDMetrics', which is not installed: pip install "
            "'torch-ganzoo[tables]'"
        ) from None
    report = QualityReport()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that hold one value
        tables = (_frame(columns, rows) for rows in (real, made))
        report.generate(*tables, _metadata(columns), verbose=False)
        parts = report.get_properties().set_index("Property")["Score"]
    found = {"quality": float(report.get_score())}
    for name, key in (("shapes", "Column Shapes"), ("pairs", "Column Pair Trends")):
        if key in parts and parts[key] == parts[key]:  # one column has no pairs
            found[name] = float(parts[key])
    return found


def _frame(columns: Sequence[Column], rows: Tensor) -> Any:
    """Rows as SDMetrics takes them: categories by the places of their values."""
    import pandas

    numbers = matrix(columns, rows)
    return pandas.DataFrame(
        {
            str(place): numbers[:, place].astype(int).astype(str)
            if isinstance(column, CategoryColumn)
            else numbers[:, place]
            for place, column in enumerate(columns)
        }
    )


def _metadata(columns: Sequence[Column]) -> dict[str, Any]:
    kinds = {
        str(place): {"sdtype": "categorical" if isinstance(column, CategoryColumn) else "numerical"}
        for place, column in enumerate(columns)
    }
    return {"columns": kinds}
