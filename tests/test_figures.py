"""Figures of a plugin beside the distances, small sets, and words beside what says little."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from conftest import FEW, call

import ganzoo
from ganzoo import Dataset, Features, GanzooError, GanzooWarning, Trial
from ganzoo.measure import paths, usefulness
from ganzoo.measure.classifiers import MNISTConvNet
from ganzoo.measure.copying import copying
from ganzoo.measure.features import Values
from ganzoo.measure.figures import caution, inception_score
from ganzoo.measure.neighbours import Neighbourhoods
from ganzoo.measure.paths import path_lengths
from ganzoo.measure.remembered import real_features
from ganzoo.measure.usefulness import accuracy

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
        few = ("--samples", 130, "--seeds", 1, "--features", "mnist-convnet")
        args = ("evaluate", folder, "--data", digits_npz, *few, "--figures", name)
        result = call("--plugin", plugin, *args)
        assert result.exit_code == 2
        assert re.search(told, result.stderr)


def test_fewer_samples_than_features_are_measured_without_fid(model, digits):
    real = digits[0][:60]
    with pytest.warns(GanzooWarning, match="60 samples are too few: .* 128 of mnist-convnet"):
        figures = ganzoo.evaluate(ganzoo.load(model), real, samples=100, seeds=1)
    assert "fid[mnist-convnet]" not in figures
    kid = figures["kid[mnist-convnet]"]
    assert kid.floor < 1 < kid.value < kid.ceiling
    assert figures["recall[mnist-convnet]"].caution == "no better than noise"
    same = ganzoo.compare(real[:30], real[30:])
    assert "fid[mnist-convnet]" not in same
    assert abs(same["kid[mnist-convnet]"]) < 2


@pytest.mark.parametrize(
    ("classes", "counted"), [(("hat", "bob"), False), (("1", "0"), True), (("5", "hat"), True)]
)
def test_classes_are_counted_where_the_data_shows_what_the_classifier_knows(
    model, digits, classes, counted
):
    data = Dataset("pictures", digits[0][:140], torch.arange(140) % 2, classes)
    figures = ganzoo.evaluate(
        ganzoo.load(model), data, samples=140, seeds=1, features="mnist-convnet"
    )
    assert "fid[mnist-convnet]" in figures
    assert ("modes[mnist-convnet]" in figures) is counted
    assert ("rarest_class[mnist-convnet]" in figures) is counted


@pytest.mark.parametrize(
    ("value", "ceiling", "higher", "told"),
    [
        *((0.9, 0.1, True, False), (0.9, 1.0, True, True), (0.0, 0.0, True, True)),
        *((3.0, 5.0, False, False), (5.0, 5.0, False, True), (1.0, None, True, False)),
    ],
)
def test_what_noise_does_as_well_is_told(value, ceiling, higher, told):
    assert bool(caution(value, ceiling, higher)) is told


def test_density_and_coverage_are_those_of_the_paper():
    """Counted pair by pair, as the paper writes them down."""
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(60, 3, generator=rng), torch.randn(40, 3, generator=rng) * 1.3
    radii = [sorted(float((a - b).norm()) for b in real)[5] for a in real]
    inside = [[float((a - b).norm()) <= r for b in fake] for a, r in zip(real, radii, strict=True)]
    found = Neighbourhoods(real).density_coverage(fake)
    assert found["density"] == pytest.approx(sum(map(sum, inside)) / (5 * 40))
    assert found["coverage"] == pytest.approx(sum(map(any, inside)) / 60)


def test_the_inception_score_counts_sure_classes():
    sure = 50 * torch.eye(10).repeat(200, 1)
    assert inception_score(Features(sure, logits=sure)) == pytest.approx(10, rel=0.05)
    assert inception_score(Features(sure, logits=torch.zeros(2000, 10))) == pytest.approx(1)


def test_copies_are_found_and_unseen_samples_are_not(digits, digits_npz, model):
    """Samples that are training samples, and samples that are unseen digits."""
    images = digits[0]
    extractor = MNISTConvNet()
    held_out, unseen = extractor(images[::4]), extractor(images[1::4])
    training = extractor(images[2::4]).values
    found = {}
    for name, made in {"copies": extractor(images[2:400:4]), "unseen": unseen}.items():
        kept = {"training": SimpleNamespace(samples=images[2::4], total=999)}
        trial = Trial(ganzoo.load(model), Dataset("digits", images), images, 0, kept=kept)
        trial = replace(trial, extractors=[extractor], seen=[made], seen_real=[held_out])
        found[name] = copying(trial)
        assert torch.equal(kept["mnist-convnet"], training)
    assert found["copies"]["nearer[mnist-convnet]"].value == 1
    assert found["copies"]["copies[mnist-convnet]"].value == 1
    assert found["unseen"]["nearer[mnist-convnet]"].value == pytest.approx(0.5, abs=0.05)
    copied = found["unseen"]["copies[mnist-convnet]"]
    assert copied.value < 0.05
    assert copied.how == "the nearest of 250 of 999 training samples"


def test_what_a_model_copies_is_asked_of_unseen_data(model, digits_npz):
    asked = ("--figures", "copying", *FEW, "--features", "mnist-convnet")
    result = call("evaluate", model, "--data", digits_npz, *asked)
    assert result.exit_code == 2
    assert "digits is what the model was trained on" in result.stderr


def test_path_lengths_are_longer_where_samples_change_faster(model, monkeypatch):
    """The square of the distance grows with the square of the latents' reach."""
    monkeypatch.setattr(paths, "PATHS", 60)
    generator, extractor = ganzoo.load(model), MNISTConvNet()
    real = extractor(generator.kind.store(generator.sample(50)))
    trial = Trial(generator, Dataset("none", torch.zeros(1, 1, 4, 4)), torch.zeros(1), 0)
    trial = replace(trial, extractors=[extractor], seen_real=[real])
    slow = path_lengths(trial)["ppl[mnist-convnet]"].value
    assert slow > 0
    assert path_lengths(trial)["ppl[mnist-convnet]"].value == slow
    interpolate = type(generator.architecture).interpolate
    generator.architecture.interpolate = lambda first, last, weights: interpolate(
        generator.architecture, first, last, 0.5 + (weights - 0.5) / 2
    )
    assert path_lengths(trial)["ppl[mnist-convnet]"].value < 0.5 * slow
    with pytest.raises(GanzooError, match="between 8-bit levels"):
        path_lengths(replace(trial, extractors=[Values()]))


def test_a_classifier_that_learns_from_samples_names_real_ones(digits, model, monkeypatch):
    monkeypatch.setattr(usefulness, "STEPS", 40)
    images, labels = digits
    data = Dataset("digits", images[::2], labels[::2])
    generator = ganzoo.load(model)
    right = accuracy(Trial(generator, data, images[1::2], 0, labels[1::2]))["accuracy"]
    assert right.value > 0.5
    assert right.floor > 0.5
    assert right.ceiling == 0.1
    with pytest.raises(GanzooError, match="a conditional generator, with data that has labels"):
        accuracy(Trial(generator, data, images, 0))


def test_features_of_real_samples_are_computed_once(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path))
    data, extractor = Dataset("digits", digits[0][:50]), MNISTConvNet()
    (first,) = real_features([extractor], data, data.fingerprint())
    monkeypatch.setattr(MNISTConvNet, "features", lambda self, samples: 1 / 0)
    (again,) = real_features([extractor], data, data.fingerprint())
    assert torch.equal(first.values, again.values)
    assert torch.equal(first.classes, again.classes)
    for other in (replace(data, samples=digits[0][50:99]), data):
        with pytest.raises(GanzooError, match="gave no features"):
            real_features([extractor], other, other.fingerprint())
        (file,) = (tmp_path / "features").iterdir()
        content = bytearray(file.read_bytes())
        content[-1] ^= 1  # a damaged file is noticed, and made anew
        file.write_bytes(content)
