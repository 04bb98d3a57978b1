"""From a column's cells to what its column is, and to values for the networks; and back."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo_ctgan.columns import (
    LARGEST,
    MOST_DECIMALS,
    MOST_TEXT,
    MOST_VALUES,
    CategoryColumn,
    Column,
    NumberColumn,
)
from ganzoo_ctgan.modes import fit_modes

#: What counts as missing, in small letters.
MISSING: Final = frozenset({"", "?", "na", "n/a", "nan", "null"})
FEW: Final = 10  # different whole numbers that are categories

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class CellError(ValueError):
    """Cells that cannot be made a column. row: the number of the row at fault."""

    def __init__(self, text: str, row: int = 0) -> None:
        super().__init__(text)
        self.row = row


def encode(name: str, cells: Sequence[str]) -> tuple[Column, Tensor]:
    """What a column of texts is, and its values for the networks: (N, values) float32.

    It holds numbers where all its cells are numbers but for the missing ones; yet at most 10
    different whole numbers, or one number alone, are categories, as all texts are. Raises
    CellError where they are too many for categories, or too large.
    """
    cells = ["" if cell.strip().lower() in MISSING else cell.strip() for cell in cells]
    different = {cell for cell in cells if cell}
    text = next((cell for cell in cells if cell and not _NUMBER.fullmatch(cell)), None)
    if text is None and not _few(different):
        return _numbers(name, cells)
    if len(different) > MOST_VALUES:
        shown = f"{text[:40]!r} is no number, and there are" if text else "there are"
        raise CellError(
            f"{shown} {len(different)} different values; at most {MOST_VALUES} are taken as "
            "categories. Mend it, or leave the column out",
            0 if text is None else cells.index(text),
        )
    longest = max(cells, key=len)
    if len(longest) > MOST_TEXT:
        raise CellError(f"a text of {len(longest)} letters", cells.index(longest))
    return _categories(name, cells, different, numeric=text is None)


def _few(different: set[str]) -> bool:
    numbers = {float(cell) for cell in different} if len(different) <= 4 * FEW else None
    if numbers is None:
        return False
    return len(numbers) <= 1 or (len(numbers) <= FEW and all(n.is_integer() for n in numbers))


def _categories(
    name: str, cells: list[str], different: set[str], numeric: bool
) -> tuple[Column, Tensor]:
    values = sorted(different, key=(lambda cell: (float(cell), cell)) if numeric else str)
    values += [""] * ("" in cells)
    place = {value: index for index, value in enumerate(values)}
    numbers = torch.tensor([place[cell] for cell in cells])
    return CategoryColumn(name=name, values=values), F.one_hot(numbers, len(values)).float()


def _numbers(name: str, cells: list[str]) -> tuple[Column, Tensor]:
    present = torch.tensor([bool(cell) for cell in cells])
    known = [cell for cell in cells if cell]
    values = torch.tensor([float(cell) for cell in known], dtype=torch.float64)
    if values.abs().max() > LARGEST:
        row = next(i for i, cell in enumerate(cells) if cell and abs(float(cell)) > LARGEST)
        raise CellError(f"{cells[row][:40]} is too large; at most {LARGEST:g} is taken", row)
    rng = torch.Generator().manual_seed(0)
    modes = fit_modes(values, rng)
    chosen = modes.choose(values, rng)
    used = chosen.unique()  # sorted
    chosen = torch.searchsorted(used, chosen)
    # Nine digits: what is below differs between machines, and a float32 has no use for it.
    means = [float(f"{mean:.9g}") for mean in modes.means[used].tolist()]
    distance = (values - torch.tensor(means, dtype=torch.float64)[chosen]).abs()
    # Four deviations, as in the paper; more where a value lies further, so that none is cut.
    scales = []
    for index, deviation in enumerate(modes.deviations[used].tolist()):
        furthest = float(distance[chosen == index].max())
        scales.append(float(f"{max(4 * deviation, furthest * (1 + 1e-6)):.9g}"))
    column = NumberColumn(
        name=name,
        decimals=max(_decimals(cell) for cell in known),
        low=float(values.min()),
        high=float(values.max()),
        means=means,
        scales=scales,
        missing=not bool(present.all()),
    )
    encoded = torch.zeros(len(cells), sum(column.parts))
    mean, scale = (torch.tensor(part, dtype=torch.float64) for part in (means, scales))
    encoded[present, 0] = ((values - mean[chosen]) / scale[chosen]).clamp(-1, 1).float()
    mode = torch.full((len(cells),), len(means))
    mode[present] = chosen
    encoded[:, 1:] = F.one_hot(mode, column.parts[1]).float()
    return column, encoded


def _decimals(cell: str) -> int:
    exponent = Decimal(cell).as_tuple().exponent
    return min(max(0, -int(exponent)), MOST_DECIMALS)


def decode(column: Column, values: Tensor) -> list[str | float | None]:
    """The cells that encoded values, (N, values), stand for; None where one is missing.

    Whatever the values: the largest of a one-hot counts, places are cut to [-1, 1], and numbers
    to those between the data's smallest and largest.
    """
    values = values.double().nan_to_num(0.0)
    if isinstance(column, CategoryColumn):
        texts = [column.values[number] for number in values.argmax(1).tolist()]
        return [text or None for text in texts]
    place, mode = values[:, 0].clamp(-1, 1), values[:, 1:].argmax(1)
    missing = mode >= len(column.means)
    mode = mode.clamp_max(len(column.means) - 1)
    means, scales = (
        torch.tensor(part, dtype=torch.float64) for part in (column.means, column.scales)
    )
    numbers = (means[mode] + scales[mode] * place).clamp(column.low, column.high)
    return [
        None if gone else round(number, column.decimals) + 0.0  # -0.0 becomes 0.0
        for number, gone in zip(numbers.tolist(), missing.tolist(), strict=True)
    ]
