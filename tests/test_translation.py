"""What works from inputs, as a user meets it: pix2pix, CycleGAN, and a family in one file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import FEW, call, published, set_options
from loopback import Hub
from PIL import Image
from safetensors.torch import load_file
from test_processes import torchrun
from test_resume import wait_for

import ganzoo
from ganzoo import GanzooError, Run, plugins
from ganzoo.testing import architecture_checks, plugin_checks
from ganzoo.testing.check import NotHere

FOLDER = Path(__file__).parent / "families"
STEPS, EVERY = 24, 4
OF_ALL = {
    "training.steps": STEPS,
    "training.batch_size": 8,
    "data.image_size": 16,
    "width": 4,
    "schedule.device": "cpu",
    "schedule.precision": "fp32",
    "schedule.checkpoint_every": EVERY,
    "schedule.sample_every": 12,
    "schedule.sample_count": 9,
}
#: By a name: the architecture, its data, the data to compare with, and its own settings.
FAMILIES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "pix2pix": ("pix2pix", "outlines", "outlines:test", {}),
    "cyclegan": ("cyclegan", "outlines-unpaired", "outlines-unpaired:test", {"blocks": 1}),
    "superresolution": ("srgan", "mnist-5k", "mnist-5k", {"blocks": 1}),
}
IN_A_FILE = FOLDER / "superresolution.py"
each_file = pytest.mark.parametrize("file", FAMILIES)


def plugin_of(file: str) -> tuple[str, ...]:
    return ("--plugin", str(IN_A_FILE)) if file == IN_A_FILE.stem else ()


def settings_of(file: str) -> dict[str, Any]:
    return {**OF_ALL, **FAMILIES[file][-1]}


@pytest.fixture(autouse=True, scope="module")
def files_in_use() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "_catalogue", None)
        ganzoo.use(IN_A_FILE)
        yield


Once = Callable[[str], Run]


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """A run that nothing broke off, trained the first time that a test asks for it."""
    runs: dict[str, Run] = {}

    def trained(file: str) -> Run:
        if file not in runs:
            name, data, *_ = FAMILIES[file]
            out = tmp_path_factory.mktemp(file) / "run"
            runs[file] = ganzoo.train(name, data, settings=settings_of(file), out=out)
        return runs[file]

    return trained


@each_file
def test_a_killed_run_ends_with_the_same_bytes(file: str, trained_once: Once, tmp_path: Path):
    whole, broken = trained_once(file), tmp_path / "run"
    name, data, *_ = FAMILIES[file]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ganzoo", *plugin_of(file), "train", name),
            *("--data", data, "--out", str(broken), *set_options(settings_of(file))),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    going_on = wait_for(process, (broken / "checkpoints" / f"step-{EVERY:07}").exists)
    process.kill()
    _, errors = process.communicate()
    assert going_on, errors.decode()
    assert not ganzoo.RunFolder.open(broken).finished
    ganzoo.resume(broken)
    for pattern in (f"checkpoints/step-{STEPS:07}/*.safetensors", "model/*.s*", "samples/*"):
        files = [found.relative_to(whole.path) for found in whole.path.glob(pattern)]
        assert files
        for one in files:
            assert (broken / one).read_bytes() == (whole.path / one).read_bytes(), one


@pytest.mark.slow
def test_a_file_keeps_the_contract():
    name, *_, options = FAMILIES[IN_A_FILE.stem]
    checks = list(architecture_checks(name, {"width": 4, **options}))
    checks += [check for of, check in plugin_checks(IN_A_FILE.stem) if of != name]
    for check in checks:
        try:
            check()
        except NotHere:
            continue


@each_file
def test_the_model_has_examples_from_all_of_the_data(file: str, trained_once: Once):
    """Sorted data, whose first 64 are all zeros, is shown as it is from end to end."""
    run = trained_once(file)
    inputs = load_file(run.model_path / "inputs.safetensors")["inputs"]
    size = 8 if file == "superresolution" else 16
    assert inputs.shape == (64, 1, size, size)
    generator = ganzoo.load(run)
    assert torch.equal(generator.sample(3), generator.sample(inputs=inputs[:3]))
    grid = run.path / "samples" / f"step-{STEPS:07}.png"
    rendered = generator.kind.render(generator.sample(9), ".png")
    assert grid.read_bytes() == rendered
    if file == "pix2pix":
        last = generator.read_inputs("outlines")[-300:]
        assert (inputs[-1] == last).flatten(1).all(1).any()


@each_file
def test_pictures_data_sets_and_tensors_are_worked_from(
    file: str, trained_once: Once, tmp_path: Path
):
    run, other = trained_once(file), FAMILIES[file][2]
    size = 8 if file == "superresolution" else 16
    picture, made = tmp_path / "picture.png", tmp_path / "made.png"
    Image.effect_noise((40, 40), 80).save(picture)
    for extra, width in ((("--input", picture), 16), ((), 146), (("--input", other, "-n", 5), 56)):
        done = call("sample", run.path, *extra, "-o", made)
        assert done.exit_code == 0, done.output
        assert Image.open(made).width == width
    refused = call("interpolate", run.path, "--seeds", "1,2")
    assert refused.exit_code == 2 and "works from inputs" in refused.stderr
    generator = ganzoo.load(run)
    levels = torch.randint(0, 256, (2, 1, size, size), dtype=torch.uint8)
    floats = levels / 127.5 - 1
    assert torch.allclose(generator(levels), generator(floats), atol=1e-5)
    assert torch.equal(generator(floats), generator.sample(inputs=floats))
    assert generator.interpolate(floats[0], floats[1], 4).shape == (4, 1, 16, 16)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (torch.zeros(1, 16, 16), r"inputs of shape \(1, 16, 16\); it takes \(N, 1, 16, 16\)"),
        (torch.zeros(2, 3, 16, 16), r"inputs of shape \(2, 3, 16, 16\)"),
        (torch.zeros(0, 1, 16, 16), "inputs of shape"),
        (torch.full((2, 1, 16, 16), torch.nan), "not finite .* in 2 of its 2 samples"),
        (torch.full((2, 1, 16, 16), 100.0), "values from 100 to 100, and its range is -1 to 1"),
        (torch.zeros(2, 1, 16, 16, dtype=torch.int64), "inputs of type torch.int64"),
        ("picture.png", "read_inputs makes a tensor of a file"),
        (None, "inputs 'None'"),
    ],
)
def test_inputs_that_do_not_fit_are_told(inputs: Any, words: str, trained_once: Once):
    generator = ganzoo.load(trained_once("pix2pix"))
    with pytest.raises(GanzooError, match=words):
        generator(inputs)
    if inputs is not None:
        with pytest.raises(GanzooError, match=words):
            generator.sample(inputs=inputs)


def test_files_that_do_not_fit_are_told(trained_once: Once, trained: Path, tmp_path: Path):
    run = trained_once("pix2pix").path
    colour, text, fake = (tmp_path / name for name in ("colour.png", "text.rtf", "fake.png"))
    Image.new("RGB", (20, 20)).save(colour)
    text.write_text("a letter")
    fake.write_text("a letter")
    for model, source, words in (
        (run, tmp_path / "missing.png", f"{tmp_path}/missing.png: there is no such file"),
        (run, text, "not a kind of data that is read here"),
        (run, fake, "not an image that can be read"),
        (run, colour, "pix2pix works from images of 1 channel, but those of the data set 'colour'"),
        (run, "ring", "pix2pix works from samples of kind image, but"),
        (run, "no-such", "no-such"),
        (trained, colour, "dcgan works from latents, not from inputs"),
    ):
        done = call("sample", model, "--input", source, "-o", tmp_path / "made.png")
        assert done.exit_code == 2
        assert words in done.output
    assert not (tmp_path / "made.png").exists()


def test_data_without_inputs_and_with_other_inputs(tmp_path: Path):
    settings = settings_of("pix2pix")
    for file in ("pix2pix", "cyclegan"):
        with pytest.raises(GanzooError, match=f"{file} works from inputs, and the data set 'mn"):
            ganzoo.train(file, "mnist-5k", settings=settings, out=tmp_path / "run")
    small, spec = torch.zeros(20, 1, 9, 9), ganzoo.SampleSpec("image", (1, 9, 9))
    real = torch.zeros(20, 1, 16, 16)
    pairs = ganzoo.Dataset("pairs", real, inputs=small, input_spec=spec)
    with pytest.raises(GanzooError, match="give data with inputs that are images of"):
        ganzoo.train("pix2pix", pairs, settings=settings, out=tmp_path / "run")
    with pytest.raises(GanzooError, match="20 samples and 9 inputs cannot be pairs"):
        ganzoo.Dataset("pairs", real, inputs=small[:9], input_spec=spec)
    assert not (tmp_path / "run").exists()


def test_going_on_after_the_inputs_changed(tmp_path: Path):
    rng = torch.Generator().manual_seed(0)
    real, inputs = torch.rand(2, 40, 1, 16, 16, generator=rng) * 2 - 1

    def pairs(inputs: torch.Tensor, **details: Any) -> ganzoo.Dataset:
        spec = ganzoo.SampleSpec("image", tuple(inputs.shape[1:]), details=details)
        return ganzoo.Dataset("pairs", real, inputs=inputs, input_spec=spec)

    settings = {**settings_of("pix2pix"), "training.steps": 2}
    run = ganzoo.train("pix2pix", pairs(inputs), settings=settings, out=tmp_path / "run")
    with pytest.warns(ganzoo.GanzooWarning, match="the data set is not the one"):
        ganzoo.resume(run, steps=3, data=pairs(inputs.flip(0)))
    with pytest.raises(GanzooError, match="inputs"):
        ganzoo.resume(run, steps=4, data=pairs(inputs.expand(-1, 3, -1, -1)))
    with pytest.raises(GanzooError, match="works from inputs"):
        ganzoo.resume(run, steps=4, data=ganzoo.Dataset("pairs", real))


@each_file
def test_figures_of_what_is_made_of_the_datas_inputs(file: str, trained_once: Once):
    run, other = trained_once(file), FAMILIES[file][2]
    done = call("evaluate", run.path, "--data", other, *FEW)
    assert done.exit_code == 0, done.output
    assert "300 samples of seed 0, against" in done.output
    found = ganzoo.load(run).metrics
    if file == "superresolution":
        assert "l1[pairs]" not in found
    else:  # what the inputs have, at the size of the samples
        assert found["l1[pairs]"].ceiling and found["psnr[pairs]"].ceiling
    if file == "pix2pix":
        done = call("evaluate", run.path, "--data", "mnist-5k", *FEW)
        assert "pix2pix works from inputs, and the data set 'mnist-5k' has none" in done.output


@each_file
def test_what_is_published_is_loaded_elsewhere(
    file: str, trained_once: Once, hub: Hub, tmp_path: Path
):
    run, name = trained_once(file), f"alice/{file}-from-inputs"
    published(run.path, name)
    loaded, here = ganzoo.load(f"hf://{name}", cache_dir=tmp_path), ganzoo.load(run)
    assert torch.equal(loaded.sample(4), here.sample(4))
    assert set(loaded.partners) == ({"back"} if file == "cyclegan" else set())
    if file == "cyclegan":
        samples = here.sample(3)
        with torch.no_grad():
            back, home = loaded.partners["back"](samples), here.partners["back"](samples)
        assert back.shape == (3, 1, 16, 16)
        assert torch.equal(back, home)


def test_a_run_begins_with_the_weights_of_another(trained_once: Once, tmp_path: Path):
    first = trained_once("cyclegan")
    settings = {**settings_of("cyclegan"), "training.generator_lr": 1e-12, "training.steps": 1}
    data, source = "outlines-unpaired", str(first.path)
    run = ganzoo.train("cyclegan", data, settings=settings, init=source, out=tmp_path / "run")
    for file in ("model", "partners"):
        one, other = (load_file(r.model_path / f"{file}.safetensors") for r in (first, run))
        assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


@pytest.mark.slow
def test_two_processes_go_on_as_if_nothing_had_happened(tmp_path: Path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    args = (
        *("train", "cyclegan", "--data", "outlines-unpaired"),
        *set_options({k: v for k, v in settings_of("cyclegan").items() if "steps" not in k}),
        *("--set", "training.lr_decay=constant"),  # the other depends on the last step
    )
    done = torchrun(2, *args, "--steps", 6, "--out", straight)
    assert done.returncode == 0, done.stderr
    assert torchrun(2, *args, "--steps", 3, "--out", broken).returncode == 0
    done = torchrun(2, "resume", broken, "--steps", 6)
    assert done.returncode == 0, done.stderr
    for file in ("model.safetensors", "partners.safetensors", "inputs.safetensors"):
        assert (straight / "model" / file).read_bytes() == (broken / "model" / file).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share"), [("pix2pix", 0.45), ("cyclegan", 0.6)])
def test_a_translation_comes_nearer_than_its_input(name: str, share: float, tmp_path: Path):
    """On held-out pairs: the mean absolute difference, as a share of the input's own."""
    settings = {
        "width": 16,
        "training.batch_size": 16 if name == "pix2pix" else 8,
        "training.generator_lr": 5e-4,
        "training.discriminator_lr": 5e-4,
        **FAMILIES[name][-1],
    }
    quiet = {"sample_every": 10**6, "checkpoint_every": 10**6, "device": "cpu"}
    run = ganzoo.train(
        name,
        FAMILIES[name][1],
        steps=600,
        image_size=16,
        settings=settings,
        out=tmp_path / "run",
        **quiet,
    )
    figure = ganzoo.evaluate(run, "outlines:test", samples=1000, seeds=1)["l1[pairs]"]
    assert figure.value < share * figure.ceiling
