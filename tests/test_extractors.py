"""What samples are compared by: extractors that come along, of plugins, in files of one's own."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import FEW, call
from safetensors.torch import save_file

import ganzoo
from ganzoo import Extractor, Features, GanzooError
from ganzoo.files import sha256
from ganzoo.kinds.image.fit import fit_images
from ganzoo.kinds.image.named import mnist_5k
from ganzoo.measure import train_convnet
from ganzoo.measure.classifiers import MNISTConvNet
from ganzoo.measure.extractors import find_extractors, usual_extractors
from ganzoo.measure.features import Values
from ganzoo.measure.figures import Reference, class_figures
from ganzoo.measure.published import CLIP, DINOv2, Inception
from ganzoo.models.load import find_architecture
from ganzoo.runs.resolve import resolve
from ganzoo.sources.find import find_dataset


def test_real_digits_have_all_classes_and_noise_has_not(digits):
    data = fit_images(mnist_5k("train"), 32, 1)
    extractor = MNISTConvNet()
    real = extractor(data.samples[::5])
    found = class_figures(real, Reference(extractor(data.samples[1::5]), 10))
    assert found["modes"] == 10
    assert found["kl"] < 0.01
    assert 0.05 <= found["rarest_class"] <= found["commonest_class"] <= 0.15
    nines = extractor(data.samples[data.labels == 9])
    assert (nines.classes == 9).float().mean() > 0.97
    one_class = class_figures(nines, Reference(real, 10))
    assert one_class["kl"] == pytest.approx(math.log(10), abs=0.3)


def test_stacked_digits_are_told_apart_and_their_modes_counted():
    data = find_dataset("stacked-mnist-5k")
    again = find_dataset("stacked-mnist-5k")
    assert data.fingerprint() == again.fingerprint()
    assert data.spec.shape == (3, 28, 28)
    assert len(data.labels.unique()) == 1000
    (extractor,) = find_extractors("auto", "stacked-mnist-5k", data.spec)
    real = extractor(data.samples[:600])
    assert (real.classes == data.labels[:600]).float().mean() > 0.95
    reference = Reference(real, 1000)
    assert class_figures(real, reference)["kl"] == 0
    # A generator that drops a digit in one channel drops 900 modes.
    one = data.labels[:3000] // 100 == 7
    found = class_figures(extractor(data.samples[:3000][one][:200]), reference)
    assert 70 <= found["modes"] <= 110
    assert found["kl"] > 1


def test_auto_takes_one_that_takes_the_channels(tmp_path, monkeypatch):
    spec = replace(find_dataset("mnist-5k").spec, shape=(3, 28, 28))
    assert usual_extractors("mnist-5k", spec)[0] == "cifar-convnet"
    (tmp_path / "values").mkdir()  # a folder of that name is not meant
    monkeypatch.chdir(tmp_path)
    settings = {"schedule.features": "values", "schedule.evaluate_every": 2}
    config = resolve(find_architecture("vanilla"), "vanilla", {}, {}, settings)
    assert config.schedule.features == "values"


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
    assert json.loads(result.stdout)["fid[mean]"]["features"] == "mean: the mean of a picture"


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
    assert f"{name}: convnet, 0." in figures[f"fid[{name}]"].features
    other = ("--architecture", "convmixer", "--task", "contrast")
    script("without-labels", "--data", digits_npz, "--judge", digits_npz, *few, *other)
    (found,) = find_extractors("without-labels.safetensors", None, ganzoo.load(model).spec)
    assert found.about.startswith("convmixer, 0.")
    assert found.about.endswith("without labels but for the last layer")
    assert found(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).values.shape == (2, 16)
    for args, told in {
        ("mnist-convnet", "--data", digits_npz, "--judge", digits_npz): "exists already",
        ("other", "--data", "nosuch", "--judge", digits_npz): "data set 'nosuch'",
        ("other", "--data", "ring", "--judge", "ring"): "at least 128 images with labels",
        ("other", "--data", digits_npz, "--judge", "stacked-mnist-5k"): "and --judge 3",
        ("other", "--data", digits_npz, "--judge", digits_npz, "--out", made): "--out",
    }.items():
        with pytest.raises(SystemExit, match=told):
            script(*args)


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

    with pytest.raises(GanzooError, match=r"'bad' gave no features.* a bug in its plugin"):
        Bad()(digits[0][:10])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_inception_from_a_file_of_ones_own(suffix, digits, tmp_path):
    """Weights of chance: what is tested is the way, not the figure."""
    torch.manual_seed(0)
    path = tmp_path / f"inception{suffix}"
    state = _chance(tmp_path)
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    extractor = Inception(path)
    found = extractor(digits[0][:2])
    assert found.values.shape == (2, 2048)
    assert extractor.name.startswith("inception-")
    assert extractor.name != "inception-v3-compat"


def test_clip_from_a_file_of_ones_own(digits, tmp_path):
    """A small one of chance, with the names and shapes that CLIP's weights have."""
    from torch_fidelity.feature_extractor_clip import CLIPVisual

    torch.manual_seed(0)
    state = CLIPVisual(8, 32, 1, 64, 16).state_dict()
    state |= {"text_projection": torch.zeros(4, 8), "transformer.weight": torch.zeros(1)}
    save_file(state, tmp_path / "clip.safetensors")
    extractor = CLIP(tmp_path / "clip.safetensors")
    assert extractor(digits[0][:3]).values.shape == (3, 8)
    assert extractor.name.startswith("clip-")
    with pytest.raises(GanzooError, match="not the weights of DINOv2"):
        DINOv2(tmp_path / "clip.safetensors")
    save_file({"pos_embed": torch.zeros(1, 5, 384)}, tmp_path / "dino.safetensors")
    for other in (CLIP, DINOv2):
        with pytest.raises(GanzooError, match=f"not the weights of {other.__name__}"):
            other(tmp_path / "dino.safetensors")
        with pytest.raises(GanzooError, match="needs weights that are here, such as") as told:
            other()
        assert told.value.exit_status == 2


def test_dinov2_from_a_file_of_ones_own(digits, tmp_path):
    from timm import create_model

    state = create_model("vit_small_patch14_dinov2", img_size=28, num_classes=0).state_dict()
    torch.save(state | {"mask_token": torch.zeros(1, 384)}, tmp_path / "dinov2_vits14.pth")
    extractor = DINOv2(tmp_path / "dinov2_vits14.pth")
    assert extractor(digits[0][:1]).values.shape == (1, 384)


def _chance(folder: Path) -> dict[str, torch.Tensor]:
    """A state dict of Inception's shapes, without its own weights."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Bare(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, *args, **kwargs):
            return None

    nothing = folder / "nothing.pth"
    torch.save({}, nothing)
    made = Bare("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(nothing))
    return {name: tensor.clone() for name, tensor in made.state_dict().items()}


def test_the_values_of_images_are_features():
    levels = torch.randint(0, 256, (6, 1, 4, 4), dtype=torch.uint8)
    assert torch.equal(Values()(levels).values, levels.flatten(1).float())
