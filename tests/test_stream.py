"""Data that streams: through processes or threads, and what becomes of a run where that fails."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch
from conftest import write_pictures
from torch import Tensor

import ganzoo
from ganzoo import Dataset, GanzooError, GanzooWarning, Observer
from ganzoo.data.batches import Batches
from ganzoo.data.stream import Stream, forks, has_room
from ganzoo.errors import WorkFailed
from ganzoo.sources.find import find_dataset

SMALL = {
    "widths": [4, 4],
    "latent_size": 3,
    "training.batch_size": 16,
    "data.in_memory": "no",
    "data.cache": "no",
    "schedule.precision": "fp32",
}


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory) -> Path:
    return write_pictures(digits[0][:64], tmp_path_factory.mktemp("data") / "pictures")


def train(folder: Path, out: Path, steps: int = 12, **more: object) -> Path:
    settings = SMALL | more.pop("settings", {})
    return ganzoo.train("vanilla", folder, steps=steps, out=out, settings=settings, **more).path


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def straight(folder, tmp_path_factory) -> bytes:
    return weights(train(folder, tmp_path_factory.mktemp("straight") / "run"))


def workers() -> list[psutil.Process]:
    return psutil.Process().children()


class At(Observer):
    """Does something at a step."""

    def __init__(self, step: int, act: Callable[[], object]) -> None:
        self.step, self.act = step, act

    def stepped(self, step: int) -> None:
        if step == self.step:
            self.act()


def raising() -> None:
    raise RuntimeError("of the user")


def test_a_killed_worker_ends_a_run_with_a_checkpoint(folder, straight, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(WorkFailed) as raised:
        train(folder, run, observers=[At(5, lambda: workers()[0].kill())])
    said = str(raised.value)
    assert "data.workers=0" in said
    assert f"resume {run}" in said
    assert "Traceback" not in said
    assert workers() == []
    assert ganzoo.Run.open(run).checkpoints.steps()[0] >= 5
    assert weights(ganzoo.resume(run).path) == straight


def test_data_that_goes_away_ends_a_run_with_a_checkpoint(folder, straight, tmp_path):
    mine, away = tmp_path / "pictures", tmp_path / "away"
    shutil.copytree(folder, mine)
    run = tmp_path / "run"
    with pytest.raises(WorkFailed, match=r"none of its 64 samples can be read.*checkpoint of step"):
        train(mine, run, observers=[At(2, lambda: mine.rename(away))])
    assert workers() == []
    with pytest.raises(GanzooError, match="is not there"):
        ganzoo.resume(run)
    away.rename(mine)
    assert weights(ganzoo.resume(run).path) == straight


def test_batches_that_are_given_up_leave_no_worker(folder):
    batches = Batches(find_dataset(str(folder)), 8, 0, torch.Generator(), torch.device("cpu"))
    stream = batches.start(0)
    next(stream)
    assert len(workers()) == 2
    del batches, stream
    assert workers() == []


def test_no_worker_is_left_where_an_observer_raises(folder, tmp_path):
    with pytest.raises(RuntimeError, match="of the user"):
        train(folder, tmp_path / "run", observers=[At(3, raising)])
    assert workers() == []


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_without_forks_threads_read_the_same(method, folder, straight, tmp_path):
    multiprocessing.set_start_method(method, force=True)
    try:
        assert not forks()
        children: list[int] = []
        at = At(3, lambda: children.append(len(workers())))
        assert weights(train(folder, tmp_path / "run", observers=[at])) == straight
        assert children == [0]
    finally:
        multiprocessing.set_start_method(None, force=True)
    assert forks()


class Endless:
    """Samples that are larger than any shared memory."""

    shape, dtype = (3, 1 << 20, 1 << 20), torch.uint8

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Tensor:
        return torch.zeros(1, dtype=torch.uint8).expand(self.shape)

    def name(self, index: int) -> str:
        return str(index)

    def fingerprint(self) -> str:
        return "endless"


def test_a_small_shared_memory_is_told_and_done_without():
    data = Dataset("large", Endless())
    with pytest.warns(GanzooWarning, match="--shm-size"):
        assert not has_room(data, 4, 2)


def test_a_stream_that_is_closed_half_way_leaves_nothing(folder):
    from ganzoo.sources.find import find_dataset

    dataset = find_dataset(str(folder))
    places = ((index, index) for index in torch.arange(64).split(8))
    stream = Stream(dataset, iter(places), 2, False, 8)
    stream.fetch(2)
    assert [len(next(stream).numbers) for _ in range(3)] == [8, 8, 8]
    assert len(workers()) == 2
    stream.close()
    stream.close()
    assert workers() == []
