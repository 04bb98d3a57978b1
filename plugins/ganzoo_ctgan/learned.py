"""Train on synthetic, test on real: what a model that learned from made rows knows of real ones."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from torch import Tensor

from ganzoo import GanzooError
from ganzoo_ctgan.columns import CategoryColumn, Column
from ganzoo_ctgan.encoding import numbers_of

_MOST_BINS: Final = 255  # of a category that the trees take as one


def matrix(columns: Sequence[Column], rows: Tensor) -> Any:
    """Encoded rows, (N, width), as numbers: (N, columns) float64, NaN where one is missing. Of a
    category the place of its value, of a date its count."""
    parts = rows.split([sum(column.parts) for column in columns], 1)
    numbers = [numbers_of(column, part) for column, part in zip(columns, parts, strict=True)]
    return np.stack([column.numpy() for column in numbers], 1)


def skill(columns: Sequence[Column], train: Any, test: Any, target: str) -> float:
    """How well one column of `test` is told from the others after learning it from `train`, both as
    `matrix` gives them: 1 is without fault, 0 no better than without looking, or worse.

    Of a category, how far the area under the ROC curve is above a half, twice, the mean over its
    values by how often they come; of a number, the coefficient of determination. Learned by
    scikit-learn's gradient boosting. Raises GanzooError where there is no such column, or nothing
    to tell.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    except ImportError:
        raise GanzooError(
            "it is learned by scikit-learn, which is not installed: pip install "
            "'torch-ganzoo[tables]'"
        ) from None

    names = [column.name for column in columns]
    if target not in names:
        raise GanzooError(f"there is no column {target!r}; the columns are {', '.join(names)}")
    place = names.index(target)
    others = [number for number in range(len(columns)) if number != place]
    (seen, known), (asked, true) = (
        (rows[:, others], rows[:, place]) for rows in (_whole(train, place), _whole(test, place))
    )
    if not others or len(true) < 2 or len(np.unique(true)) < 2:
        raise GanzooError(f"the column {target!r}: there is nothing to tell it by, or to tell")
    if len(np.unique(known)) < 2:  # all rows that were made are alike
        return 0.0
    flags = [_is_short(columns[number]) for number in others]
    if not isinstance(columns[place], CategoryColumn):
        number = HistGradientBoostingRegressor(categorical_features=flags, random_state=0)
        return max(0.0, float(number.fit(seen, known).score(asked, true)))
    category = HistGradientBoostingClassifier(categorical_features=flags, random_state=0)
    chances = category.fit(seen, known).predict_proba(asked)
    return max(0.0, 2 * _area(category.classes_, chances, true) - 1)


def _area(classes: Any, chances: Any, true: Any) -> float:
    """The area under the ROC curve of each value against all others, the mean by how often they
    come. A value that was never learned is guessed. chances: (N, classes)."""
    from sklearn.metrics import roc_auc_score

    places = {value: place for place, value in enumerate(classes.tolist())}
    values, counts = np.unique(true, return_counts=True)
    areas = [
        roc_auc_score(true == value, chances[:, places[value]]) if value in places else 0.5
        for value in values.tolist()
    ]
    return float(np.average(areas, weights=counts))


def _whole(rows: Any, place: int) -> Any:
    """The rows in which this column is not missing."""
    return rows[~np.isnan(rows[:, place])]


def _is_short(column: Column) -> bool:
    return isinstance(column, CategoryColumn) and len(column.values) <= _MOST_BINS
