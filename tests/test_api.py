"""ganzoo in Python: classes and tensors that nobody packaged, and what load gives back."""

from __future__ import annotations

import subprocess
import sys
from typing import ClassVar, NamedTuple

import pytest
import torch
from conftest import SMALL
from pydantic import Field
from torch import Tensor, nn

import ganzoo
from ganzoo import Architecture, Game, GanzooError, Objective, Options, Training


class Pair(NamedTuple):
    score: Tensor
    logits: Tensor


class Judge(nn.Module):
    """Two heads: scores and class logits, as in AC-GAN."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.score, self.classify = nn.Linear(size, 1), nn.Linear(size, classes)

    def forward(self, x: Tensor, labels: Tensor) -> Pair:
        return Pair(self.score(x.flatten(1)), self.classify(x.flatten(1)))


class Maker(nn.Module):
    """A conditional generator that draws noise of its own."""

    def __init__(self, latent: int, classes: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.embed, self.shape = nn.Embedding(classes, latent), shape
        self.out = nn.Linear(latent, shape[0] * shape[1] * shape[2])

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        hidden = latent * self.embed(labels)
        made = torch.tanh(self.out(hidden + 0.1 * torch.randn_like(hidden)))
        return made.view(-1, *self.shape)


class Counting(Objective):
    """Reads labels, a partner network and a second head, and counts its rounds in a buffer."""

    class Config(Options):
        weight: float = Field(1.0, description="weight of the classes")

    def __init__(self, config=None) -> None:
        super().__init__(config)
        self.register_buffer("rounds", torch.zeros((), dtype=torch.int64))

    def discriminator_terms(self, game: Game) -> dict[str, Tensor]:
        self.rounds += 1
        logits = game.discriminate(game.real).logits.float()
        classes = self.config.weight * nn.functional.cross_entropy(logits, game.labels)
        return {
            "score": game.score(game.fake).mean() - game.score(game.real).mean(),
            "class": classes,
        }

    def generator_terms(self, game: Game) -> dict[str, Tensor]:
        code = game.partners["encoder"](game.fake).float()
        return {
            "score": -game.score(game.fake).mean(),
            "class": (code - game.latent).square().mean(),
        }


class Own(Architecture):
    class Config(Options):
        latent_size: int = Field(6, description="length of a latent")

    training: ClassVar = Training(batch_size=16, steps=12, generator_lr=0.01)
    objective: ClassVar = Counting
    conditional: ClassVar = True

    def build_generator(self) -> nn.Module:
        return Maker(self.config.latent_size, len(self.spec.classes), self.spec.shape)

    def build_discriminator(self) -> nn.Module:
        return Judge(self.spec.size, len(self.spec.classes))

    def build_partners(self) -> dict[str, nn.Module]:
        return {"encoder": nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 6))}


@pytest.fixture
def own(digits, tmp_path):
    images, labels = digits
    return ganzoo.train(
        Own, images, labels=labels, precision="fp32", log_every=4, out=tmp_path / "own"
    )


def test_a_class_a_tensor_and_an_objective_that_nobody_packaged(own, digits, tmp_path):
    images, labels = digits
    line = own.metrics()[-1]
    terms = {"discriminator_score", "discriminator_class", "generator_score", "generator_class"}
    assert terms <= line.keys()
    assert line["discriminator_class"] != line["generator_class"]
    shorter = ganzoo.train(
        Own, images, labels=labels, steps=5, precision="fp32", out=tmp_path / "short"
    )
    ganzoo.resume(shorter.path, steps=12, architecture=Own, data=images, labels=labels)
    weights = [run.model_path / "model.safetensors" for run in (own, shorter)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    tensors = shorter.checkpoints.read(12)[0]["networks"]
    assert tensors["objective.rounds"] == 12
    assert any(name.startswith("partners.encoder") for name in tensors)


def test_in_another_process_the_error_says_what_to_pass(own):
    code = f"import ganzoo; ganzoo.load({str(own.path)!r})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "GanzooError: architecture 'Own' is not here" in told.stderr
    assert "pass architecture= with its class" in told.stderr


def test_in_the_same_process_a_class_is_known_by_its_run(own, digits):
    images, labels = digits
    before = ganzoo.load(own).sample(2)
    assert torch.equal(before, ganzoo.load(own, architecture=Own).sample(2))
    longer = ganzoo.resume(own.path, steps=14, data=images, labels=labels)
    assert longer.config.training.steps == 14


def test_samples_depend_on_the_seed_alone(own):
    generator = ganzoo.load(own, architecture=Own)
    torch.manual_seed(1)
    first = generator.sample(8, seed=3)
    before = torch.get_rng_state()
    again = generator.sample(8, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, generator.sample(8, seed=4))
    assert first.shape == (8, 1, 28, 28)
    assert first.dtype == torch.float32


def test_labels_by_number_name_and_list(own):
    generator = ganzoo.load(own, architecture=Own)
    seven = generator.sample(4, labels=7)
    assert torch.equal(seven, generator.sample(4, labels="7"))
    assert torch.equal(seven, generator.sample(4, labels=[7, "7", 7, 7]))
    assert not torch.equal(seven, generator.sample(4, labels=3))
    for wrong in (10, "seven", [1, 2]):
        with pytest.raises(GanzooError):
            generator.sample(4, labels=wrong)


def test_a_conditional_architecture_without_labels_is_refused(digits, tmp_path):
    with pytest.raises(GanzooError, match="needs labels"):
        ganzoo.train(Own, digits[0], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (torch.zeros(4, 2, 8, 8, dtype=torch.uint8), "must be images"),
        (torch.zeros(4, dtype=torch.float32), "at least two dimensions"),
        (torch.zeros(4, 4, dtype=torch.int64), "must be uint8 images or floating"),
        (torch.full((4, 2), float("nan")), "not finite"),
        (torch.zeros(0, 1, 8, 8, dtype=torch.uint8), "is empty"),
    ],
)
def test_tensors_that_are_no_data(data, message, tmp_path):
    with pytest.raises(GanzooError, match=message):
        ganzoo.train("vanilla", data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_arrays_of_any_shape_are_samples_too(tmp_path):
    waves = torch.rand(40, 1, 64) * 2 - 1
    settings = SMALL["vanilla"]
    run = ganzoo.train("vanilla", waves, steps=2, settings=settings, out=tmp_path / "run")
    assert ganzoo.load(run).sample(3).shape == (3, 1, 64)
    assert (run.path / "samples" / "step-0000002.npz").is_file()


def test_the_model_folder_says_where_it_comes_from(digits, tmp_path):
    run = ganzoo.train(
        "dcgan", digits[0], steps=2, settings=SMALL["dcgan"], seed=9, out=tmp_path / "run"
    )
    training = ganzoo.files.read_json(run.model_path / "training.json")
    assert training["step"] == 2
    assert training["seed"] == 9
    assert training["data"]["samples"] == 1000
    assert len(training["data"]["sha256"]) == 64
    assert training["versions"]["torch"] == str(torch.__version__)
    config = ganzoo.files.read_json(run.model_path / "config.json")
    assert config["plugin"]["distribution"] == "torch-ganzoo"
    newer = config | {"format": 2}
    ganzoo.files.write_json(run.model_path / "config.json", newer)
    with pytest.raises(GanzooError, match="upgrade torch-ganzoo"):
        ganzoo.load(run.model_path)


def test_unknown_names_of_the_package():
    assert {"dcgan", "vanilla", "wgan-gp"} <= set(ganzoo.list_architectures())
    assert ganzoo.list_architectures() == sorted(ganzoo.list_architectures())
    with pytest.raises(AttributeError):
        _ = ganzoo.nothing
    assert set(dir(ganzoo)) == set(ganzoo.__all__)
    for name in ganzoo.__all__:
        assert getattr(ganzoo, name) is not None
