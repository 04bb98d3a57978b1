"""Data sets on the Hub, by the real `datasets` over real HTTP; and data that Python has at hand."""

from __future__ import annotations

import importlib.util
import io
import json

import datasets
import numpy as np
import pytest
import torch
from conftest import call, one_message
from PIL import Image

import ganzoo
from ganzoo import GanzooError
from ganzoo.hub_name import HubName
from ganzoo.sources.find import dataset_of, find_dataset
from ganzoo.sources.hub import HubData

SMALL = {"widths": [4, 4], "latent_size": 3, "training.batch_size": 8}


@pytest.fixture
def pictures(digits):
    images, labels = digits
    return [Image.fromarray(image[0].numpy()) for image in images[:30]], labels[:30]


@pytest.fixture
def on_hub(hub, pictures, name, tmp_path, monkeypatch) -> str:
    """A data set of this test's own on the Hub, as a parquet file a split."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    images, labels = pictures
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=[f"no {n}" for n in range(10)])
    )
    rows = datasets.Dataset.from_dict({"image": images, "label": labels.tolist()}, features)
    parquet = io.BytesIO()
    rows.to_parquet(parquet)
    files = {
        f"data/{split}-00000-of-00001.parquet": parquet.getvalue() for split in ("train", "test")
    }
    hub.create(f"datasets/{name}")
    hub.commit(f"datasets/{name}", {**files, "README.md": b"---\nlicense: mit\n---\n"})
    return f"hf://datasets/{name}"


def test_a_data_set_on_the_hub_trains(on_hub, name, tmp_path, digits):
    short = {**SMALL, "data.image_size": 8}
    run = ganzoo.train("vanilla", on_hub, steps=1, settings=short, out=tmp_path / "run")
    assert run.config.data.source == on_hub
    record = json.loads((run.model_path / "training.json").read_text())
    assert record["data"]["hub"] == name and on_hub in record["command"]
    assert f"- {name}" in (run.model_path / "README.md").read_text()
    assert ganzoo.resume(run, steps=2).finished
    data = find_dataset(f"{on_hub}:test[:50%]@main")
    assert (len(data), data.kind, data.spec.shape) == (15, "image", (1, 28, 28))
    assert data.classes[3] == "no 3"
    assert torch.equal(data.samples[0], digits[0][0])


def test_a_folder_of_pictures_on_the_hub(hub, name, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    png = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(png, "PNG")
    hub.create(f"datasets/{name}")
    hub.commit(
        f"datasets/{name}", {f"{c}/{n}.png": png.getvalue() for c in ("cat", "dog") for n in (1, 2)}
    )
    data = find_dataset(f"hf://datasets/{name}")
    assert (len(data), data.classes) == (4, ("cat", "dog"))


def test_what_the_user_can_mend_of_a_name_on_the_hub(on_hub, hub, name, monkeypatch, tmp_path):
    for source, words in {
        "hf://datasets/alone": "OWNER/NAME",
        f"{on_hub}@..": "OWNER/NAME",
        f"hf://{name}": "a model's name",
        f"{on_hub}:validation": "unknown split",
        "hf://datasets/alice/nothing-here": "doesn't exist",
        f"{on_hub}@nope": "nope",
    }.items():
        with pytest.raises(GanzooError, match=words) as caught:
            find_dataset(source)
        assert caught.value.exit_status == 2
    result = call("train", "vanilla", "--data", f"{on_hub}:nope", "--out", tmp_path / "run")
    assert result.exit_code == 2 and one_message(result.stderr)
    result = call("train", "vanilla", "--data", "mnist-5k", "--set", "data.subset=x")
    assert result.exit_code == 2 and "not on the Hub" in result.stderr
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GanzooError, match=r"torch-ganzoo\[hf-datasets\]"):
        find_dataset(on_hub)


def test_no_code_of_a_repository_runs(hub, name, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    hub.create(f"datasets/{name}")
    script = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n".encode()
    hub.commit(f"datasets/{name}", {f"{name.rpartition('/')[2]}.py": script, "x.toml": b"a = 1"})
    with pytest.raises(GanzooError):
        find_dataset(f"hf://datasets/{name}")
    assert not (tmp_path / "ran").exists()


def test_names():
    assert HubData.parse("hf://datasets/a/b") == HubData("a/b")
    assert HubData.parse("hf://datasets/a/b:test@v1") == HubData("a/b", "test", "v1")
    assert HubName.parse("hf://a/b@v1").revision == "v1"


def test_arrays_and_lists_of_pictures(pictures, digits, tmp_path):
    images = digits[0]
    array = images[:30].numpy()
    data = dataset_of(array, np.arange(30) % 3)
    assert torch.equal(data.samples, images[:30]) and len(data.classes) == 3
    backwards = dataset_of(array[::-1])
    assert torch.equal(backwards.samples, images[:30].flip(0))
    floats = (array / 127.5 - 1).astype(">f4")
    assert dataset_of(floats).samples.dtype == torch.float32
    readable = array.copy()
    readable.flags.writeable = False
    assert len(dataset_of(readable)) == 30
    with pytest.raises(GanzooError, match="of numbers"):
        dataset_of(np.array(["a", "b"]))
    assert ganzoo.train("vanilla", array, steps=1, settings=SMALL, out=tmp_path / "a").finished
    run = ganzoo.train("vanilla", pictures[0], steps=1, settings=SMALL, out=tmp_path / "b")
    assert run.finished


def test_a_data_set_shows_itself(digits, tmp_path):
    data = ganzoo.Dataset("<b>digits", digits[0], digits[1], tuple(f"<i>{n}" for n in range(10)))
    assert repr(data) == "<Dataset <b>digits: 1,000 image 1x28x28, 10 classes>"
    shown = data._repr_html_()
    assert "<b>" not in shown and "<i>" not in shown and "data:image/png;base64," in shown
    ring = find_dataset("ring")
    assert "data:image/png" in ring._repr_html_()


def test_training_shows_a_bar_unless_told_not_to(digits, tmp_path, capsys):
    for progress in (True, False):
        out = tmp_path / f"shown-{progress}"
        ganzoo.train("vanilla", digits[0], steps=2, settings=SMALL, out=out, progress=progress)
        assert ("2/2" in capsys.readouterr().err) is progress
