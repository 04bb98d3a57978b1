"""What is black and what is white in pictures of more than 8 bits: what their data set has."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from numpy.typing import NDArray

from ganzoo.errors import GanzooWarning

_MOST: Final = 5000  # pictures that are read for it
_ALL: Final = (0.0, 65535.0)  # of 16 bits

Levels = tuple[float, float]


def levels_of(
    name: str, deep: Sequence[int], count: int, read: Callable[[int], NDArray[Any] | None]
) -> Levels | None:
    """The least and the largest value in the colours of a data set; None where none can be read.
    It is told, unless they are those of 16 bits.

    deep: the numbers of the pictures that have more than 8 bits, of `count`; of very many, some
    that lie evenly apart are read. read: the values of one, (H, W, C), see `deep_values`.
    """

    def extremes(number: int) -> Levels | None:
        try:
            values = read(number)
        except (OSError, ValueError):
            return None  # it is told when the samples are read
        if values is None:
            return None
        channels = values.shape[2]
        colours = values[..., : channels - (channels in (2, 4))]
        return float(colours.min()), float(colours.max())

    looked_at = deep[:: -(-len(deep) // _MOST)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = [pair for pair in pool.map(extremes, looked_at) if pair is not None]
    if not found:
        return None
    low, high = min(low for low, _ in found), max(high for _, high in found)
    if low == high:  # of pictures without any contrast
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    if (low, high) != _ALL:
        those = "" if len(looked_at) == len(deep) else f", as {len(looked_at)} of them have it"
        warnings.warn(
            f"{name}: {len(deep)} of {count} images have more than 8 bits a channel: {low:.10g} is "
            f"taken as black and {high:.10g} as white{those}; --set data.levels='[BLACK, WHITE]' "
            "sets others",
            GanzooWarning,
            stacklevel=6,
        )
    return low, high
