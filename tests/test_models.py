"""What a model is besides its generator: partners, inputs, options of sampling, its version."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, ClassVar

import pytest
import torch
from architectures import Labelled
from conftest import call
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

import ganzoo
from ganzoo import Architecture, GanzooError, Options, SampleSpec
from ganzoo.game import Game
from ganzoo.models.references import (
    FolderReference,
    HubReference,
    NamedReference,
    RunReference,
    reference_to,
)


class Truncated(Labelled):
    """Latents are cut where sampling asks for it."""

    conditional: ClassVar = False

    class Sampling(Options):
        truncation: float = Field(1.0, gt=0, le=1, description="scale of the latents")

    def build_generator(self) -> nn.Module:
        layers = [nn.Linear(4, self.spec.size), nn.Tanh(), nn.Unflatten(1, self.spec.shape)]
        return nn.Sequential(*layers)

    def build_discriminator(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 1))

    def generate(
        self, network: nn.Module, latent: Tensor, labels: Tensor | None, sampling: Any
    ) -> Tensor:
        samples: Tensor = network(latent * sampling.truncation)
        return samples


class Encoding(Truncated):
    """An encoder is trained with the generator."""

    def build_partners(self) -> dict[str, nn.Module]:
        return {"encoder": nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 4), nn.Dropout())}

    class Objective(ganzoo.NonSaturating):
        def generator_terms(self, game: Game) -> dict[str, Tensor]:
            codes = game.partners["encoder"](game.fake)
            return {**super().generator_terms(game), "codes": (codes - game.latent).square().mean()}

    objective: ClassVar = Objective


class Translating(Truncated):
    """It works from pictures."""

    def build_generator(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Tanh())

    def sample_latent(self, count: int, rng: torch.Generator) -> Tensor:
        raise AssertionError("it has inputs")


@pytest.fixture(scope="module")
def pictures(digits) -> Tensor:
    return digits[0][:40, :, :16, :16].contiguous()


@pytest.fixture(scope="module")
def run_of(pictures, tmp_path_factory):
    def train(architecture: type[Architecture], **options: Any) -> ganzoo.Run:
        out = tmp_path_factory.mktemp("runs") / "run"
        data = options.pop("data", pictures)
        return ganzoo.train(architecture, data, steps=2, out=out, **options)

    return train


@pytest.fixture(scope="module")
def encoding(run_of) -> ganzoo.Run:
    return run_of(Encoding)


@pytest.fixture(scope="module")
def translating(run_of, pictures) -> ganzoo.Run:
    spec = SampleSpec("image", (1, 16, 16))
    inputs = 255 - pictures
    data = ganzoo.Dataset("pairs", pictures, inputs=inputs, input_spec=spec)
    return run_of(Translating, data=data)


def test_a_reference_says_what_it_is_and_names_the_same_again(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(trained.parent)
    assert call("add", trained, "digits").exit_code == 0
    kinds = {
        trained.name: RunReference,
        f"{trained.name}/model": FolderReference,
        "digits": NamedReference,
        "dcgan-mnist": NamedReference,
        "hf://alice/digits@v1": HubReference,
    }
    texts = {}
    for name, kind in kinds.items():
        reference = reference_to(name)
        assert type(reference) is kind
        texts[name] = str(reference)
    assert reference_to("digits").figures_folder() is not None
    assert reference_to("dcgan-mnist").figures_folder() is None
    assert reference_to("hf://alice/digits").figures_folder() is None
    monkeypatch.chdir(tmp_path)
    for name, text in texts.items():
        assert type(reference_to(text)) is kinds[name]


def test_partners_are_saved_loaded_published_and_copied(encoding, hub, name, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    generator = ganzoo.load(encoding, architecture=Encoding)
    encoder = generator.partners["encoder"]
    assert not encoder.training and list(generator.partners) == ["encoder"]
    codes = encoder(generator.sample(3))
    assert codes.shape == (3, 4)
    folder = generator.save(tmp_path / "saved")
    encoding.publish(f"hf://{name}", architecture=Encoding)
    assert "partners.safetensors" in hub.files(name)
    for model in (folder, f"hf://{name}", encoding.path / "model"):
        again = ganzoo.load(model, architecture=Encoding)
        assert torch.equal(again.partners["encoder"](generator.sample(3)), codes)
    generator.push_to_hub(f"{name}-pushed")
    assert "partners.safetensors" in hub.files(f"{name}-pushed")
    half = ganzoo.load(folder, architecture=Encoding, dtype="bfloat16")
    assert next(half.partners.parameters()).dtype == torch.bfloat16


def test_partners_that_are_not_finite_are_not_published(encoding, hub, name):
    generator = ganzoo.load(encoding, architecture=Encoding)
    next(iter(generator.partners.parameters())).fill_(torch.nan)
    with pytest.raises(GanzooError, match="not finite"):
        generator.push_to_hub(name)
    assert hub.requests == []


def test_partners_that_do_not_fit_are_refused(encoding, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = ganzoo.load(encoding, architecture=Encoding).save(tmp_path / "saved")
    tensors = load_file(folder / "partners.safetensors")
    tensors["encoder.1.weight"] = torch.zeros(4, 7)
    save_file(tensors, folder / "partners.safetensors")
    with pytest.raises(GanzooError, match=r"partners\.safetensors.*encoder\.1\.weight"):
        ganzoo.load(folder, architecture=Encoding)


def test_training_starts_from_partners_too(encoding, pictures, tmp_path):
    frozen = {"training.generator_lr": 1e-30, "training.discriminator_lr": 1e-30}
    folder = encoding.path / "model"
    with pytest.warns(ganzoo.GanzooWarning, match="it has no discriminator, which starts afresh"):
        run = ganzoo.train(
            Encoding, pictures, steps=1, init=folder, settings=frozen, out=tmp_path / "run"
        )
    before, after = (
        ganzoo.load(model, architecture=Encoding).partners.state_dict() for model in (folder, run)
    )
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_options_of_sampling(run_of):
    generator = ganzoo.load(run_of(Truncated), architecture=Truncated)
    latents = generator.latents(6)
    cut = generator.sample(6, truncation=0.5)
    assert not torch.equal(cut, generator.sample(6))
    assert torch.equal(cut, generator(latents * 0.5))
    assert torch.equal(generator(latents, truncation=0.5), cut)
    assert torch.equal(generator.interpolate(1, 2, 3, truncation=1), generator.interpolate(1, 2, 3))
    with pytest.raises(GanzooError, match="Did you mean 'truncation'"):
        generator.sample(2, truncatoin=0.5)
    with pytest.raises(GanzooError, match=r"truncation=2.*at most 1"):
        generator.sample(2, truncation=2)


def test_options_of_sampling_on_the_command_line(trained, fresh_catalogue, tmp_path):
    refused = call("sample", trained, "--set", "truncation=0.7")
    assert refused.exit_code == 2 and "no options of sampling" in refused.stderr
    (tmp_path / "cut.py").write_text(PLUGIN)
    plugin = ("--plugin", tmp_path / "cut.py")
    args = ("--data", "mnist-5k", "--steps", 1, "--out", tmp_path / "run")
    done = call(*plugin, "train", "cut", *args)
    assert done.exit_code == 0, done.output
    for number, option in enumerate(((), ("--set", "truncation=0.5"))):
        out = tmp_path / f"{number}.png"
        assert call(*plugin, "sample", tmp_path / "run", *option, "-o", out).exit_code == 0
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()
    wrong = call(*plugin, "sample", tmp_path / "run", "--set", "truncatio=0.5")
    assert wrong.exit_code == 2 and "Did you mean 'truncation'" in wrong.stderr
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert 'ganzoo.use("cut.py")' in card and "architecture=" not in card.partition("## Use")[2]


PLUGIN = """
from torch import nn
from pydantic import Field
from ganzoo import Architecture, ArchitectureEntry, Options, Training, hookimpl

class Cut(Architecture):
    class Config(Options):
        latent_size: int = Field(4, description="length of a latent")
    class Sampling(Options):
        truncation: float = Field(1.0, gt=0, description="scale of the latents")
    training = Training(batch_size=8, steps=1)
    def build_generator(self):
        layers = [nn.Linear(4, self.spec.size), nn.Tanh(), nn.Unflatten(1, self.spec.shape)]
        return nn.Sequential(*layers)
    def build_discriminator(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 1))
    def generate(self, network, latent, labels, sampling):
        return network(latent * sampling.truncation)

@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry("cut", Cut)
"""


def test_a_generator_works_from_inputs(translating, pictures, tmp_path):
    generator = ganzoo.load(translating, architecture=Translating)
    assert generator.input_spec == SampleSpec("image", (1, 16, 16))
    assert generator.inputs.shape == (40, 1, 16, 16)
    inputs = (255 - pictures[:5]).float() / 127.5 - 1
    assert torch.allclose(generator.inputs[:5], inputs, atol=1e-6)
    made = generator.sample(inputs=inputs)
    assert made.shape == (5, 1, 16, 16)
    assert torch.allclose(made, generator(inputs), atol=1e-6)
    assert torch.allclose(generator.sample(5), made, atol=1e-6)  # the examples take turns
    assert torch.equal(generator.sample(45)[40:], generator.sample(45)[:5])
    early = ganzoo.load(translating, step=2, architecture=Translating)
    assert torch.equal(early.sample(5), generator.sample(5))
    again = ganzoo.load(generator.save(tmp_path / "saved"), architecture=Translating)
    assert torch.equal(again.sample(9), generator.sample(9))
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["input_spec"]["shape"] == [1, 16, 16]
    with pytest.raises(GanzooError, match=r"inputs of shape \(5, 1, 8, 8\)"):
        generator.sample(inputs=inputs[:, :, ::2, ::2])
    (tmp_path / "saved" / "inputs.safetensors").unlink()
    bare = ganzoo.load(tmp_path / "saved", architecture=Translating)
    with pytest.raises(GanzooError, match="no examples"):
        bare.sample(2)
    assert torch.allclose(bare(inputs), made, atol=1e-6)


def test_inputs_from_files(translating, pictures, tmp_path):
    from conftest import write_pictures

    generator = ganzoo.load(translating, architecture=Translating)
    folder = write_pictures(pictures[:3], tmp_path / "pictures")
    inputs = generator.read_inputs(folder)
    assert torch.allclose(inputs, pictures[:3].float() / 127.5 - 1, atol=1e-6)
    assert torch.equal(generator.read_inputs(folder / "0001.png"), inputs[1:2])
    with pytest.raises(GanzooError, match="kind points"):
        generator.read_inputs("ring")


def test_inputs_of_another_type(translating, pictures, tmp_path):
    generator = ganzoo.load(translating, architecture=Translating)
    inputs = pictures[:3].float() / 127.5 - 1
    levels = generator.sample(inputs=pictures[:3])  # 8-bit, as files hold them
    assert torch.allclose(levels, generator.sample(inputs=inputs), atol=1e-6)
    for wrong in (inputs > 0, torch.complex(inputs, inputs)):
        with pytest.raises(GanzooError, match="inputs of type torch"):
            generator.sample(inputs=wrong)
    with pytest.raises(GanzooError, match="not finite"):
        generator.sample(inputs=inputs / 0)
    folder = generator.save(tmp_path / "saved")
    save_file({"inputs": torch.full((2, 1, 16, 16), torch.nan)}, folder / "inputs.safetensors")
    (folder / "manifest.json").unlink()
    with pytest.raises(GanzooError, match=r"inputs\.safetensors: .*not finite"):
        ganzoo.load(folder, architecture=Translating)


def test_a_model_without_inputs_refuses_them(trained, tmp_path):
    generator = ganzoo.load(trained)
    with pytest.raises(GanzooError, match="from latents"):
        generator.sample(inputs=torch.zeros(1, 1, 16, 16))
    refused = call("sample", trained, "--input", "mnist-5k")
    assert refused.exit_code == 2 and "from latents" in refused.stderr
    assert "input_spec" not in json.loads((trained / "model" / "config.json").read_text())


def test_the_discriminator_of_a_run_or_of_a_model_that_has_it(trained, hub, name):
    discriminator = ganzoo.load_discriminator(trained)
    samples = ganzoo.load(trained).sample(3)
    scores = discriminator(samples)
    assert scores.numel() == 3 and not discriminator.training
    ganzoo.Run.open(trained).publish(f"hf://{name}", discriminator=True)
    again = ganzoo.load_discriminator(f"hf://{name}")
    assert torch.equal(again(samples), scores)
    early = ganzoo.load_discriminator(trained, step=2)
    assert not torch.equal(early(samples), scores)
    with pytest.raises(GanzooError, match=r"no discriminator\.safetensors"):
        ganzoo.load_discriminator(trained / "model")


OLD = """
from torch import nn
from pydantic import Field
from ganzoo import Architecture, ArchitectureEntry, Options, Training, hookimpl

class Moved(Architecture):
    class Config(Options):
        size: int = Field(4, description="length of a latent")
    training = Training(batch_size=8, steps=1)
    def sample_latent(self, count, rng):
        import torch
        return torch.randn(count, self.config.size, generator=rng)
    def build_generator(self):
        layers = {"old": nn.Linear(self.config.size, self.spec.size), "tanh": nn.Tanh()}
        layers["shape"] = nn.Unflatten(1, self.spec.shape)
        return nn.Sequential(__import__("collections").OrderedDict(layers))
    def build_discriminator(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 1))

@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry("moved", Moved)
"""
UPGRADE = """
    @classmethod
    def upgrade(cls, options, state, version):
        assert version == "1.2"
        options = {"length": options.pop("size")}
        return options, {key.replace(".old.", ".new."): state[key] for key in state}
"""


def test_a_model_of_another_version_is_brought_up_to_date(
    distribution, installed, tmp_path, monkeypatch
):
    site = distribution("ganzoo-moved", OLD)
    run = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    installed(site)
    args = ("--data", "mnist-5k", "--steps", 1, "--out", run)
    done = call("train", "moved", *args)
    assert done.exit_code == 0, done.stderr
    first = call("sample", run, "-o", "first.png")
    assert first.exit_code == 0, first.stderr

    (site / "ganzoo_moved-1.2.dist-info").rename(site / "ganzoo_moved-1.3.dist-info")
    metadata = site / "ganzoo_moved-1.3.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.2", "Version: 1.3"))
    new = OLD.replace('"old"', '"new"')
    (site / "ganzoo_moved.py").write_text(new)
    installed(site)
    key = call("sample", run)
    assert key.exit_code == 2
    assert "made by ganzoo-moved 1.2; 1.3 is installed" in key.stderr
    resumed = call("resume", run, "--steps", 2)
    assert resumed.exit_code == 2
    assert "made by ganzoo-moved 1.2; 1.3 is installed" in resumed.stderr
    new = new.replace("size: int", "length: int").replace("config.size", "config.length")
    (site / "ganzoo_moved.py").write_text(new)
    installed(site)
    option = call("sample", run)
    assert option.exit_code == 2
    assert "made by ganzoo-moved 1.2; 1.3 is installed" in option.stderr
    resumed = call("resume", run, "--steps", 2)
    assert resumed.exit_code == 2
    assert "made by ganzoo-moved 1.2; 1.3 is installed" in resumed.stderr

    (site / "ganzoo_moved.py").write_text(new.replace("\n@hookimpl", f"{UPGRADE}\n@hookimpl"))
    installed(site)
    for step in ((), ("--step", 1)):
        again = call("sample", run, *step, "-o", "again.png")
        assert again.exit_code == 0, again.stderr
        first_png, again_png = ((tmp_path / f"{n}.png").read_bytes() for n in ("first", "again"))
        assert first_png == again_png

    resumed = call("resume", run, "--steps", 2)
    assert resumed.exit_code == 0, resumed.stderr
    config = json.loads((run / "config.json").read_text())
    assert (config["options"], config["plugin"]["version"]) == ({"length": 4}, "1.3")
    # Each checkpoint knows what made it.
    for step in (1, 2):
        again = call("sample", run, "--step", step, "-o", f"{step}.png")
        assert again.exit_code == 0, again.stderr
    assert (tmp_path / "1.png").read_bytes() == first_png


def test_a_class_that_was_just_trained_is_found_again(run_of):
    assert ganzoo.load(run_of(Truncated)).sample(2).shape == (2, 1, 16, 16)


def test_loading_a_model_imports_no_engine(tmp_path):
    code = (
        "import sys, ganzoo; ganzoo.load('dcgan-mnist').sample(1); "
        "bad = [m for m in sys.modules if m.startswith(('ganzoo.engine', 'ganzoo.runs'))]; "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
