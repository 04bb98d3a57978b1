"""Options: what a mistake in them is told, however deep it lies."""

from __future__ import annotations

import pytest
from pydantic import Field

from ganzoo import GanzooError, Options
from ganzoo.options import make


class Layer(Options):
    width: int = Field(64, ge=1)
    dropout: float = 0.0


class Networks(Options):
    width: int
    layers: tuple[Layer, ...] = ()
    head: Layer | int | None = None
    named: dict[str, Layer] = {}
    sizes: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"widht": 4}, "unknown option of mine 'widht'. Did you mean 'width'?"),
        (
            {"width": 1, "layers": [{}, {"widht": 4}]},
            "unknown option of mine 'layers.1.widht'. Did you mean 'layers.1.width'?",
        ),
        (
            {"width": 1, "named": {"last": {"dropuot": 4}}},
            "unknown option of mine 'named.last.dropuot'. Did you mean 'named.last.dropout'?",
        ),
        (
            {"width": 1, "head": {"widht": 4}},
            "unknown option of mine 'head.widht'. Did you mean 'head.width'?",
        ),
        (
            {"width": 1, "layers": [{"width": 0}]},
            "own.layers.0.width=0: Input should be greater than or equal to 1. It takes an "
            "integer, at least 1.",
        ),
        (
            {"width": 1, "sizes": [3, "x"]},
            "own.sizes=[3, 'x']: Input should be a valid integer, unable to parse string as an "
            "integer. It takes a list, each an integer.",
        ),
        (
            {"width": 1, "head": "x"},
            "own.head='x': Input should be a valid dictionary or instance of Layer. It takes an "
            "object or an integer or null.",
        ),
        ({}, "mine: width is missing"),
    ],
)
def test_a_mistake_is_named_by_its_whole_path(values, expected):
    with pytest.raises(GanzooError) as told:
        make(Networks, values, "mine", "own.")
    assert str(told.value) == expected
