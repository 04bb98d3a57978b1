"""Kinds of sample: their options, readers that have some, and plugins that bring their own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo import plugins
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds import kind_of
from ganzoo.sources.find import find_dataset
from ganzoo.sources.options import Data, make_data
from ganzoo.spec import SampleSpec

MASKS = """
from ganzoo import Dataset, KindEntry, Options, ReaderEntry, hookimpl, Kind
import torch

class Reading(Options):
    length: int = 4
    loud: bool = False

def read(path, options, spec=None):
    low = len(spec.classes) if spec is not None else 0
    samples = torch.full((12, options.length), 0.5)
    return Dataset(path.stem, samples, kind="array", details={"alphabet": low})

class Spectra(Kind):
    @classmethod
    def from_tensor(cls, name, samples, labels):
        if samples.dim() == 2 and samples.shape[1] == 33:
            return Dataset(name, samples, labels, (), "spectra", None, None)

@hookimpl
def ganzoo_kinds():
    yield KindEntry("spectra", Spectra)

@hookimpl
def ganzoo_readers():
    yield ReaderEntry(
        "a-masks", read, "masks", (".png", ".mask"), (".png",), options=f"{__name__}:Reading"
    )
"""


@pytest.fixture
def masks(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(plugins, "_catalogue", None)
    (tmp_path / "masks.py").write_text(MASKS)
    plugins.use(tmp_path / "masks.py")
    yield
    plugins._catalogue = None


@pytest.fixture
def pictures(tmp_path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(20):
        Image.new("L", (16, 16), number * 10).save(folder / f"{number}.png")
    return folder


def test_a_reader_of_another_kind_takes_no_pictures_over(masks, pictures, tmp_path):
    assert find_dataset(str(pictures)).kind == "image"
    assert find_dataset(str(pictures / "0.png")).kind == "image"
    options = {"width": 4, "training.batch_size": 4, "data.image_size": 16}
    run = ganzoo.train("dcgan", data=pictures, steps=1, out=tmp_path / "run", settings=options)
    assert run.finished


def test_a_reader_is_asked_for_by_name_and_has_options(masks, pictures):
    asked = make_data({"source": str(pictures), "reader": "a-masks", "length": "6"})
    dataset = find_dataset(asked)
    assert (dataset.kind, dataset.spec.shape) == ("array", (6,))
    with pytest.raises(GanzooError, match=r"'lenght'. Did you mean 'length'"):
        make_data({"lenght": 6})
    with pytest.raises(GanzooError, match=r"data.length='x'.*an integer"):
        make_data({"length": "x"})
    with pytest.raises(GanzooError, match=r"is for what the reader .*a-masks.* reads"):
        find_dataset(make_data({"source": str(pictures), "length": 6}))
    with pytest.raises(GanzooError, match="Did you mean 'a-masks'"):
        find_dataset(Data(source=str(pictures), reader="amasks"))
    with pytest.raises(GanzooError, match="mnist-5k is not a file"):
        find_dataset(Data(source="mnist-5k", reader="a-masks"))


def test_a_reader_is_given_the_spec_of_the_model(masks, tmp_path):
    (tmp_path / "x.mask").write_bytes(b"x")
    spec = SampleSpec("array", (4,), classes=("a", "b"))
    assert find_dataset(str(tmp_path / "x.mask"), spec).details == {"alphabet": 2}
    assert find_dataset(str(tmp_path / "x.mask")).details == {"alphabet": 0}


def test_a_kind_of_a_plugin_takes_bare_tensors(masks):
    from ganzoo.sources.given import from_tensor

    assert from_tensor(torch.randn(5, 33)).kind == "spectra"
    lazy = ganzoo.from_dataset(list(torch.randn(5, 33)))
    assert (lazy.kind, lazy.low) == ("spectra", None)
    assert not isinstance(lazy.samples, torch.Tensor)


def test_a_single_picture_is_data(pictures):
    dataset = find_dataset(str(pictures / "7.png"))
    assert (dataset.name, len(dataset), dataset.spec.shape) == ("7", 1, (1, 16, 16))
    (pictures / "7.png").write_bytes(b"no")
    with pytest.raises(GanzooError, match=r"7\.png: not an image"):
        find_dataset(str(pictures / "7.png"))


def test_options_of_another_kind_are_refused(tmp_path):
    for settings in ({"data.image_size": 16}, {"data.channels": 3}):
        with pytest.raises(GanzooError, match="is for samples of kind image, not points"):
            ganzoo.train("vanilla", data="ring", steps=1, out=tmp_path / "x", settings=settings)
    with pytest.raises(GanzooError, match="is for samples of kind image, not array"):
        ganzoo.train("vanilla", data=torch.rand(9, 7), steps=1, out=tmp_path / "x", image_size=16)
    with pytest.raises(GanzooError, match=r"'image_sise'. Did you mean 'image_size'"):
        make_data({"image_sise": 3})


def test_an_option_that_is_null_is_not_given():
    assert make_data({"image_size": None, "source": "ring"}).others == {}


def test_images_are_stored_mirrored_and_matched():
    kind = kind_of(SampleSpec("image", (1, 4, 4)))
    ramp = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    assert torch.equal(kind.store(ramp)[0, 0, 0], torch.tensor([0, 17, 34, 51], dtype=torch.uint8))
    assert torch.equal(kind.mirror(ramp)[..., 0], ramp[..., -1])
    wide = ganzoo.Dataset("wide", torch.zeros(3, 1, 8, 10, dtype=torch.uint8))
    with pytest.warns(GanzooWarning, match="20% of 8x10 is cut off"):
        assert kind.match(wide).spec.shape == (1, 4, 4)
    with pytest.raises(GanzooError, match="dcgan makes images of 1 channel, but"):
        kind.match(ganzoo.Dataset("c", torch.zeros(3, 3, 4, 4)), "dcgan")
    with pytest.raises(GanzooError, match="of kind points"):
        kind.match(find_dataset("ring"))
    with pytest.raises(GanzooError, match="not a sample spec of kind image"):
        kind_of(SampleSpec("image", (4, 4)))
    with pytest.raises(GanzooError, match="no mirror image"):
        kind_of(SampleSpec("points", (2,), None, None)).mirror(torch.zeros(1, 2))


def test_one_image_is_written_as_it_is_without_a_frame():
    kind = kind_of(SampleSpec("image", (3, 4, 6)))
    sample = torch.rand(1, 3, 4, 6) * 2 - 1
    pixels = kind.store(sample)[0].permute(1, 2, 0)
    written = Image.open(io.BytesIO(kind.render(sample, ".png")))
    assert torch.equal(torch.from_numpy(np.array(written)), pixels)


def test_options_of_images_need_no_torch():
    modules = "sys, ganzoo.kinds.image.options, ganzoo.sources.options"
    code = f"import {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0


def test_a_spec_with_inputs_survives_json():
    spec = SampleSpec("image", (3, 8, 8), inputs=SampleSpec("image", (1, 4, 4)))
    assert SampleSpec.from_json(spec.to_json()) == spec
    assert "inputs" not in SampleSpec("image", (3, 8, 8)).to_json()
    nested = spec.to_json()
    nested["inputs"]["inputs"] = nested["inputs"] | {"inputs": None}
    with pytest.raises(GanzooError, match="inputs of their own"):
        SampleSpec.from_json(nested)
