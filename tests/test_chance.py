"""The caller's random states and settings of torch stay as they are, in threads, too."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ganzoo
from ganzoo import Architecture, Observer, Options, Training
from ganzoo.chance import Chance, aside, give_way

DATA = torch.rand(64, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1


class Noisy(nn.Module):
    """Draws from every generator that a process has, as networks of plugins may."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, outputs), nn.Dropout(0.3))

    def forward(self, x: Tensor) -> Tensor:
        drawn = random.gauss(0, 1) + np.random.randn()  # noqa: NPY002
        return self.layers(x) + 0.1 * torch.randn(len(x), 1, device=x.device) + 0.1 * float(drawn)


class Restless(Architecture):
    kinds = ("points", "array")

    class Config(Options):
        latent_size: int = 3

    training = Training(batch_size=16, steps=6)

    def build_generator(self) -> nn.Module:
        return Noisy(3, 4)

    def build_discriminator(self) -> nn.Module:
        return Noisy(4, 1)


def states() -> list[Any]:
    _, *numbers = np.random.get_state(legacy=True)  # noqa: NPY002
    return [
        random.getstate(),
        [np.asarray(number).tolist() for number in numbers],
        torch.get_rng_state().tolist(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
    ]


def trained(out: Path, **more: Any) -> str:
    """The digest of the weights that training makes."""
    more = {"steps": 6, "device": "cpu", "precision": "fp32", "observers": (), **more}
    run = ganzoo.train(Restless, DATA, out=out, **more)
    return digest(run.path)


def digest(run: Path) -> str:
    return hashlib.sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()


def mistaken(out: Path) -> None:
    with pytest.raises(ganzoo.GanzooError, match="batch_size=999"):
        trained(out, settings={"training.batch_size": 999})


def load(run: Path) -> ganzoo.Generator:
    return ganzoo.load(run, architecture=Restless)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("chance") / "run"
    trained(out)
    return out


CALLS: dict[str, Callable[[Path, Path], object]] = {
    "train": lambda run, out: trained(out),
    "load": lambda run, out: load(run),
    "load_discriminator": lambda run, out: ganzoo.load_discriminator(run, architecture=Restless),
    "sample": lambda run, out: load(run).sample(5, seed=3),
    "a stream that is left": lambda run, out: next(load(run).stream(5, batch_size=2)),
    "a mistake": lambda run, out: mistaken(out),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_callers_states_stay_as_they_are(name, run, tmp_path):
    random.gauss(0, 1)  # both keep a second number for the next call
    np.random.randn()  # noqa: NPY002
    before = states()
    CALLS[name](run, tmp_path / "out")
    assert states() == before


def test_the_same_seed_makes_the_same_whatever_was_drawn_before(run, tmp_path):
    random.seed(7)
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    assert trained(tmp_path / "out") == digest(run)
    assert trained(tmp_path / "other", seed=1) != digest(run)


def test_a_resumed_run_goes_on_with_its_own_chance(run, tmp_path):
    out = tmp_path / "out"
    trained(out, steps=3)
    before = states()
    ganzoo.resume(out, steps=6, architecture=Restless, data=DATA)
    assert states() == before
    assert digest(out) == digest(run)


SETTINGS: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "another device": lambda: torch.device("meta"),
}


@contextlib.contextmanager
def _double():
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", [*SETTINGS, "float64"])
def test_what_the_caller_has_set_in_torch_changes_nothing(name, run, tmp_path):
    samples = load(run).sample(5)
    with _double() if name == "float64" else SETTINGS[name]():
        assert trained(tmp_path / "out") == digest(run)
        if name != "autocast":  # which is asked for, then
            assert torch.equal(load(run).sample(5), samples)


def test_training_in_one_thread_and_sampling_in_others_change_nothing(run, tmp_path):
    generator = load(run)
    seeds = range(60)
    alone = [generator.sample(3, seed=seed) for seed in seeds]
    before = states()
    with ThreadPoolExecutor(4) as pool:
        trainings = [pool.submit(trained, tmp_path / str(number)) for number in range(2)]
        together = list(pool.map(lambda seed: load(run).sample(3, seed=seed), seeds))
        digests = [training.result() for training in trainings]
    assert digests == [digest(run)] * 2
    assert all(map(torch.equal, alone, together))
    assert states() == before


def test_streams_that_alternate_are_what_they_are_alone(run):
    generator = load(run)
    alone = [torch.cat(list(generator.stream(6, seed, 2))) for seed in (0, 1)]
    pairs = []
    for pair in zip(generator.stream(6, 0, 2), generator.stream(6, 1, 2), strict=True):
        pairs.append(pair)
        torch.rand(1)
    assert all(map(torch.equal, alone, map(torch.cat, zip(*pairs, strict=True))))


class Drawing(Observer):
    """Draws at each step, as one that picks what to show may."""

    def __init__(self) -> None:
        self.drawn: list[float] = []

    def stepped(self, step: int) -> None:
        self.drawn += [random.random(), float(np.random.rand()), float(torch.rand(()))]  # noqa: NPY002


def test_what_an_observer_draws_is_the_callers_chance(run, tmp_path):
    def seed() -> None:
        random.seed(5)
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002

    observer, expected = Drawing(), Drawing()
    seed()
    assert trained(tmp_path / "out", observers=[observer]) == digest(run)
    seed()
    for step in range(6):
        expected.stepped(step)
    assert observer.drawn == expected.drawn


def test_who_waits_has_a_turn_while_another_goes_on():
    turns: list[int] = []

    def wait(number: int) -> None:
        with Chance(seed=number):
            turns.append(number)

    with ThreadPoolExecutor(3) as pool, Chance(seed=0):
        waiting = [pool.submit(wait, number) for number in range(3)]
        while not all(one.done() for one in waiting):
            value = float(torch.rand(()))
            assert not turns or value  # it goes on all the while
            give_way()
    assert sorted(turns) == [0, 1, 2]


def test_aside_is_the_callers_chance_also_where_it_is_nested():
    torch.manual_seed(1)
    before = states()
    with Chance(seed=2):
        outer = states()
        with Chance(seed=3):
            inner = states()
            with aside():
                assert states() == outer
            assert states() == inner
        with aside():
            assert states() == before
    assert states() == before
