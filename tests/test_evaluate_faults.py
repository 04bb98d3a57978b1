"""Data, files and generators that cannot be measured: one clear message each."""

from __future__ import annotations

import json
import math
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import call, one_message, write_pictures
from safetensors.torch import load_file, save_file
from torch import nn

import ganzoo
from ganzoo import GanzooError
from ganzoo.data.dataset import Dataset
from ganzoo.errors import WorkFailed
from ganzoo.sources.find import find_dataset

WEIGHTS = Path(ganzoo.__file__).parent / "measure" / "weights" / "mnist-convnet.safetensors"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (torch.full((300, 1, 16, 16), math.nan), "not finite"),
        (torch.full((300, 1, 16, 16), 3.0), "its range is -1 to 1"),
        (torch.zeros(300, 1, 16, 16, dtype=torch.int64), "uint8 or floats"),
    ],
)
def test_values_that_the_range_does_not_allow(values, told, model):
    with pytest.raises(GanzooError, match=told):
        ganzoo.evaluate(model, Dataset("odd", values), samples=300, seeds=1)


def test_broken_images_are_left_out_and_told(model, digits, tmp_path):
    folder = write_pictures(digits[0][:300], tmp_path / "pictures")
    (folder / "0007.png").write_bytes(b"no picture")
    with pytest.warns(ganzoo.GanzooWarning, match=r"1 of 300 samples cannot be read.*0007\.png"):
        figures = ganzoo.evaluate(ganzoo.load(model), folder, samples=300, seeds=1)
    assert figures["fid[mnist-convnet]"].data.samples == 299


class Broken(nn.Module):
    """A generator without the least variety, or of values that are not finite."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return self.value.expand(len(latent), 1, 16, 16)


@pytest.mark.parametrize(
    ("value", "told"), [(0.5, "all 300 samples are the same"), (math.nan, "not finite")]
)
def test_constant_samples_and_such_that_are_not_finite(value, told, trained, digits_npz):
    generator = ganzoo.load(trained)
    generator.network = Broken(value)
    with pytest.raises(ganzoo.GanzooError, match=told):
        ganzoo.evaluate(generator, digits_npz, samples=300, seeds=1)


def colour(path: Path) -> Path:
    np.savez(path, images=np.zeros((300, 16, 16, 3), np.uint8))
    return path


MISTAKES = {
    "no data": (["MODEL"], "--data"),
    "another kind": (["RING", "--data", "DATA"], "of kind points, but the data set"),
    "a kind that is no image": (["MODEL", "--data", "ring"], "is of kind points"),
    "channels": (["MODEL", "--data", "COLOUR"], "images of 1 channel, but those of"),
    "few images": (["MODEL", "--data", "FEW"], "9 samples; it takes at least 7 in each of 2 hal"),
    "few samples": (["MODEL", "--data", "DATA", "--samples", "4"], "samples=4: 4 samples"),
    "no such figure": (["MODEL", "--data", "DATA", "--figures", "cos"], "figure 'cos'"),
    "no samples": (["MODEL", "--data", "DATA", "--samples", "0"], "0 samples asked for"),
    "no seeds": (["MODEL", "--data", "DATA", "--seeds", "0"], "seeds 0"),
    "features": (["MODEL", "--data", "DATA", "--features", "mnist-convnt"], "'mnist-convnet'"),
    "features of colour": (
        ["MODEL", "--data", "DATA", "--features", "stacked-digits"],
        "takes images of 3 channels, not 1",
    ),
    "features of another kind": (
        ["RING", "--data", "ring", "--features", "mnist-convnet"],
        "mnist-convnet is for image, not points",
    ),
    "no such extractor": (
        ["MODEL", "--data", "DATA", "--features", "no.safetensors"],
        "there is no such file",
    ),
    "a damaged extractor": (
        ["MODEL", "--data", "DATA", "--features", "DAMAGED"],
        "cannot be read as safetensors",
    ),
    "an extractor of another shape": (
        ["MODEL", "--data", "DATA", "--features", "SHAPE"],
        "head.weight has the shape (11, 128), not (10, 128)",
    ),
    "an extractor that is none": (
        ["MODEL", "--data", "DATA", "--features", "NONE"],
        "train_convnet",
    ),
    "an extractor that is not finite": (
        ["MODEL", "--data", "DATA", "--features", "NAN"],
        "not finite",
    ),
    "inception": (
        ["MODEL", "--data", "DATA", "--features", "inception", "--weights", "no.pth"],
        "no such file",
    ),
    "inception of another shape": (
        ["MODEL", "--data", "DATA", "--features", "inception", "--weights", "NONE"],
        "not the weights of Inception",
    ),
    "inception that is code": (
        ["MODEL", "--data", "DATA", "--features", "inception", "--weights", "CODE"],
        "cannot be read as a state dict",
    ),
    "two extractors": (
        [
            *("MODEL", "--data", "DATA", "--features", "inception", "--weights", "NONE"),
            *("--features", "mnist-convnet"),
        ],
        "these weights are for one extractor; choose it: inception or mnist-convnet",
    ),
    "a model that is not there": (["dcgan-minst", "--data", "DATA"], "'dcgan-mnist'"),
    "a step": (["MODEL", "--data", "DATA", "--step", "2"], "only a run has steps"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory, digits, models, digits_npz, model) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    few, damaged, shape, none, code, nan = (
        folder / name
        for name in (
            *("few.npz", "damaged.safetensors", "shape.safetensors", "none.safetensors"),
            *("code.pth", "nan.safetensors"),
        )
    )
    np.savez(few, images=digits[0][:9].numpy())
    content = WEIGHTS.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    about = {"ganzoo": json.dumps(_header(WEIGHTS)), "format": "pt"}
    tensors = load_file(WEIGHTS)
    save_file(tensors | {"head.weight": torch.zeros(11, 128)}, shape, about)
    save_file(tensors | {"head.bias": torch.full((10,), math.nan)}, nan, about)
    save_file(tensors, none)
    code.write_bytes(pickle.dumps(Bomb(folder / "was-run")))
    return {
        "MODEL": model,
        "RING": models["ring"],
        "DATA": digits_npz,
        "COLOUR": colour(folder / "colour.npz"),
        "FEW": few,
        "DAMAGED": damaged,
        "SHAPE": shape,
        "NONE": none,
        "NAN": nan,
        "CODE": code,
    }


def _header(path: Path) -> dict:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["ganzoo"])


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_in_one_message(mistake, files):
    args, told = MISTAKES[mistake]
    result = call("evaluate", *(files.get(arg, arg) for arg in args))
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert one_message(result.stderr) or "Usage" in result.stderr
    assert not (files["CODE"].parent / "was-run").exists()


def test_a_folder_that_cannot_take_the_figures_is_refused_before_they_are_measured(
    trained, tmp_path, monkeypatch
):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    folder = shutil.copytree(trained / "model", tmp_path / "home" / "models" / "digits")
    before = (folder / "metrics.json").read_bytes()
    card = (folder / "README.md").read_text()
    (folder / "README.md").write_text("---\ntags: [a\n---\nMine.")
    refused = call("evaluate", folder, "--data", "no-such-data")  # which is looked for later
    assert refused.exit_code == 2 and "metadata cannot be read" in refused.stderr
    assert (folder / "metrics.json").read_bytes() == before
    (folder / "README.md").write_text(card)
    (folder / "model.safetensors").unlink()
    refused = call("evaluate", "digits", "--data", "no-such-data")
    assert refused.exit_code == 2 and "model.safetensors is missing" in refused.stderr
    assert one_message(refused.stderr)


def test_sets_that_are_not_alike_are_not_compared(digits):
    small = Dataset("small", digits[0][:, :, :16, :16].contiguous())
    with pytest.raises(GanzooError, match="they must be alike"):
        ganzoo.compare(digits[0], small)
    with pytest.raises(GanzooError, match="6 samples; it takes at least 7"):
        ganzoo.compare(digits[0][:6], digits[0][:50])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"data": None}, "data of type NoneType"),
        ({"data": np.full((300, 1), "a")}, "an array of <U1"),
        ({"features": 3}, "features 3"),
        ({"features": Path("no.safetensors")}, "no such file"),
        ({"seeds": "3"}, "seeds '3'"),
        ({"samples": 300.0}, "300.0 samples"),
        ({"weights": 3}, "no path"),
    ],
)
def test_values_of_another_type(given, told, model, digits):
    with pytest.raises(GanzooError, match=told):
        ganzoo.evaluate(model, **{"data": digits[0][:300], "samples": 300, "seeds": 1} | given)


def test_training_takes_no_data_of_another_type_either(tmp_path):
    with pytest.raises(GanzooError, match="an array of <U1"):
        ganzoo.train("vanilla", data=np.full((300, 1), "a"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Far(nn.Module):
    """Samples without bounds, whose features are too large for any figure."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(2, 2)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.out(latent)
        return made if self.training else made * 1e30


class FarAway(ganzoo.Architecture):
    kinds = ("points",)
    training = ganzoo.Training(batch_size=8, steps=4)

    class Config(ganzoo.Options):
        latent_size: int = 2

    def build_generator(self) -> nn.Module:
        return Far()

    def build_discriminator(self) -> nn.Module:
        return nn.Linear(2, 1)


def test_a_figure_that_is_not_finite_is_told_and_ends_no_training(tmp_path):
    ring = find_dataset("ring")
    some = replace(ring, samples=ring.samples[:500], labels=ring.labels[:500])
    with pytest.warns(ganzoo.GanzooWarning, match="not evaluated: fid is"):
        run = ganzoo.train(
            FarAway,
            some,
            evaluate_every=2,
            settings={"schedule.evaluate_samples": 50},
            out=tmp_path / "run",
        )
    assert run.finished
    with pytest.raises(WorkFailed, match=r"is (nan|inf)"):
        ganzoo.evaluate(ganzoo.load(run, architecture=FarAway), some, samples=50, seeds=1)
