"""ganzoo evaluate: the figures are torch-fidelity's, have bounds, and faults are told in words."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import FEW, call, write_pictures
from safetensors.torch import load_file, save_file

import ganzoo
from ganzoo import Extractor, Features, FigureName
from ganzoo.data.dataset import Dataset
from ganzoo.measure.classifiers import MNISTConvNet
from ganzoo.measure.real import Real
from ganzoo.measure.samples import features_of_data
from ganzoo.models.measured import target_of, write_figures
from ganzoo.sources.find import find_dataset


@pytest.fixture(scope="module")
def evaluated(model, digits_npz) -> dict:
    result = call("evaluate", model, "--data", digits_npz, "--samples", 300, "--seeds", 2, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_figures_are_those_of_torch_fidelity(digits, tmp_path):
    """The same two folders of PNGs, once through torch-fidelity's own reading and measuring."""
    import torch_fidelity
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    class Digits(FeatureExtractorBase):
        def __init__(self, name, features_list, **_):
            super().__init__(name, features_list)
            self.ours = MNISTConvNet()

        @staticmethod
        def get_provided_features_list():
            return ("mean",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "mean"

        def forward(self, images):
            return (self.ours(images[:, :1]).values,)

    torch_fidelity.register_feature_extractor("digits-of-ganzoo", Digits)
    images, _ = digits
    one = write_pictures(images[::4][:200], tmp_path / "one")
    other = write_pictures(images[1::4][:220] // 2 + 60, tmp_path / "other")
    theirs = torch_fidelity.calculate_metrics(
        input1=str(one),
        input2=str(other),
        feature_extractor="digits-of-ganzoo",
        fid=True,
        kid=True,
        prc=True,
        kid_subset_size=200,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,  # else it reads with workers, which costs more than it saves here
    )
    ours = ganzoo.compare(one, other)
    for name, key in {
        "fid": "frechet_inception_distance",
        "kid": "kernel_inception_distance_mean",
        "precision": "precision",
        "recall": "recall",
    }.items():
        assert ours[f"{name}[mnist-convnet]"] == pytest.approx(theirs[key], rel=1e-4), name
    assert theirs["frechet_inception_distance"] > 1


def test_figures_are_named_bounded_and_written_down(model, evaluated):
    fid = evaluated["fid[mnist-convnet]"]
    assert 0 < 10 * fid["floor"] < fid["value"]
    assert fid["floor"] < fid["ceiling"]
    assert fid["spread"] > 0
    assert "300 samples of each of the seeds 0 to 1, against 1000 real ones" in fid["how"]
    assert fid["data"]["samples"] == 1000
    assert len(fid["data"]["sha256"]) == 64
    assert fid["data"]["source"] == "digits.npz"  # no path of this machine
    assert "mnist:test" in fid["features"]
    assert fid["by"].startswith("torch-fidelity ")
    assert evaluated["modes[mnist-convnet]"]["value"] >= 1
    written = json.loads((model / "metrics.json").read_text())["metrics"]
    assert {name: written[name] for name in evaluated} == evaluated
    assert "parameters" in written
    card = (model / "README.md").read_text()
    assert f"| fid[mnist-convnet] | {fid['value']} ± {fid['spread']} | {fid['floor']} |" in card
    assert "quality of the samples was not measured" not in card
    assert "metric" in card.partition("---\n\n")[0]
    assert "fid[mnist-convnet]" in call("info", model).output


def test_the_same_command_gives_the_same_figures(model, evaluated, digits_npz):
    again = ganzoo.evaluate(model, digits_npz, samples=300, seeds=2)
    assert {name: m.value for name, m in again.items()} == {
        name: m["value"] for name, m in evaluated.items()
    }
    other = ganzoo.evaluate(model, digits_npz, samples=300, seeds=1, seed=5)
    assert other["kid[mnist-convnet]"].value != again["kid[mnist-convnet]"].value
    assert other["fid[mnist-convnet]"].spread is None
    assert ganzoo.load(model).metrics["fid[mnist-convnet]"] == other["fid[mnist-convnet]"]


def test_a_discriminator_beside_and_the_users_text_stay(model, digits_npz, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(model, folder)
    save_file({"weight": torch.ones(2)}, folder / "discriminator.safetensors")
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text(card + "\nMine.\n")
    before = (folder / "model.safetensors").read_bytes()
    assert call("evaluate", folder, "--data", digits_npz, *FEW).exit_code == 0
    assert torch.equal(load_file(folder / "discriminator.safetensors")["weight"], torch.ones(2))
    assert (folder / "model.safetensors").read_bytes() == before
    assert "Mine." in (folder / "README.md").read_text()


def test_a_run_that_is_not_finished_is_measured_and_not_written(trained, digits_npz, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    shutil.rmtree(run / "model")
    with pytest.warns(ganzoo.GanzooWarning, match="is not finished"):
        figures = ganzoo.evaluate(run, digits_npz, samples=300, seeds=1)
    step = ganzoo.evaluate(run, digits_npz, samples=300, seeds=1, step=4)
    assert figures == step
    assert not (run / "model").exists()


def test_what_is_not_the_users_is_only_told(digits_npz):
    folder = Path(__file__).parents[1] / "model_cards" / "vanilla-mnist"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    result = call("evaluate", "vanilla-mnist", "--data", digits_npz, *FEW)
    assert result.exit_code == 0, result.output
    assert "fid[mnist-convnet]" in result.stdout
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_labels_are_held_against_what_was_asked_for(models, digits_npz, digits):
    class Asked(Extractor):
        """Sees the class in the mean of a picture, as `Labelled` does not make it."""

        name, classes = "asked", ("0", "1", "2")

        def features(self, samples):
            values = samples.float().flatten(1)[:, :4]
            return Features(values, torch.zeros(len(samples), dtype=torch.int64))

    data = Dataset("digits", *digits)
    real = Real([Asked()], data, "digits")
    (made,) = features_of_data([Asked()], data)
    found = real.figures([made], [torch.arange(len(data)) % 3])
    agreement = found["label_agreement[asked]"]
    assert agreement.value == pytest.approx(1 / 3, abs=1e-3)
    assert agreement.ceiling == pytest.approx(1 / 3)
    assert agreement.floor == pytest.approx(float((digits[1] == 0).float().mean()))
    assert "label_agreement[asked]" not in real.figures([made], [None])


def test_points_are_measured_by_their_values(models):
    ring = find_dataset("ring")
    some = replace(ring, samples=ring.samples[:600], labels=ring.labels[:600])
    fid = ganzoo.evaluate(models["ring"], some, samples=300, seeds=1)["fid[values]"]
    assert fid.floor < 0.1 < fid.value


@pytest.mark.parametrize(("mean", "deviation"), [(0, 1), (1e4, 0.1), (-1e7, 1e5)])
def test_figures_of_values_do_not_depend_on_their_scale(mean, deviation):
    """One distribution against itself, wherever it lies."""
    rng = torch.Generator().manual_seed(0)
    made, real = (
        (torch.randn(400, 4, generator=rng, dtype=torch.float64) * deviation + mean).float()
        for _ in range(2)
    )
    found = ganzoo.compare(made, real)
    assert abs(found["kid[values]"]) < 0.1
    assert 0.8 < found["precision[values]"] < 0.98
    assert 0.8 < found["recall[values]"] < 0.98


def test_samples_of_one_number_are_measured():
    one = torch.linspace(0, 1, 50)[:, None]
    found = ganzoo.compare(one, one)
    assert found["fid[values]"] == pytest.approx(0, abs=1e-6)
    assert found["precision[values]"] == 1


def test_values_of_8_bits_that_are_no_images_are_measured():
    levels = torch.randint(0, 256, (50, 3), generator=torch.Generator().manual_seed(0))
    as_levels = Dataset("levels", levels.byte(), kind="array", low=-1.0, high=1.0)
    as_floats = Dataset("floats", levels * (2 / 255) - 1, kind="array", low=-1.0, high=1.0)
    assert ganzoo.compare(as_levels, as_floats)["fid[values]"] == pytest.approx(0, abs=1e-5)


def test_what_was_swapped_meanwhile_is_not_touched(model, models, digits_npz, tmp_path):
    """Only figures are written, and none where the weights are no longer the same."""
    folder = tmp_path / "link"
    real = tmp_path / "real"
    shutil.copytree(model, real)
    folder.symlink_to(real)
    record = json.loads((real / "metrics.json").read_text())
    record["metrics"]["parameters"]["note"] = "mine"
    (real / "metrics.json").write_text(json.dumps(record))
    assert call("evaluate", folder, "--data", digits_npz, *FEW).exit_code == 0
    assert folder.is_symlink()
    assert json.loads((real / "metrics.json").read_text())["metrics"]["parameters"]["note"]
    newer = {"format": 2, "metrics": {}}
    (real / "metrics.json").write_text(json.dumps(newer))
    result = call("evaluate", folder, "--data", digits_npz, *FEW)
    assert result.exit_code == 2
    assert "upgrade torch-ganzoo" in result.stderr
    assert json.loads((real / "metrics.json").read_text()) == newer

    (real / "metrics.json").write_text(json.dumps(record))
    target = target_of(real)
    shutil.copy(models["vanilla"] / "model.safetensors", real / "model.safetensors")
    with pytest.warns(ganzoo.GanzooWarning, match="has other weights now"):
        write_figures(target, ganzoo.load(model), {})


def test_a_figure_against_other_data_takes_the_place_of_the_first_and_says_so(
    model, digits_npz, tmp_path
):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    with np.load(digits_npz) as archive:
        np.savez(tmp_path / "half.npz", images=archive["images"][::2])
    assert call("evaluate", folder, "--data", digits_npz, *FEW).exit_code == 0
    with pytest.warns(ganzoo.GanzooWarning, match="against digits.npz are replaced by those"):
        ganzoo.evaluate(folder, tmp_path / "half.npz", samples=300, seeds=1)


def test_a_figures_name_has_two_parts():
    name = FigureName.parse("rarest_class[inception-v3-compat]")
    assert name == FigureName("rarest_class", "inception-v3-compat")
    assert str(name) == "rarest_class[inception-v3-compat]"
    for other in ("generator_loss", "fid[]", "fid[a][b]", "fid[a b]", "fid[a]\n", "[a]"):
        assert FigureName.parse(other) is None


def test_what_training_measured_gives_way_without_a_warning(model, digits_npz, tmp_path):
    """Its data is another, but nobody asked for that figure."""
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    record = json.loads((folder / "metrics.json").read_text())
    data = {"name": "other", "sha256": "0" * 64}
    passing = {"value": 9.5, "how": "on the way", "data": data, "during_training": True}
    record["metrics"]["fid[mnist-convnet]"] = passing
    (folder / "metrics.json").write_text(json.dumps(record))
    figures = ganzoo.evaluate(folder, digits_npz, samples=300, seeds=1)
    written = json.loads((folder / "metrics.json").read_text())["metrics"]["fid[mnist-convnet]"]
    assert written["value"] == figures["fid[mnist-convnet]"].value
    assert "during_training" not in written
