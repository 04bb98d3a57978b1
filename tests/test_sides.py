"""Two sorts of pictures as people have them: two folders, or halves of each picture."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from conftest import call
from PIL import Image

import ganzoo
from ganzoo import Dataset, GanzooError, GanzooWarning
from ganzoo.data.reading import read_all
from ganzoo.sources.find import find_dataset
from ganzoo.sources.options import make_data

RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(path: Path, *colours: tuple[int, int, int]) -> None:
    """Squares beside each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = Image.new("RGB", (16 * len(colours), 16))
    for place, colour in enumerate(colours):
        whole.paste(colour, (16 * place, 0, 16 * place + 16, 16))
    whole.save(path)


def grey(number: int) -> tuple[int, int, int]:
    return (10 * number + 20,) * 3


def read(path: Path | str, **options: object) -> Dataset:
    return read_all(find_dataset(make_data({"source": str(path), **options}), inputs=True))


def numbers(samples: object) -> list[int]:
    """Of `grey`, out of the red channel."""
    assert isinstance(samples, torch.Tensor)
    return [round((level - 20) / 10) for level in samples[:, 0].float().mean((1, 2)).tolist()]


@pytest.mark.parametrize("form", ["{split}/{side}", "{side}/{split}", "{split}{side}"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_of_the_same_name_are_pairs(form: str, packed: bool, tmp_path: Path):
    folder = tmp_path / "pairs"
    for split, count in (("train", 12), ("test", 3)):
        for side, end in (("A", "png"), ("B", "bmp")):
            place = folder / form.format(split=split, side=side)
            for number in range(count):
                picture(place / f"{number}.{end}", grey(number + (side == "B")))
    picture(folder / form.format(split="train", side="B") / "alone.png", RED)
    picture(folder / "cover.png", RED)
    source = folder
    if packed:
        source = tmp_path / "pairs.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for file in folder.rglob("*.*"):
                archive.write(file, file.relative_to(folder))
    with pytest.warns(GanzooWarning) as told:
        dataset = read(f"{source}:train")
    words = "\n".join(str(one.message) for one in told)
    assert "alone.png" in words and "cover.png" in words
    assert "the images in A are taken as inputs, those in B as samples, 12 pairs" in words
    assert dataset.paired
    assert [n + 1 for n in numbers(dataset.inputs)] == numbers(dataset.samples)
    assert sorted(numbers(dataset.inputs)) == list(range(12))
    with pytest.warns(GanzooWarning) as told:
        assert len(read(source)) == 15
    assert any("it has the splits test, train, and all are read" in str(o.message) for o in told)
    with pytest.raises(GanzooError, match=":valid: in its folders A and B there are test, train"):
        read(f"{source}:valid")


@pytest.mark.filterwarnings("ignore::ganzoo.GanzooWarning")
def test_other_names_are_no_pairs(tmp_path: Path):
    for number in range(5):
        picture(tmp_path / "trainA" / f"horse{number}.png", grey(number))
    for number in range(7):
        picture(tmp_path / "trainB" / f"zebra{number}.png", RED)
    with pytest.warns(GanzooWarning, match="not in pairs"):
        dataset = read(tmp_path)
    assert (dataset.paired, dataset.inputs.shape[0], len(dataset)) == (False, 5, 7)
    with pytest.raises(GanzooError, match=r"pix2pix learns from pairs.*not paired"):
        ganzoo.train("pix2pix", str(tmp_path), steps=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    plain = find_dataset(str(tmp_path))  # of any other architecture
    assert plain.classes == ("trainA", "trainB")
    assert plain.inputs is None


@pytest.mark.filterwarnings("ignore::ganzoo.GanzooWarning")
def test_halves_of_pictures_and_the_other_direction(tmp_path: Path):
    """What a model was trained to translate is taken of other data, too."""
    for split in ("train", "test"):
        for number in range(10):
            picture(tmp_path / "both" / split / f"{number}.png", RED, BLUE)
    with pytest.warns(GanzooWarning) as told:
        dataset = read(tmp_path / "both")
    assert any("their left halves are taken as inputs, their" in str(o.message) for o in told)
    assert isinstance(dataset.inputs, torch.Tensor) and isinstance(dataset.samples, torch.Tensor)
    assert dataset.inputs.shape == dataset.samples.shape == (20, 3, 16, 16)
    assert dataset.inputs[0, :, 0, 15].tolist() == list(RED)
    assert dataset.samples[0, :, 0, 0].tolist() == list(BLUE)
    run = ganzoo.train(
        "pix2pix",
        f"{tmp_path / 'both'}:train",
        steps=1,
        settings={
            "width": 4,
            "training.batch_size": 2,
            "data.direction": "BtoA",
            "data.in_memory": "no",
        },
        out=tmp_path / "run",
    )
    generator = ganzoo.load(run)
    inputs = generator.read_inputs(f"{tmp_path / 'both'}:test")
    assert inputs[0, :, 0, 0].tolist() == [-1, -1, 1]
    made = tmp_path / "made.png"
    done = call("sample", run.path, "--input", tmp_path / "both" / "test" / "1.png", "-o", made)
    assert done.exit_code == 0, done.output
    assert Image.open(made).size == (16, 16)


def test_what_has_no_sides_cannot_be_turned_around(digits, tmp_path: Path):
    """Rather than learn from outlines to digits, when the other way was asked for."""
    for arch, data in (("pix2pix", "outlines"), ("vanilla", digits[0][:8])):
        settings = {"data.direction": "BtoA"}
        with pytest.raises(GanzooError, match=r"data.direction=BtoA: .* cannot be turned around"):
            ganzoo.train(arch, data, steps=1, settings=settings, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_one_picture_of_another_shape_is_no_pair(tmp_path: Path):
    picture(tmp_path / "a.png", RED, BLUE)
    picture(tmp_path / "b.png", RED)
    assert read(tmp_path).inputs is None


def test_figures_of_pairs_are_those_of_the_definition():
    from types import SimpleNamespace

    from ganzoo_translation.figures import pairs

    real = torch.full((2, 1, 4, 4), 1.0)
    inputs, made = torch.full_like(real, -1), torch.full_like(real, 0.8)
    spec = ganzoo.SampleSpec("image", (1, 4, 4))
    dataset = Dataset("pairs", real, inputs=inputs, input_spec=spec)
    generator = SimpleNamespace(spec=dataset.spec)
    trial = ganzoo.Trial(generator, dataset, made, 0, rows=torch.tensor([0, 1]))  # type: ignore[arg-type]
    found = pairs(trial)
    assert found["l1"].value == pytest.approx(0.1)
    assert found["l1"].ceiling == 1
    assert found["psnr"].value == pytest.approx(20, abs=1e-4)
    assert found["psnr"].ceiling == 0
    assert pairs(ganzoo.Trial(generator, dataset, made, 0)) == {}  # type: ignore[arg-type]
