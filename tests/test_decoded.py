"""The cache of decoded samples: the same bytes with it and without, whatever befalls its file."""

from __future__ import annotations

import copy
import io
import multiprocessing
import os
import resource
import shutil
import signal
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from conftest import SMALL, write_pictures
from PIL import Image

import ganzoo
from ganzoo.data.batches import Batches
from ganzoo.data.dataset import Dataset
from ganzoo.data.decoded import Decoded, keep_decoded
from ganzoo.data.reading import read_all
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.fit import fit_images
from ganzoo.sources.find import find_dataset

COUNT = 60


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Where decoded samples are kept."""
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "decoded"


@pytest.fixture
def folder(digits, home, tmp_path) -> Path:
    return write_pictures(digits[0][:COUNT], tmp_path / "pictures")


def found(path: Path) -> Dataset:
    return fit_images(find_dataset(str(path)), 16, 1)


def kept(path: Path) -> Dataset:
    dataset, _ = keep_decoded(found(path), "auto")
    assert isinstance(dataset.samples, Decoded)
    return dataset


def epoch(dataset: Dataset, workers: int = 0, size: int = 20) -> torch.Tensor:
    """All samples in the order of the first epoch."""
    rng = torch.Generator()
    stream = Batches(dataset, size, 5, rng, torch.device("cpu"), workers=workers).start(0)
    real = torch.cat([next(stream).real for _ in range(len(dataset) // size)])
    stream.close()
    return real


def zipped(folder: Path, **options: int) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", **options) as file:
        for path in sorted(folder.iterdir()):
            file.write(path, path.name)
    return archive


@pytest.mark.parametrize("workers", [0, 2])
def test_what_was_decoded_once_is_read_without_the_files(folder, home, workers):
    expected = epoch(found(folder))
    dataset = kept(folder)
    assert torch.equal(epoch(dataset, workers), expected)
    shutil.rmtree(folder)
    assert torch.equal(epoch(dataset, workers), expected)
    assert torch.equal(epoch(copy.deepcopy(dataset), workers), expected)
    assert len(list(home.iterdir())) == 1


def test_a_zip_is_kept_like_a_folder_and_each_size_for_itself(folder, home):
    archive = zipped(folder, compression=zipfile.ZIP_DEFLATED)
    expected = epoch(found(folder))
    for path in (folder, archive, folder, archive):
        assert torch.equal(epoch(kept(path)), expected)
    small, notes = keep_decoded(fit_images(find_dataset(str(archive)), 8, 3), "auto")
    assert small.samples[0].shape == (3, 8, 8)
    assert "are kept in" in notes[0]
    assert len(list(home.iterdir())) == 3


@pytest.mark.parametrize("restored", [False, True])
def test_a_picture_that_changed_in_place_is_decoded_anew(folder, home, restored):
    epoch(kept(folder))
    victim = folder / "0007.png"
    before = victim.stat()
    other = io.BytesIO()
    Image.new("L", (28, 28), 200).save(other, "PNG")
    victim.write_bytes(other.getvalue().ljust(before.st_size, b"\0")[: before.st_size])
    times = (before.st_atime_ns, before.st_mtime_ns + (0 if restored else 5))
    os.utime(victim, ns=times)
    assert victim.stat().st_size == before.st_size
    assert kept(folder).samples[7].unique().tolist() == [200]
    assert len(list(home.iterdir())) == 1  # the file of what was there before is gone


def test_a_zip_that_was_made_anew_is_decoded_anew(folder):
    archive = zipped(folder)
    epoch(kept(archive))
    Image.new("L", (28, 28), 200).save(folder / "0007.png")
    assert zipped(folder) == archive
    assert kept(archive).samples[7].unique().tolist() == [200]


def test_broken_pictures_stay_broken_in_the_same_way(folder):
    (folder / "0003.png").write_bytes(b"GIF89a nonsense")
    with pytest.warns(GanzooWarning, match=r"1 so far.*0003.png"):
        expected = epoch(found(folder), 2)
    for dataset in (kept(folder), kept(folder)):
        with pytest.warns(GanzooWarning, match=r"1 so far.*0003.png") as told:
            assert torch.equal(epoch(dataset, 2), expected)
        assert len(told) == 1
    with pytest.warns(GanzooWarning, match="0003.png"):
        assert len(read_all(kept(folder))) == COUNT - 1


def test_damaged_records_are_told_once_and_decoded_anew(folder, home):
    expected = epoch(kept(folder))
    (file,) = home.iterdir()
    content = bytearray(file.read_bytes())
    for place in (4096 + 100, 4096 + 3 * 260 + 259, 4096 + 9 * 260):
        content[place] ^= 16
    file.write_bytes(content)
    with pytest.warns(GanzooWarning, match="are damaged and are decoded anew") as told:
        assert torch.equal(epoch(kept(folder), 2), expected)
    assert len(told) == 1
    dataset = kept(folder)
    shutil.rmtree(folder)
    assert torch.equal(epoch(dataset, 2), expected)  # they have been mended


@pytest.mark.parametrize("damage", ["header", "cut", "empty", "longer"])
def test_a_damaged_file_is_told_and_made_anew(folder, home, damage):
    expected = epoch(kept(folder))
    (file,) = home.iterdir()
    content = file.read_bytes()
    damaged = {
        "header": b"\0" + content[1:],
        "cut": content[:-1],
        "empty": b"",
        "longer": content * 2,
    }
    file.write_bytes(damaged[damage])
    with pytest.warns(GanzooWarning, match=f"{file.name} is damaged: it is made again"):
        dataset = kept(folder)
    assert torch.equal(epoch(dataset, 2), expected)
    assert file.read_bytes() == content


def test_a_file_that_is_cut_or_removed_while_it_is_read_harms_nothing(folder, home):
    expected = epoch(kept(folder))
    dataset = kept(folder)
    (file,) = home.iterdir()
    os.truncate(file, 4096 + 10 * 260 + 50)
    with pytest.warns(GanzooWarning, match="are damaged") as told:
        assert torch.equal(epoch(dataset, 2), expected)
    assert len(told) == 1
    file.unlink()
    assert torch.equal(epoch(dataset, 2), expected)
    assert torch.equal(epoch(copy.deepcopy(dataset)), expected)


def test_a_folder_that_cannot_be_written_is_told_and_done_without(folder, home):
    home.parent.mkdir()
    home.write_text("a file is in the way")
    with pytest.warns(GanzooWarning, match=r"cannot be kept in .*decoded: .*data.cache=no"):
        dataset, notes = keep_decoded(found(folder), "auto")
    assert not isinstance(dataset.samples, Decoded)
    assert notes == []


def test_a_full_disk_is_told_once_and_done_without(folder, home):
    """Files may not grow past a limit, which the system says as it says that a disk is full."""
    expected, dataset = epoch(found(folder)), kept(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096 + 20 * 260, limits[1]))
    try:
        with pytest.warns(GanzooWarning, match="samples cannot be kept: .*Make room") as told:
            assert torch.equal(epoch(dataset, 2, size=10), expected)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(told) == 1
    assert torch.equal(epoch(kept(folder), 2), expected)


def stream_until_killed(folder: Path, begun: int) -> None:
    """What a process does that is killed: its workers fill the cache while it goes on."""
    os.setsid()
    rng, cpu = torch.Generator(), torch.device("cpu")
    for number, _ in enumerate(Batches(kept(folder), 10, 5, rng, cpu).start(0)):
        if number == 3:
            os.write(begun, b".")


def test_a_run_that_is_killed_leaves_a_file_that_is_good(folder, home):
    expected = epoch(found(folder))
    for _ in range(3):
        reading, writing = os.pipe()
        context = multiprocessing.get_context("fork")
        process = context.Process(target=stream_until_killed, args=(folder, writing))
        process.start()
        os.close(writing)
        assert os.read(reading, 1) == b"."
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
        os.close(reading)
        assert process.exitcode == -signal.SIGKILL
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(epoch(kept(folder), 2), expected)
    assert len(list(home.iterdir())) == 1


def test_several_at_a_time_read_and_write_one_file(folder):
    expected = epoch(found(folder), size=4)
    sources = [Batches(kept(folder), 4, 5, torch.Generator(), torch.device("cpu")) for _ in "ab"]
    streams = [source.start(0) for source in sources]
    for _ in range(3):  # epochs
        for both in ([next(s).real for s in streams] for _ in range(COUNT // 4)):
            assert torch.equal(*both)
    for stream in streams:
        stream.close()
    assert torch.equal(epoch(kept(folder), size=4), expected)


class Huge:
    """Samples that fit on no disk."""

    shape, dtype = (3, 1 << 18, 1 << 18), torch.uint8

    def __len__(self) -> int:
        return 1 << 20

    def __getitem__(self, index: int) -> torch.Tensor:
        raise ValueError("not one of them is there")

    def name(self, index: int) -> str:
        return f"number {index}"

    def fingerprint(self) -> str:
        return "0" * 64

    def origin(self) -> str:
        return "nowhere"

    def version(self) -> str:
        return "0" * 64


def test_what_would_crowd_the_disk_is_not_kept(home):
    dataset, notes = keep_decoded(Dataset("huge", Huge()), "auto")
    assert isinstance(dataset.samples, Huge)
    assert "are not kept: they would take" in notes[0]
    assert list(home.iterdir()) == []


class Noted(ganzoo.Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, message: str) -> None:
        self.notes.append(message)


def test_training_is_the_same_with_and_without_the_cache(folder, home, tmp_path):
    weights, notes = set(), []
    for number, (cache, memory) in enumerate(
        [("no", "no"), ("auto", "no"), ("auto", "no"), ("yes", "yes"), ("auto", "yes")]
    ):
        settings = {"data.cache": cache, "data.in_memory": memory, "schedule.precision": "fp32"}
        settings |= SMALL["vanilla"] | {"data.workers": 1}
        noted, out = Noted(), tmp_path / str(number)
        run = ganzoo.train(
            "vanilla", folder, steps=4, out=out, settings=settings, observers=[noted]
        )
        weights.add((run.model_path / "model.safetensors").read_bytes())
        notes.append(len([note for note in noted.notes if "decoded" in note.lower()]))
        assert home.exists() == (number > 0)
    assert len(weights) == 1
    assert notes == [0, 1, 0, 0, 0]  # told where a file is begun
    with pytest.raises(GanzooError, match=r"data.cache.*auto.*yes.*no"):
        ganzoo.train("vanilla", folder, settings={"data.cache": "always"})


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_of_every_compression_are_read(folder, compression):
    archive = zipped(folder, compression=compression)
    whole = read_all(found(archive))
    assert torch.equal(whole.samples, read_all(found(folder)).samples)


def test_members_of_a_zip_that_are_not_what_it_says_are_named(folder):
    archive = zipped(folder, compression=zipfile.ZIP_DEFLATED)
    content = bytearray(archive.read_bytes())
    entries = [place for place in range(len(content)) if content[place:][:4] == b"PK\x01\x02"]
    content[entries[2] + 8] |= 1  # encrypted
    content[entries[4] + 24] ^= 1  # another size
    content[entries[6] + 16] ^= 1  # another CRC-32
    content[entries[8] + 42] ^= 1  # another place
    archive.write_bytes(content)
    with pytest.warns(GanzooWarning, match="4 of 60 ") as told:
        assert len(read_all(found(archive))) == COUNT - 4
    text = str(told[-1].message)
    assert "0002.png (it is encrypted)" in text
    assert "0004.png, 0006.png (its CRC-32" in text
    assert "0008.png (it is not where" in text
