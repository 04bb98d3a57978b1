"""Figures of a plugin beside the distances, small sets, and words beside what says little."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from conftest import call

import ganzoo
from ganzoo import GanzooWarning
from ganzoo.measure.figures import caution

PLUGIN = """
import ganzoo
from ganzoo import Figure, FigureEntry, hookimpl

def brightness(trial):
    assert trial.made.dtype.is_floating_point is False
    real, made = float(trial.real().mean()), float(trial.samples.mean())
    return {"brightness": Figure(made, floor=real, ceiling=-9.0, how="the mean of all pixels")}

def idle(trial):
    raise ganzoo.GanzooError("there is nothing to see")

def wrong(trial):
    return {"wrong": 3.0}

@hookimpl
def ganzoo_figures():
    yield FigureEntry("pixels", brightness, "pixels of a picture", kinds=("image",))
    yield FigureEntry("idle", idle, asked=True)
    yield FigureEntry("wrong", wrong, asked=True)
    yield FigureEntry("rows", wrong, kinds=("table",))
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "brightness.py"
    path.write_text(PLUGIN)
    return path


def test_a_plugins_figure_is_measured_written_down_and_on_the_card(
    plugin, model, digits_npz, tmp_path
):
    folder = shutil.copytree(model, tmp_path / "model")
    args = ("evaluate", folder, "--data", digits_npz, "--samples", 130, "--seeds", 2)
    result = call("--plugin", plugin, *args, "--json")
    assert result.exit_code == 0, result.output
    figure = json.loads(result.stdout)["brightness[pixels]"]
    assert figure["floor"] == pytest.approx(-0.74, abs=0.02)
    assert figure["how"].endswith("against 1000 real ones, the mean of all pixels")
    assert figure["features"] == "pixels: pixels of a picture"
    assert figure["spread"] > 0
    # -9, the ceiling, is lower, and lower is better: the words go wherever the figure does.
    assert figure["caution"] == "no better than noise"
    assert json.loads((folder / "metrics.json").read_text())["metrics"]["brightness[pixels]"]
    card = (folder / "README.md").read_text()
    (row,) = (line for line in card.splitlines() if line.startswith("| brightness"))
    assert "(no better than noise)" in row
    for name, told in {
        "idle": "there is nothing to see",
        "wrong": "is no ganzoo.Figure.*a bug in its plugin",
        "rows": "the figure 'rows' is for table, not dcgan of kind image",
    }.items():
        few = ("--samples", 130, "--seeds", 1)
        args = ("evaluate", folder, "--data", digits_npz, *few, "--figures", name)
        result = call("--plugin", plugin, *args)
        assert result.exit_code == 2
        assert re.search(told, result.stderr)


def test_fewer_samples_than_features_are_measured_without_fid(model, digits):
    real = digits[0][:60]
    with pytest.warns(GanzooWarning, match=r"fid\[mnist-convnet\] is left out: 60 samples, and FI"):
        figures = ganzoo.evaluate(ganzoo.load(model), real, samples=100, seeds=1)
    assert "fid[mnist-convnet]" not in figures
    kid = figures["kid[mnist-convnet]"]
    assert kid.floor < 1 < kid.value < kid.ceiling
    assert figures["recall[mnist-convnet]"].caution == "no better than noise"
    same = ganzoo.compare(real[:30], real[30:])
    assert "fid[mnist-convnet]" not in same
    assert abs(same["kid[mnist-convnet]"]) < 2


@pytest.mark.parametrize(
    ("value", "ceiling", "higher", "told"),
    [
        *((0.9, 0.1, True, False), (0.9, 1.0, True, True), (0.0, 0.0, True, True)),
        *((3.0, 5.0, False, False), (5.0, 5.0, False, True), (1.0, None, True, False)),
    ],
)
def test_what_noise_does_as_well_is_told(value, ceiling, higher, told):
    assert bool(caution(value, ceiling, higher)) is told
