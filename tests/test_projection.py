"""Samples are found again among those of a generator: `project`, in Python and as a command."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import call
from PIL import Image

import ganzoo
from ganzoo import GanzooError


@pytest.fixture(scope="module")
def digits_generator():
    return ganzoo.load("vanilla-mnist")


def test_a_sample_of_its_own_is_found_again(digits_generator):
    generator = digits_generator
    before = {name: tensor.clone() for name, tensor in generator.network.state_dict().items()}
    wanted = generator.sample(2, seed=7)
    found = generator.project(wanted, steps=40)
    assert (found.error < 0.4 * found.start).all(), (found.error, found.start)
    assert found.latents.shape == (2, *generator.latent_shape)
    assert found.labels is None
    torch.testing.assert_close(generator(found.latents), found.samples)
    torch.testing.assert_close(found.error, (found.samples - wanted).square().flatten(1).mean(1))
    # The latents are spread as drawn ones are, rather than far out.
    assert float(found.latents.std()) == pytest.approx(1, abs=0.25)
    again = generator.project(wanted[1], steps=40)
    assert again.latents.shape == (1, *generator.latent_shape)
    after = generator.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in generator.network.parameters())
    torch.manual_seed(5)
    generator.project(wanted[1], steps=1)
    drawn = torch.rand(3)  # which are the caller's
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))


def test_a_class_is_found_or_asked_for():
    generator = ganzoo.load("projection-mnist")
    wanted = generator.sample(3, seed=2, labels=["1", "4", "0"])
    found = generator.project(wanted, steps=2)
    assert found.labels == ["1", "4", "0"]
    assert generator.project(wanted[:1], label="3", steps=1).labels == ["3"]


def test_points_are_found_by_their_values(tmp_path):
    run = ganzoo.train("points", "ring", steps=2, out=tmp_path / "run", progress=False)
    generator = ganzoo.load(run)
    found = generator.project(generator.sample(12, seed=3), steps=40, seed=1)
    assert (found.error < found.start).all()
    shown, numbers = found.save(generator, tmp_path / "points.png")
    assert shown.exists()
    assert set(np.load(numbers)) == {"latents", "error"}


def test_the_command_writes_a_picture_and_the_latents(digits_generator, tmp_path, monkeypatch):
    generator = digits_generator
    generator.save_samples(generator.sample(1, seed=7), tmp_path / "seven.png")
    monkeypatch.chdir(tmp_path)
    result = call("project", "vanilla-mnist", "seven.png", "--steps", 20, "--scale", 2)
    assert result.exit_code == 0, result.output
    assert "projected.png\n" in result.output
    assert "mean squared error" in result.output
    with Image.open("projected.png") as picture:
        assert picture.width > picture.height > 2 * 32
    latents = torch.from_numpy(np.load("projected.npz")["latents"])
    assert generator(latents).shape == (1, 1, 32, 32)
    second = call("project", "vanilla-mnist", "seven.png", "--steps", 1, "--features", "none")
    assert "projected-2.npz\n" in second.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"steps": 0}, "steps 0: it takes 1 to"),
        ({"features": "values"}, "lets no gradient pass"),
        ({"features": "valeus"}, "Did you mean 'values'"),
        ({"label": 3}, "not conditional"),
        ({"truncation": 1}, "no options of sampling"),
    ],
)
def test_what_cannot_be_asked(digits_generator, more, words):
    with pytest.raises(GanzooError, match=words):
        digits_generator.project(torch.zeros(1, 32, 32), **more)


def test_what_cannot_be_looked_for(digits_generator, tmp_path):
    for samples, words in (
        (torch.zeros(1, 3, 32, 32), "not \\(N, 1, 32, 32\\)"),
        (torch.full((1, 32, 32), 7.0), "its range is -1 to 1"),
        (torch.full((1, 32, 32), float("nan")), "not finite"),
        (tmp_path / "gone.png", "gone.png"),
    ):
        with pytest.raises(GanzooError, match=words):
            digits_generator.project(samples)
    generator = ganzoo.load("vanilla-mnist")
    generator.architecture.sample_latent = lambda count, rng: torch.zeros(count, 3).long()
    with pytest.raises(GanzooError, match="not continuous"):
        generator.project(torch.zeros(1, 32, 32))
    generator = ganzoo.load("vanilla-mnist")
    own = type(generator.architecture)
    from_inputs = type("FromInputs", (own,), {"input_spec": property(lambda self: self.spec)})
    generator.architecture.__class__ = from_inputs
    with pytest.raises(GanzooError, match="works from inputs"):
        generator.project(torch.zeros(1, 32, 32))
    result = call("project", "vanilla-mnist", tmp_path / "gone.png")
    assert result.exit_code == 2
    assert "gone.png" in result.output


def test_where_it_cannot_be_written_is_told_before_it_is_looked_for(
    digits_generator, tmp_path, monkeypatch
):
    """And nothing of the user's is replaced that was not named."""
    monkeypatch.chdir(tmp_path)
    image = np.full((1, 32, 32), 128, dtype=np.uint8)
    np.savez("seven.npz", images=image)
    Image.fromarray(image[0]).save("seven.png")
    before = {name: (tmp_path / name).read_bytes() for name in ("seven.npz", "seven.png")}
    with monkeypatch.context() as searching:
        searching.setattr(torch.optim, "Adam", None)  # it is never begun
        for source, out, words in (
            ("seven.png", ("--scale", 0), "scale 0: it takes at least 1"),
            ("seven.png", ("-o", "gone/a.png"), "there is no folder gone"),
            ("seven.png", ("-o", "a.xyz"), "a.xyz: image samples are written as .png"),
            ("seven.png", ("-o", "a.npz"), "the latents go into an .npz of the same name"),
            ("seven.png", ("-o", "seven.png"), "it would replace seven.png; choose another"),
            ("seven.npz", ("-o", "seven.png"), "it would replace seven.npz; choose another"),
        ):
            result = call("project", "vanilla-mnist", source, *out)
            assert (result.exit_code, words in result.stderr) == (2, True), result.output
    (tmp_path / "projected.npz").write_bytes(b"mine")
    found = digits_generator.project("seven.npz", steps=1, features=None)
    assert [path.name for path in found.save(digits_generator)] == [
        "projected-2.png",
        "projected-2.npz",
    ]
    assert (tmp_path / "projected.npz").read_bytes() == b"mine"
    assert before == {name: (tmp_path / name).read_bytes() for name in before}


def test_advice_is_what_can_be_followed(digits_generator, tmp_path, monkeypatch):
    """A picture is cut to the model's shape, and `project` takes no options of data; an extractor
    that lets no gradient pass is refused before its weights are asked for, or downloaded."""
    wide = tmp_path / "wide.png"
    Image.new("L", (64, 32)).save(wide)
    with pytest.warns(ganzoo.GanzooWarning, match="cut off. Crop them to that shape") as told:
        digits_generator.project(wide, steps=1, features=None)
    assert not any("--set" in str(one.message) for one in told)
    for name in ("inception", "clip", "dinov2"):
        with pytest.raises(GanzooError, match=f"'{name}': .*lets no gradient pass"):
            digits_generator.project(torch.zeros(1, 32, 32), features=name)
