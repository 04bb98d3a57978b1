"""Transfer: what a training takes from the model that it starts from, and FreezeD."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import call
from torch import Tensor

import ganzoo
from ganzoo import GanzooError, GanzooWarning
from ganzoo.sources.find import find_dataset

QUICK: dict[str, Any] = {"device": "cpu", "precision": "fp32", "log_every": 1, "sample_every": 99}
SMALL = {"width": 4, "latent_size": 8, "training.batch_size": 16}
Tensors = dict[str, Tensor]


class Notes(ganzoo.Observer):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def noted(self, message: str) -> None:
        self.texts.append(message)


def networks(run: ganzoo.Run, step: int, network: str = "discriminator") -> Tensors:
    """A network's tensors in a checkpoint."""
    tensors = run.checkpoints.read(step)[0]["networks"]
    return {k.removeprefix(f"{network}."): t for k, t in tensors.items() if k.startswith(network)}


@pytest.fixture(scope="module")
def source(digits: Any, tmp_path_factory: pytest.TempPathFactory) -> ganzoo.Run:
    """A DCGAN of 16 pixels with options that are not the usual ones."""
    out = tmp_path_factory.mktemp("source") / "run"
    return ganzoo.train(
        "dcgan", digits[0][:64], steps=2, image_size=16, settings=SMALL, out=out, **QUICK
    )


def further(source: Any, data: Any, out: Path, **more: Any) -> ganzoo.Run:
    """Two steps from `source`, with nothing said that it says."""
    name, settings = more.pop("name", "dcgan"), more.pop("settings", {})
    settings = {"training.batch_size": 16, **settings}
    return ganzoo.train(
        name, data, steps=2, init=source, settings=settings, out=out, **QUICK, **more
    )


def test_the_options_and_the_size_of_the_model_are_adopted(source, digits, tmp_path):
    notes = Notes()
    run = further(source, digits[0][64:96], tmp_path / "run", observers=[notes])
    assert (run.config.options["width"], run.config.options["latent_size"]) == (4, 8)
    assert run.config.data.others["image_size"] == 16
    (told,) = (text for text in notes.texts if text.startswith("adopted"))
    assert told.endswith(": latent_size=8, width=4, data.image_size=16")
    for network in ("generator", "discriminator"):
        first, begun = networks(source, 2, network), networks(run, 0, network)
        assert all(torch.equal(first[name], begun[name]) for name in first)


def test_what_the_user_says_is_not_adopted(source, digits_npz, tmp_path):
    args = ("--steps", 1, "--image-size", 32, "--set", "training.batch_size=16")
    with pytest.warns(GanzooWarning) as told:  # and without a word of the architecture
        started = ("train", "--data", digits_npz, "--init", source.path, *args)
        done = call(*started, "--out", tmp_path / "a")
    assert done.exit_code == 0, done.output
    run = ganzoo.Run.open(tmp_path / "a")
    assert (run.config.architecture, run.config.options["width"]) == ("dcgan", 4)
    assert run.config.data.others["image_size"] == 32
    command = json.loads((run.model_path / "training.json").read_text())["command"]
    assert "--image-size 32" in command
    assert "--set minibatch_stddev=false" in command  # the model's might be another, next time
    # Blocks next to the picture are taken: their numbers have moved, and their shapes are the same.
    before, begun = (networks(r, s, "generator") for r, s in ((source, 2), (run, 0)))
    assert torch.equal(before["4.weight"], begun["7.weight"])
    assert torch.equal(before["7.weight"], begun["10.weight"])
    assert any("of the generator, 12 of 19 tensors" in str(w.message) for w in told)
    assert any("1.weight (8, 16, 4, 4)" in str(w.message) for w in told)


def test_what_does_not_fit_other_channels_is_named_and_the_rest_is_taken(source, tmp_path):
    colours = torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8)
    with pytest.warns(GanzooWarning) as told:
        run = further(source, colours, tmp_path / "run")
    texts = [str(warning.message) for warning in told]
    assert any("7.weight (4, 3, 4, 4) (there (4, 1, 4, 4))" in text for text in texts)
    assert any("0.weight (4, 3, 4, 4) (there (4, 1, 4, 4))" in text for text in texts)
    before, begun = (networks(r, s, "generator") for r, s in ((source, 2), (run, 0)))
    assert [n for n in before if not torch.equal(before[n], begun[n])] == ["7.weight"]
    average = networks(run, 0, "average")
    assert torch.equal(average["7.weight"], begun["7.weight"])  # the same random values


def test_grey_pictures_become_colours_where_the_model_has_them(tmp_path):
    colours = torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8)
    settings = {**SMALL, "data.image_size": 16}
    first = ganzoo.train("dcgan", colours, steps=1, settings=settings, out=tmp_path / "a", **QUICK)
    run = further(first, colours[:, :1], tmp_path / "b")
    assert run.spec().shape == (3, 16, 16)


def test_other_classes(digits, tmp_path):
    images, labels = digits[0][::15], digits[1][::15]
    settings = {"width": 4, "training.batch_size": 16, "training.discriminator_steps": 1}
    args = {"image_size": 16, "settings": settings, "out": tmp_path / "a", **QUICK}
    first = ganzoo.train("projection", images, labels=labels, steps=1, **args)
    few, options = labels < 3, {"name": "projection", "settings": settings}
    with pytest.warns(GanzooWarning) as told:
        run = further(first, images[few], tmp_path / "b", labels=labels[few], **options)
    texts = " ".join(str(warning.message) for warning in told)
    assert "norms.0.gain.weight (3, 8) (there (10, 8))" in texts
    assert "embed.parametrizations.weight.original (3, 16) (there (10, 16))" in texts
    assert torch.equal(networks(first, 1)["linear.bias"], networks(run, 0)["linear.bias"])
    with pytest.warns(GanzooWarning) as told:
        further(first, images, tmp_path / "c", labels=labels + 10, **options)
    texts = " ".join(str(warning.message) for warning in told)
    assert "its classes are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; they become 10, 11, 12," in texts


@pytest.mark.parametrize(
    ("name", "settings", "why"),
    [
        ("dcgan", {"width": 8}, r"generator: .*1\.weight is \(8, 8, 4, 4\), not \(8, 16, 4, 4\)"),
        ("sngan", {"width": 4}, "is missing"),
        ("dcgan", {"widht": 4}, "Did you mean 'width'"),
    ],
)
def test_where_nothing_fits_nothing_is_written(source, digits, tmp_path, name, settings, why):
    with pytest.raises(GanzooError, match=why):
        further(source, digits[0][:32], tmp_path / "run", name=name, settings=settings)
    assert not (tmp_path / "run").exists()


def test_another_kind_of_sample_is_refused(source, tmp_path):
    with pytest.raises(GanzooError, match="it makes samples of kind image, not points"):
        further(source, "ring", tmp_path / "run", name="points")


def test_frozen_layers_stay_and_a_resumed_run_is_the_same(source, digits, tmp_path):
    data, settings = digits[0][64:112], {"training.freeze_discriminator": 2}
    notes = Notes()
    straight = further(
        source, data, tmp_path / "a", settings=settings, observers=[notes], checkpoint_every=1
    )
    assert "the discriminator's first parameters, 0.weight to 3.bias, are frozen" in notes.texts
    before, after = networks(source, 2), networks(straight, 2)
    learned = {"0.weight": False, "2.weight": False, "3.weight": False, "5.weight": True}
    for name, changed in learned.items():
        assert torch.equal(before[name], after[name]) != changed, name
    assert not any(key.startswith("discriminator.3") for key in optimizer_of(straight))
    broken = further(source, data, tmp_path / "b", settings=settings, checkpoint_every=1)
    # As if it had been killed after the first step.
    (broken.path / "checkpoints" / "step-0000002").rename(tmp_path / "gone")
    (broken.model_path / "training.json").unlink()
    again = ganzoo.resume(broken.path, data=data)
    for name, tensor in networks(again, 2).items():
        assert torch.equal(tensor, after[name]), name


def optimizer_of(run: ganzoo.Run) -> Tensors:
    tensors: Tensors = run.checkpoints.read(2)[0]["optimizers"]
    return tensors


def test_a_run_without_checkpoints_says_what_is_left(source, digits, tmp_path):
    folder = tmp_path / "source"
    shutil.copytree(source.path, folder)
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(GanzooError, match=r"no good checkpoint; \S+model is its generator alone"):
        further(folder, digits[0][:32], tmp_path / "run")


def test_a_saved_discriminator_is_started_from(source, digits, tmp_path):
    discriminator = ganzoo.load_discriminator(source)
    folder = ganzoo.load(source).save(tmp_path / "saved", discriminator=discriminator.half())
    run = further(folder, digits[0][:32], tmp_path / "run")
    before, begun = networks(source, 2), networks(run, 0)
    assert torch.equal(before["0.weight"].half().float(), begun["0.weight"])


def test_a_bundled_model_has_a_discriminator(digits, tmp_path):
    frozen = {"training.freeze_discriminator": 1, "training.batch_size": 4}
    run = further("dcgan-mnist", digits[0][:8], tmp_path / "run", settings=frozen)
    there = ganzoo.load_discriminator("dcgan-mnist").state_dict()
    now = networks(run, 2)
    assert torch.equal(there["0.weight"].float(), now["0.weight"])
    assert not torch.equal(there["2.weight"].float(), now["2.weight"])


def test_freezing_what_is_not_trained_is_refused(source, digits, tmp_path):
    data, out = digits[0][:32], tmp_path / "run"
    frozen = {"training.freeze_discriminator": 1}
    bare = source.model_path  # it has no discriminator
    with (
        pytest.warns(GanzooWarning, match="no discriminator"),
        pytest.raises(GanzooError, match=r"0\.weight would stay as they are drawn"),
    ):
        further(ganzoo.load(bare).save(tmp_path / "bare"), data, out, settings=frozen)
    with pytest.raises(GanzooError, match=r"=3: the discriminator has 3 layers.*at most 2"):
        further(source, data, out, settings={"training.freeze_discriminator": 3})
    assert not out.exists()
    with pytest.warns(GanzooWarning, match="without --init"):
        settings = {**SMALL, **frozen}
        ganzoo.train("dcgan", data, steps=1, image_size=16, settings=settings, out=out, **QUICK)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ganzoo.GanzooWarning")  # of a model without discriminator
def test_a_training_that_starts_from_another_is_better_after_as_many_steps(tmp_path):
    """A model of the digits 0 to 4 goes on with 200 pictures of 5 to 9. Its FID against 2,300
    others of these is compared with that of a training from the beginning: three seeds, which take
    20 minutes on one core.

    pytest -m slow tests/test_transfer.py -s
    """
    dataset = find_dataset("mnist-5k")
    assert isinstance(dataset.samples, Tensor) and dataset.labels is not None
    low, high = (dataset.samples[rows] for rows in (dataset.labels < 5, dataset.labels >= 5))
    chance = torch.randperm(len(high), generator=torch.Generator().manual_seed(0))
    few, others = high[chance[:200]], high[chance[200:]]
    options = {"image_size": 32, "precision": "auto", "device": "cpu", "progress": False}
    settings: dict[str, Any] = {
        "width": 16,
        "objective.penalty": "r1",
        "objective.penalty_weight": 1.0,
        "objective.penalty_every": 4,
        "training.augment": ["translation", "cutout"],
        "training.generator_lr": 1e-3,
        "training.discriminator_lr": 1e-3,
    }
    out = tmp_path / "first"
    first = ganzoo.train("dcgan", low, steps=3000, settings=settings, out=out, **options)
    fids: dict[str, list[float]] = {}
    frozen, warm = {"training.freeze_discriminator": 2}, {"training.discriminator_warmup": 200}
    bare = {"init": first.model_path}
    ways: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "none": ({}, {}),
        "model": (bare, {}),
        "model, warmed up": (bare, warm),
        "run": ({"init": first}, {}),
        "run, frozen": ({"init": first}, frozen),
    }
    for seed in range(3):
        for name, (start, more) in ways.items():
            out = tmp_path / f"{name}-{seed}"
            asked = {**settings, **more}
            run = ganzoo.train(
                "dcgan", few, steps=400, seed=seed, settings=asked, out=out, **start, **options
            )
            figures = ganzoo.evaluate(
                ganzoo.load(run), others, samples=2000, seeds=1, features="mnist-convnet"
            )
            fids.setdefault(name, []).append(figures["fid[mnist-convnet]"].value)
            print(name, seed, f"{fids[name][-1]:.2f}", flush=True)
    best = min(fids.pop("none"))
    assert all(max(found) < best for found in fids.values()), fids
