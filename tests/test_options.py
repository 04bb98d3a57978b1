"""Options: each declared once, and a mistake in one named however deep it lies."""

from __future__ import annotations

import inspect
import subprocess
import sys

import click
import pytest
from pydantic import Field

import ganzoo
from ganzoo import GanzooError, Options
from ganzoo.cli.training import train as command
from ganzoo.options import make
from ganzoo.runs.choices import choices
from ganzoo.runs.config import checked


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


def test_an_option_of_a_run_is_a_flag_a_keyword_and_documented():
    parameters = inspect.signature(ganzoo.train).parameters
    help_text = command.get_help(click.Context(command, terminal_width=500))
    for choice in choices():
        assert f"{choice.flag} " in help_text
        assert choice.help in help_text
        assert choice.keyword in parameters
        if choice.keyword != "data":
            assert f"{choice.keyword}: {choice.takes}. {choice.help}" in ganzoo.train.__doc__
    assert {"--steps", "--image-size", "--keep", "--seed"} <= {c.flag for c in choices()}


def test_a_mistyped_keyword_gets_the_nearest(tmp_path):
    with pytest.raises(GanzooError) as told:
        ganzoo.train("vanilla", "digits", step=3, out=tmp_path / "run")
    assert str(told.value) == "unknown argument of train 'step'. Did you mean 'steps'?"
    assert not (tmp_path / "run").exists()


def test_the_help_of_train_needs_no_torch():
    code = (
        "import sys; from ganzoo.cli.training import train; train.main(['--help'], "
        "standalone_mode=False); assert 'torch' not in sys.modules, 'torch'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_newer_format_is_named_before_its_unknown_keys():
    with pytest.raises(GanzooError, match="format 2; this one knows 1"):
        checked({"novel": 1, "format": 2}, "config.json")


@pytest.mark.parametrize(("low", "high"), [(0.0, float("inf")), (1.0, -1.0), (None, float("nan"))])
def test_a_range_without_an_end_is_not_a_spec(low, high):
    with pytest.raises(GanzooError, match="not a sample spec: values from"):
        ganzoo.SampleSpec.from_json({"kind": "array", "shape": [2], "low": low, "high": high})
