"""The built wheel in an environment of its own: what a user has straight after the install."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import ganzoo

ROOT = Path(__file__).parent.parent

BY_HAND = """
import torch
from safetensors.torch import load_file
from torch import nn

layers = [nn.Unflatten(1, (100, 1, 1)), nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False)]
for before, after in ((256, 128), (128, 64), (64, 1)):
    layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
    layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
network = nn.Sequential(*layers, nn.Tanh()).eval()
network.load_state_dict(load_file("WEIGHTS"))
with torch.no_grad():
    network(torch.randn(16, 100))
"""


def offline(program: Path, *args: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the fresh environment, outside of the clone, without a network.

    Where the system does not allow to take the network away, with one.
    """
    command = [str(program), *map(str, args)]
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0:
        command = ["unshare", "--net", *command]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_bundled_model_samples_straight_after_the_install_offline(fresh, tmp_path):
    where = offline(fresh / "python", "-c", "import ganzoo; print(ganzoo)", folder=tmp_path)
    assert str(fresh.parent) in where.stdout  # the wheel's, not the clone's
    done = offline(fresh / "ganzoo", "sample", "dcgan-mnist", "-o", "grid.png", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "grid.png").size == (274, 274)
    listed = offline(fresh / "ganzoo", "list", "--json", folder=tmp_path)
    models = {row["name"] for row in json.loads(listed.stdout) if row["kind"] == "model"}
    assert models == {folder.name for folder in (ROOT / "model_cards").iterdir()}


def test_a_bundled_model_is_measured_offline(fresh, tmp_path):
    """The extractor's weights come along."""
    few = ("--samples", 300, "--seeds", 1, "--features", "mnist-convnet", "--json")
    args = ("evaluate", "dcgan-mnist", "--data", "mnist-5k", *few)
    done = offline(fresh / "ganzoo", *args, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fid[mnist-convnet]"]["floor"] < 0.2


def test_the_wheel_has_the_models_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "ganzoo_bundled/model_cards/dcgan-mnist/recipe.toml" in names
    assert "ganzoo_bundled/model_cards/dcgan-mnist/model.safetensors" in names
    assert not [name for name in names if "loopback" in name or name.startswith("tests")]
    assert wheel.stat().st_size <= 20_000_000


@pytest.mark.parametrize("folder", sorted((ROOT / "model_cards").iterdir()), ids=lambda f: f.name)
def test_each_bundled_model_is_what_its_folder_says(folder, tmp_path):
    generator = ganzoo.load(folder.name)
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size <= 8 << 20
    assert f'ganzoo.load("{folder.name}")' in generator.card
    assert generator.training["command"].startswith("ganzoo train ")
    assert "license: mit" in generator.card
    samples = generator.sample(64, seed=0)
    assert samples.isfinite().all()
    suffix = generator.kind.suffixes[0]
    made = generator.kind.render(samples, suffix)
    assert alike(made, (folder / f"samples{suffix}").read_bytes(), suffix)


def alike(made: bytes, shown: bytes, suffix: str) -> bool:
    """Whether two files of samples are the same, but for what another machine rounds otherwise."""
    if suffix == ".png":
        one, other = (np.asarray(Image.open(io.BytesIO(data)), dtype=int) for data in (made, shown))
        return int(np.abs(one - other).max()) <= 1
    if suffix == ".wav":
        one, other = (soundfile.read(io.BytesIO(data))[0] for data in (made, shown))
        return float(np.abs(one - other).max()) <= 1e-3
    lines = list(zip(made.splitlines(), shown.splitlines(), strict=True))
    return sum(one == other for one, other in lines) >= 0.9 * len(lines)


@pytest.mark.timing
def test_loading_and_sampling_cost_little_over_torch_itself(tmp_path):
    """At most 1.5 times importing torch and the same forward pass written by hand."""
    weights = ROOT / "model_cards/dcgan-mnist/model.safetensors"
    (tmp_path / "by_hand.py").write_text(BY_HAND.replace("WEIGHTS", str(weights)))
    (tmp_path / "ours.py").write_text("import ganzoo\nganzoo.load('dcgan-mnist').sample(16)\n")

    def seconds(script: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, tmp_path / script], check=True)
        return time.perf_counter() - start

    seconds("ours.py")
    pairs = [(seconds("ours.py"), seconds("by_hand.py")) for _ in range(7)]
    ratios = sorted(ours / by_hand for ours, by_hand in pairs)
    assert ratios[3] <= 1.5, ratios
    code = "import sys, ganzoo; ganzoo.load('dcgan-mnist').sample(2)\n"
    code += "assert not {'torchvision', 'huggingface_hub', 'torch._dynamo'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
