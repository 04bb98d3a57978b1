"""Samples as files: one for all, one each, walks and timelapses; and what is refused."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity
from conftest import call
from PIL import Image, ImageSequence
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import register_feature_extractor

import ganzoo
from ganzoo.cli.base import parse_seeds
from ganzoo.kinds import Kind, kind_of
from ganzoo.measure.classifiers import MNISTConvNet
from ganzoo.measure.features import Features
from ganzoo.measure.figures import Reference, fid
from ganzoo.sources.find import find_dataset
from ganzoo.spec import SampleSpec


def told(*args: object) -> str:
    """What a command says that is given wrong words."""
    result = call(*args)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr and result.stdout == ""
    return result.stderr


def pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image))


@pytest.fixture(scope="module")
def dcgan() -> ganzoo.Generator:
    return ganzoo.load("dcgan-mnist")


def test_each_seed_has_a_sample_and_a_file(dcgan, tmp_path):
    result = call("sample", "dcgan-mnist", "--seeds", "3,5-6", "-o", f"{tmp_path}/s/")
    assert result.exit_code == 0, result.output
    files = sorted((tmp_path / "s").iterdir())
    assert [file.name for file in files] == ["seed0003.png", "seed0005.png", "seed0006.png"]
    samples = dcgan.sample(seeds=[3, 5, 6])
    torch.testing.assert_close(samples[1], dcgan.sample(1, seed=5)[0])
    levels = dcgan.kind.store(samples)[:, 0].int()
    for file, expected in zip(files, levels, strict=True):
        assert (pixels(file).int() - expected).abs().max() <= 1


def test_what_is_streamed_is_what_is_sampled(dcgan):
    whole = dcgan.sample(150, seed=4)
    parts = list(dcgan.stream(150, seed=4, batch_size=70))
    assert [len(part) for part in parts] == [70, 70, 10]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_latents_are_drawn_as_they_are_needed(dcgan, monkeypatch):
    drawn = 0
    real = type(dcgan.architecture).sample_latent

    def counted(self, count, rng):
        nonlocal drawn
        drawn += count
        return real(self, count, rng)

    monkeypatch.setattr(type(dcgan.architecture), "sample_latent", counted)
    next(dcgan.stream(1_000_000, batch_size=10))
    assert drawn == 64


def test_a_folder_takes_no_second_set(tmp_path):
    (tmp_path / "empty").mkdir()
    args = ("sample", "dcgan-mnist", "-n", 2, "-o", tmp_path / "empty")
    assert call(*args, "--format", "webp", "--scale", 3).exit_code == 0
    files = sorted((tmp_path / "empty").iterdir())
    assert [file.name for file in files] == ["0000.webp", "0001.webp"]
    assert Image.open(files[0]).size == (96, 96)
    assert "0000.webp is in it" in told(*args) or "0001.webp is in it" in told(*args)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_without_a_name_never_replaces_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples.png").write_text("mine")
    names = [call("sample", "dcgan-mnist", "-n", 1).stdout.strip() for _ in range(2)]
    assert names == ["samples-2.png", "samples-3.png"]
    assert (tmp_path / "samples.png").read_text() == "mine"


def test_every_kind_is_written_as_numbers(dcgan, tmp_path):
    samples = dcgan.sample(3)
    dcgan.save_samples(samples, tmp_path / "x.npy")
    assert torch.equal(torch.from_numpy(np.load(tmp_path / "x.npy")), samples)
    dcgan.save_samples(samples, tmp_path / "x.npz")
    assert torch.equal(torch.from_numpy(np.load(tmp_path / "x.npz")["samples"]), samples)


def test_each_row_is_one_class(tmp_path):
    model = ganzoo.load("projection-mnist")
    out = tmp_path / "rows.png"
    assert call("sample", "projection-mnist", "-n", 23, "-o", out).exit_code == 0
    samples, sheet = model.kind.store(model.sample(23))[:, 0], pixels(out)
    assert tuple(sheet.shape) == (10 * 34 + 2, 3 * 34 + 2)
    for number in range(30):
        top, left = number % 10 * 34 + 2, number // 10 * 34 + 2
        cell = sheet[top : top + 32, left : left + 32].int()
        expected = samples[number].int() if number < 23 else torch.zeros(32, 32).int()
        assert (cell - expected).abs().max() <= 1


def test_columns_and_scale(dcgan, tmp_path):
    samples = dcgan.sample(6)
    dcgan.save_samples(samples, tmp_path / "a.png", columns=6, scale=2)
    small = dcgan.kind.show(samples, 6)
    assert small.size == (6 * 34 + 2, 36)
    assert torch.equal(pixels(tmp_path / "a.png")[::2, ::2], torch.from_numpy(np.array(small)))


def test_a_walk_is_a_loop_through_its_seeds(dcgan, tmp_path):
    walk = dcgan.walk([1, 5, 9], frames=6)
    assert len(walk) == 18
    ends = torch.cat([dcgan.sample(1, seed=seed) for seed in (1, 5, 9)])
    torch.testing.assert_close(walk[::6], ends, rtol=0, atol=1e-5)
    leg = dcgan.interpolate(9, 1, count=7)
    torch.testing.assert_close(walk[12:], leg[:6], rtol=0, atol=1e-5)
    steps = (torch.cat([walk, walk[:1]]).diff(dim=0)).flatten(1).norm(dim=1)
    assert steps.min() > 0 and steps[-1] < 2 * steps.mean()
    for suffix in (".gif", ".webp", ".mp4"):
        dcgan.save_walk([1, 5], tmp_path / f"w{suffix}", frames=4)
    for suffix in (".gif", ".webp"):
        with Image.open(tmp_path / f"w{suffix}") as film:
            assert (film.n_frames, film.size) == (8, (384, 384))
            assert film.info["loop"] == 0
    import av

    with av.open(str(tmp_path / "w.mp4")) as film:
        video = film.streams.video[0]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, video.frames) == (384, 384, 8)
    out = tmp_path / "frames"
    assert call("interpolate", "dcgan-mnist", "--seeds", "1,5", "--frames", 2, "-o", f"{out}/")
    assert len(list(out.glob("frame-000?.png"))) == 4


def test_a_walk_of_a_conditional_model_shows_each_class(tmp_path):
    out = tmp_path / "w.gif"
    args = ("interpolate", "projection-mnist", "--seeds", "1,2", "--frames", 2, "-o", out)
    assert call(*args, "--scale", 1).exit_code == 0
    with Image.open(out) as film:
        assert film.size == (5 * 34 + 2, 2 * 34 + 2)
    assert call(*args, "--label", 3, "--scale", 1).exit_code == 0
    with Image.open(out) as film:
        assert film.size == (32, 32)


def test_a_walk_of_other_kinds_has_their_own_file(tmp_path):
    run = tmp_path / "run"
    small = ("--set", "width=8", "--batch-size", 8)
    made = call("train", "points", "--data", "ring", "--steps", 1, "--out", run, *small)
    assert made.exit_code == 0, made.output
    out = tmp_path / "p.gif"
    assert call("interpolate", run, "--seeds", "1,2", "--frames", 3, "-o", out).exit_code == 0
    with Image.open(out) as film:
        frames = [frame.convert("L") for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 6 and frames[0].tobytes() != frames[3].tobytes()
    assert "do not lie in rows" in told("sample", run, "--columns", 3, "-o", tmp_path / "x.png")
    numbers = kind_of(SampleSpec("array", (3,), None, None))
    made = numbers.animate(iter([torch.zeros(2, 3), torch.ones(2, 3)]), ".npy", 25)
    assert made == Kind.render(numbers, torch.tensor([[0.0] * 3] * 2 + [[1.0] * 3] * 2), ".npy")


def test_a_timelapse_shows_each_grid_with_its_step(trained, tmp_path):
    out = tmp_path / "t.gif"
    result = call("timelapse", trained, "-o", out)
    assert result.exit_code == 0, result.output
    grids = ganzoo.Run.open(trained).samples()
    with Image.open(out) as film:
        assert film.n_frames == len(grids)
        film.seek(film.n_frames - 1)
        last = film.convert("L")
    with Image.open(grids[-1][1]) as grid:
        scale = last.width // grid.width
        shown = torch.from_numpy(np.array(last))[::scale, ::scale]
        height = grid.height
        assert torch.equal(shown[:height, : grid.width], torch.from_numpy(np.array(grid)))
    assert shown[height:].max() > 100  # the step
    assert film.info["duration"] > 500
    made = ganzoo.Run.open(trained).timelapse(tmp_path / "t.webp", scale=1)
    with Image.open(made) as film:
        assert film.width == grid.width


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "x.tiff"], "written as .png, .jpg, .jpeg, .webp, .npz, .npy"),
        (["--format", "tiff", "-o", "x/"], "format 'tiff'"),
        (["--format", "png", "-o", "x.png"], "says it already"),
        (["-o", "no/such/x.png"], "there is no folder no/such"),
        (["-o", "no/such/"], "there is no folder no"),
        (["--seeds", "a"], "--seeds a: it takes numbers and ranges"),
        (["--seeds", "5-1"], "5-1 runs backwards: 1-5"),
        (["--seeds", "1,,2"], "it takes numbers and ranges"),
        (["--seeds", "0-99999999999"], "up to 1,000,000 seeds"),
        (["--seeds", "1", "-n", "3"], "count and seeds"),
        (["--seeds", "1", "--seed", "3"], "--seed and --seeds"),
        (["--seeds", "1,1", "-o", "x/"], "seed 1 is given twice"),
        (["--truncation", "0.7"], "truncation: dcgan has no options of sampling"),
        (["--scale", "0"], "scale 0: it takes at least 1"),
        (["--scale", "9999"], "make it smaller"),
        (["--columns", "0"], "columns 0: it takes at least 1"),
        (["--columns", "2", "-o", "x/"], "a file each has none"),
        (["--scale", "2", "-o", "x.npz"], "holds numbers"),
        (["--label", "3"], "not conditional"),
        (["--device", "tpu"], "--device tpu"),
    ],
)
def test_what_sample_refuses(args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in told("sample", "dcgan-mnist", *args)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--seeds", "1"], "give two or more"),
        (["--seeds", "1,1"], "seed 1 follows itself"),
        (["--seeds", "1,2,1"], "returns to its first seed unasked"),
        (["--seeds", "1,2", "--frames", "0"], "frames 0: at least 1"),
        (["--seeds", "1,2", "--fps", "0"], "fps 0: it takes more than 0"),
        (["--seeds", "1,2", "-n", "0"], "0 walks"),
        (["--seeds", "1,2", "--frames", "9999999"], "at most 1000000"),
        (["--seeds", "1,2", "--label", "3"], "not conditional"),
        (["--seeds", "1,2", "-o", "x.png"], "written as .gif, .webp, .mp4"),
    ],
)
def test_what_interpolate_refuses(args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in told("interpolate", "dcgan-mnist", *args)
    assert not list(tmp_path.iterdir())


def test_what_timelapse_refuses(trained, tmp_path):
    assert "is not a run folder" in told("timelapse", tmp_path)
    assert "written as .gif" in told("timelapse", trained, "-o", tmp_path / "x.png")
    empty = tmp_path / "empty"
    (empty / "samples").mkdir(parents=True)
    (empty / "config.json").write_bytes((trained / "config.json").read_bytes())
    assert "there are no samples yet" in told("timelapse", empty)
    (empty / "samples" / "step-0000001.png").write_bytes(b"no")
    assert "step-0000001.png: cannot be read" in told("timelapse", empty, "-o", tmp_path / "x.gif")
    assert not (tmp_path / "x.gif").exists()


def test_a_walk_that_cannot_be_is_refused(dcgan):
    latent = dcgan.latents(1)[0]
    for stops, message in (
        ([latent, -latent], "opposite"),
        ([latent * torch.nan, 1], "not finite"),
        ([latent[:3], 1], r"a latent of shape \(3,\)"),
        ([3], "two or more"),
    ):
        with pytest.raises(ganzoo.GanzooError, match=message):
            dcgan.walk(stops)
    with pytest.raises(ganzoo.GanzooError, match="it takes several integers"):
        dcgan.sample(seeds="12")


def test_a_full_disk_leaves_nothing(dcgan, tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for folder in (tmp_path / "new", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
        result = call("sample", "dcgan-mnist", "-n", 2, "-o", f"{folder}/")
        assert result.exit_code == 1
        assert "Make room and try again" in result.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


class Convnet(FeatureExtractorBase):
    """ganzoo's extractor of digits, as torch-fidelity takes one."""

    get_provided_features_list = staticmethod(lambda: ("128",))
    get_default_feature_layer_for_metric = staticmethod(lambda metric: "128")
    get_default_name = staticmethod(lambda: "convnet")
    can_be_compiled = staticmethod(lambda: False)
    get_dummy_input_for_compile = staticmethod(lambda: None)

    def __init__(self, name, features_list, **options):
        super().__init__(name, features_list)
        self.network = MNISTConvNet()

    def forward(self, images):
        return (self.network(images[:, :1]).values,)


def test_torch_fidelity_measures_a_folder_as_ganzoo_measures_the_model(dcgan, tmp_path):
    fakes, reals = tmp_path / "fakes", tmp_path / "reals"
    real = find_dataset("mnist-5k")
    real = dcgan.kind.match(dataclasses.replace(real, samples=real.samples[:400], labels=None))
    for number, image in enumerate(real.samples):
        reals.mkdir(exist_ok=True)
        Image.fromarray(image[0].numpy()).save(reals / f"{number}.png")
    assert call("sample", "dcgan-mnist", "-n", 600, "-o", f"{fakes}/").exit_code == 0
    register_feature_extractor("convnet", Convnet)
    theirs = torch_fidelity.calculate_metrics(
        input1=str(fakes),
        input2=str(reals),
        fid=True,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        feature_extractor="convnet",
        feature_layer_fid="128",
    )["frechet_inception_distance"]
    extractor = MNISTConvNet()
    made = Features.joined([extractor(dcgan.kind.store(x)) for x in dcgan.stream(600)])
    ours = fid(made, Reference.of(extractor(real.samples), extractor))
    assert theirs == pytest.approx(ours, rel=0.01)


def test_seeds_in_words():
    assert parse_seeds("1,5,9-12") == [1, 5, 9, 10, 11, 12]
    assert parse_seeds("7") == [7]
