"""Data: every reader against the pixels that went in, broken files, and batches."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SMALL
from PIL import Image

import ganzoo
from ganzoo.data.batches import Batches
from ganzoo.data.dataset import Dataset
from ganzoo.data.reading import read_all
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.fit import fit_images
from ganzoo.sources.find import find_dataset
from ganzoo.sources.given import from_tensor


def write_images(root: Path, images: torch.Tensor, labels: torch.Tensor) -> None:
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / f"class-{int(label)}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(folder / f"{index:05}.png")


def by_content(dataset: Dataset) -> dict[bytes, int]:
    assert isinstance(dataset.samples, torch.Tensor)
    assert dataset.labels is not None
    return {
        image.numpy().tobytes(): int(dataset.classes[label].removeprefix("class-"))
        for image, label in zip(dataset.samples, dataset.labels.tolist(), strict=True)
    }


@pytest.fixture
def folder(digits, tmp_path) -> Path:
    write_images(tmp_path / "digits", digits[0][:200], digits[1][:200])
    return tmp_path / "digits"


def test_folder_zip_idx_and_npz_hold_the_same(digits, folder, tmp_path):
    images, labels = digits[0][:200], digits[1][:200]
    archive = tmp_path / "digits.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.png")):
            file.write(path, Path("top") / path.relative_to(folder))
        file.writestr("__MACOSX/top/._x.png", b"not an image")
    idx = tmp_path / "t10k-images-idx3-ubyte.gz"
    idx.write_bytes(
        gzip.compress(
            struct.pack(">4B3I", 0, 0, 8, 3, 200, 28, 28) + images.numpy().tobytes(), mtime=0
        )
    )
    content = struct.pack(">4BI", 0, 0, 8, 1, 200) + labels.to(torch.uint8).numpy().tobytes()
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(content)
    npz = tmp_path / "x.npz"
    np.savez(npz, x_train=images[:, 0].numpy(), y_train=labels.numpy())
    expected = by_content(from_tensor(images, labels))
    for path in (folder, archive, idx, npz):
        assert by_content(read_all(find_dataset(str(path)))) == expected, path


def test_a_folder_named_by_dots_has_its_own_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert find_dataset(".").name == "digits"
    monkeypatch.chdir(folder / "class-1")
    assert find_dataset("..").name == "digits"


def test_arrays_are_fitted_like_files(digits, folder):
    files = read_all(fit_images(find_dataset(str(folder)), 32, 1))
    arrays = fit_images(from_tensor(*(part[:200] for part in digits)), 32, 1)
    order = torch.argsort(digits[1][:200], stable=True)
    difference = (files.samples.float() - arrays.samples[order].float()).abs()
    assert difference.max() <= 2
    colour = fit_images(arrays, 32, 3).samples
    assert torch.equal(colour[:, 0], colour[:, 2])


def test_broken_images_are_named_counted_and_skipped(folder):
    victims = sorted(folder.rglob("*.png"))[:7]
    victims[0].write_bytes(b"")
    victims[1].write_bytes(victims[1].read_bytes()[:100])
    for victim in victims[2:]:
        victim.write_bytes(b"GIF89a nonsense")
    with pytest.warns(GanzooWarning, match="7 of 200 samples cannot be read") as warned:
        dataset = read_all(find_dataset(str(folder)))
    assert victims[0].name in str(warned[0].message)
    assert "and 1 more (not an image); class-0/" in str(warned[0].message)
    assert len(dataset) == len(dataset.labels) == 193


def test_all_images_broken_is_an_error(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no")
    with pytest.raises(GanzooError, match="none of its 2 images can be read"):
        find_dataset(str(tmp_path))


def mirror(images: torch.Tensor) -> torch.Tensor:
    return images.flip(-1)


def batches(dataset: Dataset, **options) -> Batches:
    rng = torch.Generator().manual_seed(1)
    return Batches(dataset, 16, 5, rng, torch.device("cpu"), **options)


def take(source: Batches, start: int, count: int):
    iterator = source.start(start)
    return [next(iterator) for _ in range(count)]


def test_streaming_gives_the_same_batches_as_memory(folder):
    lazy = fit_images(find_dataset(str(folder)), 16, 1)
    streamed = take(batches(lazy, workers=2), 3, 20)
    resident = take(batches(read_all(lazy)), 3, 20)
    for (a, a_labels, _), (b, b_labels, _) in zip(streamed, resident, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a_labels, b_labels)


def test_streaming_replaces_and_names_a_broken_image(folder):
    victim = sorted(folder.rglob("*.png"))[3]
    victim.write_bytes(b"")
    lazy = fit_images(find_dataset(str(folder)), 16, 1)
    with pytest.warns(GanzooWarning, match=victim.name) as warned:
        take(batches(lazy, workers=2), 0, 24)
    assert len([w for w in warned if w.category is GanzooWarning]) == 1


def test_order_depends_on_seed_and_position_alone(digits):
    dataset = from_tensor(*digits)
    whole = take(batches(dataset), 0, 130)
    later = take(batches(dataset), 100, 30)
    for (a, *_), (b, *_) in zip(whole[100:], later, strict=True):
        assert torch.equal(a, b)
    epoch = torch.cat([labels for _, labels, _ in whole[:62]])
    assert len(epoch) == 992
    seen = {image.numpy().tobytes() for real, *_ in whole[:62] for image in real}
    assert len(seen) == len({i.numpy().tobytes() for i in digits[0]}) or len(seen) >= 985
    first, second = (torch.cat([r for r, *_ in whole[n : n + 62]]) for n in (0, 62))
    assert not torch.equal(first, second)


def test_two_processes_share_what_one_would_see(digits):
    dataset = from_tensor(*digits)
    options = {"mirror": mirror, "dequantize": True}
    one = take(batches(dataset, **options), 0, 5)
    halves = [take(batches(dataset, rank=rank, world=2, **options), 0, 5) for rank in (0, 1)]
    for (real, labels, _), (a, a_labels, _), (b, b_labels, _) in zip(one, *halves, strict=True):
        assert torch.equal(real, torch.cat([a, b]))
        assert torch.equal(labels, torch.cat([a_labels, b_labels]))


def test_flip_mirrors_half_and_dequantize_adds_less_than_a_level(digits):
    dataset = from_tensor(digits[0])
    plain, *_ = take(batches(dataset), 0, 1)[0]
    mirrored = torch.cat([r for r, *_ in take(batches(dataset, mirror=mirror), 0, 40)])
    straight = torch.cat([r for r, *_ in take(batches(dataset), 0, 40)])
    same = (mirrored == straight).flatten(1).all(1)
    assert torch.equal(mirrored[~same], straight[~same].flip(-1))
    assert 0.4 < same.float().mean() < 0.6
    assert plain.min() == -1
    assert plain.max() == 1
    noisy, *_ = take(batches(dataset, dequantize=True), 0, 1)[0]
    levels = (noisy + 1) * 128
    assert ((levels.floor() - (plain + 1) * 127.5).abs() < 0.5).all()
    assert (levels != levels.floor()).float().mean() > 0.9


@pytest.mark.parametrize("workers", [0, 2])
def test_streaming_trains_and_resumes_exactly(workers, folder, tmp_path):
    """vanilla has dropout, so a draw that a data loader takes for itself would show."""
    streaming = {"data.in_memory": "no", "data.workers": workers, "schedule.precision": "fp32"}
    options = {"settings": SMALL["vanilla"] | streaming, "data": folder}
    straight = ganzoo.train("vanilla", steps=20, out=tmp_path / "a", **options)
    ganzoo.train("vanilla", steps=9, out=tmp_path / "b", **options)
    ganzoo.resume(tmp_path / "b", steps=20)
    options["settings"] = options["settings"] | {"data.in_memory": "yes"}
    resident = ganzoo.train("vanilla", steps=20, out=tmp_path / "c", **options)
    files = [p / "model" / "model.safetensors" for p in (straight.path, tmp_path / "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes() == (resident.model_path / "model.safetensors").read_bytes()


FAILING = """
import sys, ganzoo
class Failing(ganzoo.Observer):
    def stepped(self, step):
        raise RuntimeError("of the user")
settings = {"data.in_memory": "no", "training.batch_size": 20, "widths": [4, 4]}
ganzoo.train("vanilla", *sys.argv[1:2], out=sys.argv[2], settings=settings, observers=[Failing()])
"""


def test_a_process_that_fails_while_it_streams_ends(folder, tmp_path):
    """The traceback holds the stream, whose workers do not listen to SIGTERM."""
    command = [sys.executable, "-c", FAILING, folder, tmp_path / "run"]
    failed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert failed.stderr.splitlines()[-1] == "RuntimeError: of the user"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.npz", b"", "empty"),
        ("bad.npz", b"PK\x03\x04 nonsense", "not a readable .npz"),
        ("text.npz", b"a,b\n1,2\n", "it is not a zip archive"),
        ("bad.zip", b"PK\x03\x04 nonsense", "not a readable zip"),
        ("short-images-idx3-ubyte", struct.pack(">4B3I", 0, 0, 8, 3, 9, 28, 28), "cut short"),
        ("x.gz", b"\x1f\x8b\x08 nonsense", "not a kind of data"),
        ("notes.rtf", b"hello", "not a kind of data"),
    ],
)
def test_broken_files_are_named(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(GanzooError, match=message) as raised:
        find_dataset(str(path))
    assert str(path) in str(raised.value)


def test_a_truncated_gzip_is_named(digits, tmp_path):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    content = struct.pack(">4B3I", 0, 0, 8, 3, 1000, 28, 28) + digits[0].numpy().tobytes()
    path.write_bytes(gzip.compress(content)[:5000])
    with pytest.raises(GanzooError, match=r"t10k.*not a readable IDX"):
        find_dataset(str(path))


def test_npz_with_a_pickle_in_it_is_refused(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(GanzooError, match="not a readable"):
        find_dataset(str(path))


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": np.zeros((6, 0, 8), np.uint8)},
        {"images": np.zeros((0, 4), np.float32)},
        {"images": np.zeros((6, 8, 8), np.uint8), "labels": np.array([0, 1, 2, 3, 4, 2**40])},
        {"images": np.zeros((6, 8, 8), np.uint8), "labels": np.array([0, 1, 2, 3, 4, -1])},
        {"images": np.zeros((6, 8, 8), np.uint8), "labels": np.zeros(5, np.int64)},
        {"images": np.full((6, 4), 1e300)},
        {"images": np.array(["a", "b"])},
    ],
)
def test_arrays_that_are_no_data(arrays, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(GanzooError):
        find_dataset(str(tmp_path / "x.npz"))


def test_floats_of_other_widths_are_taken(tmp_path):
    for kind in (">f4", "f2", "f8", np.longdouble):
        np.savez(tmp_path / "x.npz", samples=np.ones((6, 4), kind))
        assert find_dataset(str(tmp_path / "x.npz")).samples.dtype == torch.float32


def test_damaged_zip_members_are_skipped(folder, tmp_path):
    archive = tmp_path / "x.zip"
    paths = sorted(folder.rglob("*.png"))
    with zipfile.ZipFile(archive, "w") as file:
        for path in paths:
            file.write(path, path.relative_to(folder))
    content = bytearray(archive.read_bytes())
    content[60] ^= 255  # in the first member's data
    archive.write_bytes(content)
    with pytest.warns(GanzooWarning, match="1 of 200"):
        assert len(read_all(fit_images(find_dataset(str(archive)), 16, 1))) == 199


def test_links_in_a_circle_and_pipes_are_left_out(folder):
    (folder / "class-0" / "up").symlink_to("..")
    (folder / "class-1" / "self").symlink_to(".")
    os.mkfifo(folder / "class-0" / "pipe.png")
    assert len(find_dataset(str(folder))) == 200


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(GanzooError, match="no images in it"):
        find_dataset(str(tmp_path))


def test_no_network_gives_one_message(tmp_path):
    """Downloads go through a proxy that is not there: the cable is pulled."""
    proxy = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}
    environment = {**os.environ, **proxy, "GANZOO_HOME": str(tmp_path), "no_proxy": ""}
    told = subprocess.run(
        [sys.executable, "-m", "ganzoo", "train", "vanilla", "--data", "mnist"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 1
    assert "mnist could not be downloaded" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "runs").exists()


def test_ring_and_grid_have_their_modes():
    for name, count in (("ring", 8), ("grid", 25)):
        dataset = find_dataset(name)
        centres = torch.tensor(dataset.details["centres"])
        assert centres.shape == (count, 2)
        distance = (dataset.samples - centres[dataset.labels]).norm(dim=1)
        assert distance.mean() == pytest.approx(0.05 * (torch.pi / 2) ** 0.5, rel=0.02)
