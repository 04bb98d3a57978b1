"""A loaded generator: sampling, interpolation, pictures, saving, exporting."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from architectures import Copying, Labelled, Tables, Unmeta
from PIL import Image

import ganzoo
from ganzoo import GanzooError


@pytest.fixture(scope="module")
def generator(trained) -> ganzoo.Generator:
    return ganzoo.load(trained)


@pytest.fixture(scope="module")
def labelled(digits, tmp_path_factory) -> ganzoo.Generator:
    """A conditional generator of a class that nobody packaged."""
    out = tmp_path_factory.mktemp("labelled") / "run"
    run = ganzoo.train(Labelled, digits[0][:50], labels=torch.arange(50) % 3, steps=1, out=out)
    return ganzoo.load(run, architecture=Labelled)


def test_latents_depend_on_the_seed_alone(generator):
    many = generator.latents(300, seed=5)
    for count in (1, 2, 16, 63, 64, 65, 300):
        assert torch.equal(generator.latents(count, seed=5), many[:count])
    assert not torch.equal(generator.latents(1, seed=6), many[:1])


def test_samples_agree_whatever_the_batch_size_and_are_the_same_on_every_call(generator):
    samples = generator.sample(33, seed=2)
    assert samples.shape == (33, *generator.spec.shape)
    assert samples.dtype == torch.float32
    assert torch.equal(generator.sample(33, seed=2), samples)
    for batch_size in (1, 7, 33):
        assert torch.equal(
            generator.sample(33, 2, batch_size=batch_size),
            generator.sample(33, 2, batch_size=batch_size),
        )
        apart = (generator.sample(33, seed=2, batch_size=batch_size) - samples).abs().max()
        assert apart <= 1e-5
    own = generator(generator.latents(33, seed=2))
    assert (own - samples).abs().max() <= 1e-5


def test_interpolation_keeps_to_the_great_circle(generator):
    middle = []
    network = generator.network
    handle = network.register_forward_pre_hook(lambda _, inputs: middle.append(inputs[0]))
    try:
        path = generator.interpolate(1, 2, count=9)
    finally:
        handle.remove()
    ends = torch.stack([generator.latents(1, 1)[0], generator.latents(1, 2)[0]])
    assert (path[[0, -1]] - generator(ends)).abs().max() <= 1e-5
    (latents,) = middle
    norms = latents.norm(dim=1)
    low, high = sorted(ends.norm(dim=1).tolist())
    assert norms.min() > 0.999 * low  # a straight line would pass at 0.7
    assert norms.max() < 1.001 * high
    steps = torch.nn.functional.cosine_similarity(latents[:-1], latents[1:]).acos()
    assert steps.std() < 0.02 * steps.mean()
    given = generator.interpolate(ends[0], ends[1], count=9)
    assert torch.equal(given, path)
    assert torch.equal(generator.interpolate(3, 3, 2)[0], generator.interpolate(3, 3, 2)[1])


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda g: g.interpolate(g.latents(1)[0], -g.latents(1)[0]), "opposite"),
        (lambda g: g.interpolate(g.latents(1)[0] * torch.nan, 1), "not finite"),
        (lambda g: g.interpolate(torch.zeros(3), 1), "a latent of shape"),
        (lambda g: g.interpolate(1, 2, count=1), "takes 2 to"),
        (lambda g: g(torch.zeros(2, 3)), "it takes (N, 100)"),
        (lambda g: g(torch.zeros(())), "it takes (N, 100)"),
        (lambda g: g.sample(4, labels=3), "not conditional"),
        (lambda g: g.sample(0), "at least 1"),
        (lambda g: g.sample("2"), "at least 1"),
        (lambda g: g("latents"), "latents 'latents'"),
        (lambda g: g.sample(2, seed=1.5), "seed 1.5"),
        (lambda g: g.sample(4, seed=-1), "seed -1"),
        (lambda g: g.sample(4, batch_size=0), "batch_size 0"),
        (lambda g: g.to_images(torch.zeros(2, 2)), "samples of shape"),
        (lambda g: g.to("cuda:7"), "'cuda:7' cannot be used"),
        (lambda g: g.to("toaster"), "'toaster' cannot be used"),
        (lambda g: g.to("cpu", torch.int64), "floating-point"),
        (lambda g: g.export("g.onnx"), "writes a .pt2"),
        (lambda g: g.export("nowhere/g.pt2"), "no folder nowhere"),
        (lambda g: g.save("."), "exists already"),
        (lambda g: g.push_to_hub("x"), "hf://OWNER/NAME"),
    ],
)
def test_mistakes_are_told(generator, work, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanzooError) as told:
        work(generator)
    assert words in str(told.value)


def test_classes_by_number_and_by_name(labelled, digits):
    assert labelled.spec.classes == ("0", "1", "2")
    turns = labelled.sample(6)
    assert torch.equal(labelled.sample(6, labels=[0, 1, 2, "0", "1", "2"]), turns)
    assert torch.equal(labelled.sample(6, labels=torch.arange(6) % 3), turns)
    assert not torch.equal(labelled.sample(6, labels=1), turns)
    assert torch.equal(labelled.sample(6, labels=1), labelled.sample(6, labels="1"))
    latents = labelled.latents(6)
    assert torch.equal(labelled(latents, "2"), labelled(latents, torch.full((6,), 2)))
    assert torch.equal(labelled.sample(6, labels=np.int64(1)), labelled.sample(6, labels=1))
    assert torch.equal(labelled.sample(6, labels=list(torch.arange(6) % 3)), turns)
    for wrong in (3, "cat", -1, 1.5, [0, 1], torch.tensor([0.5] * 6), torch.zeros(2, 3).long()):
        with pytest.raises(GanzooError, match=r"label|classes"):
            labelled.sample(6, labels=wrong)
    with pytest.raises(GanzooError, match="needs labels"):
        labelled(latents)


@pytest.mark.parametrize(
    ("classes", "label", "place"),
    [
        (("1", "2", "10"), 2, 1),
        (("2", "7", "0"), 2, 0),
        (("00", "01", "07"), 7, 2),
        (("1", "cat", "dog"), 1, 0),
        (("cat", "dog", "owl"), 1, 1),
    ],
)
def test_a_number_and_its_text_mean_the_same_class(labelled, classes, label, place):
    """Where classes are called by numbers, these are meant."""
    spec = labelled.spec
    renamed = ganzoo.SampleSpec(spec.kind, spec.shape, spec.low, spec.high, classes)
    other, expected = (
        ganzoo.Generator(Labelled(renamed), labelled.network),
        labelled.sample(2, labels=place),
    )
    for asked in (label, str(label), torch.tensor([label] * 2), np.int64(label)):
        assert torch.equal(other.sample(2, labels=asked), expected)


def test_a_number_that_no_class_has_is_refused(labelled):
    spec = labelled.spec
    for classes, label in ((("1", "2", "3"), 0), (("1", "cat", "dog"), 2), (("01", "1.0", "2"), 3)):
        renamed = ganzoo.SampleSpec(spec.kind, spec.shape, spec.low, spec.high, classes)
        with pytest.raises(GanzooError, match=f"label '{label}': the classes are {classes[0]}, "):
            ganzoo.Generator(Labelled(renamed), labelled.network).sample(1, labels=label)


def test_pictures(generator):
    (first, *others) = generator.to_images(5, seed=1)
    assert isinstance(first, Image.Image)
    assert first.size == (16, 16) and len(others) == 4
    samples = generator.sample(5, seed=1)
    assert generator.to_images(samples)[0].tobytes() == first.tobytes()
    png = generator._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert "dcgan" in repr(generator)


def test_save_and_load_give_the_same_and_nothing_is_overwritten(generator, tmp_path):
    folder = generator.save(tmp_path / "a" / "digits", license="mit")
    loaded = ganzoo.load(folder)
    assert torch.equal(loaded.sample(9), generator.sample(9))
    assert loaded.training == generator.training
    assert loaded.metrics == generator.metrics
    assert loaded.config == generator.config
    assert "license: mit" in loaded.card
    with pytest.raises(GanzooError, match="overwrite=True"):
        generator.save(folder)
    (tmp_path / "notes").mkdir()
    with pytest.raises(GanzooError, match="exists already"):
        generator.save(tmp_path / "notes", overwrite=True)
    modes = {file.stat().st_mode for file in folder.iterdir()}
    assert len(modes) == 1  # whoever may read the card may read the weights
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    loaded.save(folder, overwrite=True)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_half_precision_and_its_file(generator, trained, tmp_path):
    half = ganzoo.load(trained, dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert half.sample(4).dtype == torch.float32
    assert (half.sample(4) - generator.sample(4)).abs().max() < 0.1
    folder = half.save(tmp_path / "half")
    weights = generator.save(tmp_path / "full") / "model.safetensors"
    assert (folder / "model.safetensors").stat().st_size < 0.7 * weights.stat().st_size
    assert ganzoo.load(folder).dtype == torch.float32


@pytest.mark.parametrize("conditional", [False, True])
def test_an_export_runs_without_ganzoo_for_any_number(generator, labelled, conditional, tmp_path):
    chosen = labelled if conditional else generator
    file = chosen.export(tmp_path / "generator.pt2")
    module = torch.export.load(file).module()
    for count in (1, 3, 8):
        latents = chosen.latents(count, seed=4)
        inputs = (latents, torch.zeros(count, dtype=torch.int64)) if conditional else (latents,)
        assert (module(*inputs) - chosen(*inputs)).abs().max() <= 1e-5
    assert [path.name for path in tmp_path.iterdir()] == ["generator.pt2"]


@pytest.mark.parametrize("odd", [Tables, Unmeta, Copying])
def test_networks_that_need_memory_to_be_built_load_too(odd, digits, tmp_path):
    run = ganzoo.train(odd, digits[0][:50], steps=1, out=tmp_path / "run")
    loaded = ganzoo.load(run, architecture=odd)
    again = ganzoo.load(loaded.save(tmp_path / "saved"), architecture=odd)
    assert torch.equal(loaded.sample(3), again.sample(3))
    assert loaded.sample(3).std() > 0.01


def test_loading_leaves_torchs_random_state_alone(trained):
    before = torch.get_rng_state()
    ganzoo.load(trained).sample(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_numpy_and_names_of_types_work(generator, trained):
    latents = generator.latents(3)
    assert torch.equal(generator(latents.numpy()), generator(latents))
    assert torch.equal(generator.sample(3, np.int64(5)), generator.sample(3, 5))
    assert torch.equal(generator.interpolate(np.int64(1), 2), generator.interpolate(1, 2))
    images = generator.to_images(generator.sample(2).numpy())
    assert images[0].tobytes() == generator.to_images(2)[0].tobytes()
    assert ganzoo.load(trained, dtype="bfloat16").dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float7"}, "dtype 'float7'"),
        ({"dtype": torch.float8_e4m3fn}, "floating-point"),
        ({"device": "meta"}, "no memory"),
        ({"device": "cuda:99"}, "'cuda:99' cannot be used"),
        ({"architecture": "dcgan"}, "not a subclass"),
        ({"step": 3}, "no checkpoint of it"),
    ],
)
def test_options_of_load_that_cannot_be(trained, options, words):
    with pytest.raises(GanzooError) as told:
        ganzoo.load(trained, **options)
    assert words in str(told.value)


@pytest.mark.parametrize("name", ["", "~nobody-of-this-name/x", "x" * 300, "a\0b"])
def test_names_of_no_model(name):
    with pytest.raises(GanzooError, match="model"):
        ganzoo.load(name)


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "x" * 300, "a\0b"])
def test_paths_that_are_none(generator, path):
    for work in (generator.save, generator.export):
        with pytest.raises(GanzooError, match="no path"):
            work(path)


def test_samples_of_another_shape_are_not_written(generator, tmp_path):
    for wrong in (torch.zeros(0, 1, 16, 16), torch.zeros(1, 2, 16, 16), torch.zeros(3, 16, 16)):
        with pytest.raises(GanzooError, match="samples of shape"):
            generator.save_samples(wrong, tmp_path / "grid.png")


def test_saving_leaves_what_is_beside_it_alone(generator, tmp_path):
    others = [".big.old", ".b.tmp", ".backup.12345678.tmp", ".bashrc.old"]
    for name in others:
        (tmp_path / name).write_text("mine")
    generator.save(tmp_path / "b")
    assert {path.name for path in tmp_path.iterdir()} == {"b", *others}
    (tmp_path / "b" / "notes.txt").write_text("mine")
    (tmp_path / "b" / "sub").mkdir()
    (tmp_path / "b" / "samples.gif").write_text("mine")
    (tmp_path / "b" / "sub" / "gone").symlink_to("nowhere")
    card = (tmp_path / "b" / "README.md").read_text()
    (tmp_path / "b" / "README.md").write_text(card + "\nMine.\n")
    generator.save(tmp_path / "b", overwrite=True)
    for name in ("notes.txt", "samples.gif"):
        assert (tmp_path / "b" / name).read_text() == "mine"
    assert (tmp_path / "b" / "sub" / "gone").is_symlink()
    assert "Mine." in (tmp_path / "b" / "README.md").read_text()
    generator.save(tmp_path / "[a]*")
    assert ganzoo.load(tmp_path / "[a]*").name == "dcgan"


FULL = """
import ganzoo
generator = ganzoo.load("TRAINED")
for work in (
    lambda: generator.save("/mnt/saved"),
    lambda: generator.export("/mnt/x.pt2"),
    lambda: generator.save_samples(generator.sample(900), "/mnt/x.png"),
):
    try:
        work()
    except ganzoo.GanzooError as error:
        print(error.exit_status, error)
"""


def test_a_full_disk_is_one_message(trained, tmp_path):
    """On a file system of its own that is really too small."""
    (tmp_path / "full.py").write_text(FULL.replace("TRAINED", str(trained)))
    python = sys.executable
    script = f"""
        mount -t tmpfs -o size=40k none /mnt || exit 77
        {python} {tmp_path}/full.py
        GANZOO_HOME=/mnt/home {python} -m ganzoo add {trained} full; echo $?
        TMPDIR=/mnt {python} -m ganzoo publish {trained} hf://a/b --step 2 --dry-run; echo $?
        find /mnt -type f; umount /mnt
    """
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system of its own can be mounted here")
    lines = done.stdout.splitlines()
    assert [line[:2] for line in lines] == ["1 ", "1 ", "1 ", "1", "1"], done.stdout + done.stderr
    assert done.stderr.count("Make room") == 2, done.stderr
    assert "Traceback" not in done.stderr
