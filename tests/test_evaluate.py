"""ganzoo evaluate: the figures are torch-fidelity's, have bounds, and faults are told in words."""

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
from conftest import call, one_message
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

import ganzoo
from ganzoo import Extractor, Features, GanzooError
from ganzoo.data.dataset import Dataset
from ganzoo.data.find import find_dataset
from ganzoo.data.images import fit_images
from ganzoo.data.named import mnist_5k
from ganzoo.files import sha256
from ganzoo.metrics import train_convnet
from ganzoo.metrics.choose import make_extractor
from ganzoo.metrics.extractor import MNISTConvNet
from ganzoo.metrics.figures import Reference, classes_found
from ganzoo.registry.measured import target_of, write_figures

FEW = ("--samples", 300, "--seeds", 1)
WEIGHTS = Path(ganzoo.__file__).parent / "metrics" / "weights" / "mnist-convnet.safetensors"


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory) -> Path:
    """A model folder of this module's own."""
    folder = tmp_path_factory.mktemp("evaluated") / "model"
    shutil.copytree(trained / "model", folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(model, digits_npz) -> dict:
    result = call("evaluate", model, "--data", digits_npz, "--samples", 300, "--seeds", 2, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def write_pictures(images: torch.Tensor, folder: Path) -> Path:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[0].numpy()).save(folder / f"{number:04}.png")
    return folder


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


def test_real_digits_have_all_classes_and_noise_has_not(digits):
    data = fit_images(mnist_5k("train"), 32, 1)
    extractor = MNISTConvNet()
    real = extractor(data.samples[::5])
    found = classes_found(real, Reference(extractor(data.samples[1::5]), 10))
    assert found["modes"] == 10
    assert found["kl"] < 0.01
    assert 0.05 <= found["rarest_class"] <= found["commonest_class"] <= 0.15
    nines = extractor(data.samples[data.labels == 9])
    assert (nines.classes == 9).float().mean() > 0.97
    one_class = classes_found(nines, Reference(real, 10))
    assert one_class["kl"] == pytest.approx(math.log(10), abs=0.3)


def test_stacked_digits_are_told_apart_and_their_modes_counted():
    data = find_dataset("stacked-mnist-5k")
    again = find_dataset("stacked-mnist-5k")
    assert data.fingerprint() == again.fingerprint()
    assert data.spec.shape == (3, 28, 28)
    assert len(data.labels.unique()) == 1000
    extractor = make_extractor("auto", "stacked-mnist-5k", data.spec)
    real = extractor(data.samples[:600])
    assert (real.classes == data.labels[:600]).float().mean() > 0.95
    reference = Reference(real, 1000)
    assert classes_found(real, reference)["kl"] == 0
    # A generator that drops a digit in one channel drops 900 modes.
    one = data.labels[:3000] // 100 == 7
    found = classes_found(extractor(data.samples[:3000][one][:200]), reference)
    assert 70 <= found["modes"] <= 110
    assert found["kl"] > 1


def test_labels_are_held_against_what_was_asked_for(models, digits_npz, digits):
    class Asked(Extractor):
        """Sees the class in the mean of a picture, as `Labelled` does not make it."""

        name, classes = "asked", ("0", "1", "2")

        def features(self, samples):
            values = samples.float().flatten(1)[:, :4]
            return Features(values, torch.zeros(len(samples), dtype=torch.int64))

    from ganzoo import evaluation

    generator = ganzoo.load(models["labelled"], architecture=__import__("architectures").Labelled)
    real = Reference(Asked()(digits[0]), 3)
    made = evaluation._figures(Asked(), generator, real, 300, 0)
    assert made["label_agreement"] == pytest.approx(1 / 3)


def test_points_are_measured_by_their_values(models):
    ring = find_dataset("ring")
    some = replace(ring, samples=ring.samples[:600], labels=ring.labels[:600])
    fid = ganzoo.evaluate(models["ring"], some, samples=300, seeds=1)["fid[values]"]
    assert fid.floor < 0.1 < fid.value


def test_a_plugins_extractor_is_chosen_by_its_name(model, digits_npz, tmp_path):
    plugin = tmp_path / "mean.py"
    plugin.write_text(
        "import ganzoo\nfrom ganzoo import Extractor, ExtractorEntry, Features, hookimpl\n"
        "class Mean(Extractor):\n"
        "    name = 'mean'\n"
        "    def features(self, samples):\n"
        "        means = samples.float().mean((2, 3))\n"
        "        return Features(means + samples[:, 0, 0, :2])\n"
        "@hookimpl\n"
        "def ganzoo_extractors():\n"
        "    yield ExtractorEntry('mean', Mean, 'the mean of a picture')\n"
    )
    args = ("evaluate", model, "--data", digits_npz, *FEW, "--features", "mean", "--json")
    result = call("--plugin", plugin, *args)
    assert result.exit_code == 0, result.output
    assert "fid[mean]" in json.loads(result.stdout)


def test_an_extractor_of_ones_own_is_trained_and_named_by_its_weights(
    model, digits_npz, tmp_path, capsys, monkeypatch
):
    """The script says what is wrong, overwrites nothing, and its file is taken by --features."""
    monkeypatch.chdir(tmp_path)

    def script(*args):
        monkeypatch.setattr("sys.argv", ["train_convnet", *map(str, args)])
        train_convnet.main()

    few = ("--width", 4, "--epochs", 2)
    script("mnist-convnet", "--data", digits_npz, "--judge", digits_npz, *few)
    made = capsys.readouterr().out.strip()
    assert made == "mnist-convnet.safetensors"
    figures = ganzoo.evaluate(model, digits_npz, samples=300, seeds=1, features=made)
    name = f"mnist-convnet-{sha256(tmp_path / made)[:8]}"
    assert f"fid[{name}]" in figures
    assert f"{name}: 0." in figures[f"fid[{name}]"].features
    for args, told in {
        ("mnist-convnet", "--data", digits_npz, "--judge", digits_npz): "exists already",
        ("other", "--data", "nosuch", "--judge", digits_npz): "data set 'nosuch'",
        ("other", "--data", "ring", "--judge", "ring"): "at least 128 images with labels",
    }.items():
        with pytest.raises(SystemExit, match=told):
            script(*args)


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


BAD_FEATURES = {
    "an exception": lambda samples: 1 / 0,
    "no Features": lambda samples: samples,
    "fewer rows": lambda samples: Features(samples.float().flatten(1)[:1, :4]),
    "one dimension": lambda samples: Features(samples.float().flatten(1)[:, 0]),
    "not finite": lambda samples: Features(samples.float().flatten(1)[:, :4] / 0),
    "no such class": lambda samples: Features(
        samples.float().flatten(1)[:, :4], torch.full((len(samples),), 7)
    ),
}


@pytest.mark.parametrize("fault", BAD_FEATURES)
def test_an_extractors_fault_is_told_as_its_plugins(fault, digits):
    class Bad(Extractor):
        name, classes = "bad", ("a", "b") if fault == "no such class" else ()

        def features(self, samples):
            return BAD_FEATURES[fault](samples)

    with pytest.raises(GanzooError, match=r"'bad' gave no features.* a fault of its plugin"):
        Bad()(digits[0][:10])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (torch.full((300, 1, 16, 16), math.nan), "not finite"),
        (torch.full((300, 1, 16, 16), 3.0), "its range is -1.0 to 1.0"),
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
    "few images": (["MODEL", "--data", "FEW"], "FID with 128 features needs at least 260"),
    "few samples": (["MODEL", "--data", "DATA", "--samples", "129"], "samples=129: 129 samples"),
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
    "inception": (["MODEL", "--data", "DATA", "--inception-weights", "no.pth"], "no such file"),
    "inception of another shape": (
        ["MODEL", "--data", "DATA", "--inception-weights", "NONE"],
        "not the weights of Inception",
    ),
    "inception that is code": (
        ["MODEL", "--data", "DATA", "--inception-weights", "CODE"],
        "cannot be read as a state dict",
    ),
    "two extractors": (
        [
            *("MODEL", "--data", "DATA", "--inception-weights", "NONE"),
            *("--features", "mnist-convnet"),
        ],
        "--inception-weights is for",
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
    np.savez(few, images=digits[0][:200].numpy())
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


def test_sets_that_are_not_alike_are_not_compared(digits):
    small = Dataset("small", digits[0][:, :, :16, :16].contiguous())
    with pytest.raises(GanzooError, match="they must be alike"):
        ganzoo.compare(digits[0], small)
    with pytest.raises(GanzooError, match="at least 130"):
        ganzoo.compare(digits[0][:100], digits[0])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_inception_from_a_file_of_ones_own(suffix, model, digits, tmp_path):
    """Weights of chance: what is tested is the way, not the figure."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.manual_seed(0)
    network = FeatureExtractorInceptionV3.__new__(FeatureExtractorInceptionV3)
    path = tmp_path / f"inception{suffix}"
    state = _chance(network, tmp_path)
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    from ganzoo.metrics.inception import Inception

    extractor = Inception(path)
    found = extractor(digits[0][:2])
    assert found.values.shape == (2, 2048)
    assert extractor.name.startswith("inception-")
    assert extractor.name != "inception-v3-compat"


def _chance(network: nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    """A state dict of Inception's shapes, without its own weights."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Bare(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, *args, **kwargs):
            return None

    nothing = folder / "nothing.pth"
    torch.save({}, nothing)
    made = Bare("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(nothing))
    return {name: tensor.clone() for name, tensor in made.state_dict().items()}
