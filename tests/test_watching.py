"""What is seen of a run while it trains: its first lines, real samples, the pace of grids."""

from __future__ import annotations

import itertools
import time

import pytest
import torch
from conftest import SMALL, set_options
from PIL import Image
from test_cli import call

import ganzoo
from ganzoo import progress
from ganzoo.cli.bars import Bars
from ganzoo.cli.progress import Pace
from ganzoo.engine.setup import _duration, _rounded
from ganzoo.runs.config import Schedule


def test_a_run_says_what_it_trains_and_shows_real_samples_at_once(digits_npz, tmp_path):
    out = tmp_path / "run"
    small = set_options(SMALL["dcgan"])
    done = call("train", "dcgan", "--data", digits_npz, "--steps", 5, "--out", out, *small)
    assert done.exit_code == 0, done.stderr
    assert "1,000 images → 1×16×16, cpu fp32, G " in done.stderr
    assert ", batch 16, 5 steps\n" in done.stderr
    run = ganzoo.Run.open(out)
    assert [step for step, _ in run.samples()] == [0, 1, 2, 4, 5]
    assert run.reals() == out / "samples" / "reals.png"
    assert Image.open(run.reals()).size == Image.open(run.samples()[0][1]).size
    first = run.samples()[0][1].read_bytes()
    assert first != run.samples()[-1][1].read_bytes()


def test_grids_come_at_a_geometric_pace_unless_one_is_asked_for():
    usual, asked = Schedule(), Schedule(sample_every=300)
    steps = range(1, 3001)
    made = [step for step in steps if usual.samples(step, False)]
    assert made == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000, 3000]
    assert [step for step in steps if asked.samples(step, False)] == list(range(300, 3001, 300))
    assert asked.samples(7, True)


@pytest.mark.parametrize(
    ("side", "asked", "trained"), [(96, None, 64), (96, 128, 128), (64, None, 64), (24, None, 32)]
)
def test_a_cpu_trains_large_images_at_64_pixels_unless_told_otherwise(
    side, asked, trained, tmp_path
):
    class Notes(ganzoo.Observer):
        def noted(self, message):
            heard.append(message)

    heard: list[str] = []
    images = torch.randint(0, 256, (8, 3, side, side), dtype=torch.uint8)
    small = {"width": 1, "training.batch_size": 4}
    run = ganzoo.train(
        "dcgan", images, settings=small, steps=1, image_size=asked, observers=[Notes()],
        out=tmp_path / "run", device="cpu",
    )  # fmt: skip
    assert run.config.data.others["image_size"] == trained
    told = [line for line in heard if "--image-size 128 trains at 128" in line]
    assert len(told) == ((side, asked) == (96, None))
    again = ganzoo.resume(run.path, steps=2, data=images)
    assert again.config.data.others["image_size"] == trained


def test_lines_neither_flood_nor_fall_silent(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace, said = Pace(), []
    for now in (step / 100 for step in range(100_000)):
        if pace.due():
            said.append(now)
    assert 60 < len(said) < 200
    assert max(b - a for a, b in itertools.pairwise(said)) <= 31
    slow = Pace()
    assert not slow.silent()
    now += 6
    assert slow.silent()


def test_a_wait_tells_whoever_listens(digits, tmp_path):
    told: list[tuple[str, int | None, int]] = []

    class Shown:
        def __init__(self, what, total, unit):
            self.what, self.total, self.done = what, total, 0

        def __enter__(self):
            return self.advance

        def __exit__(self, *error):
            told.append((self.what, self.total, self.done))

        def advance(self, done):
            self.done += done

    with progress.shown_by(Shown):
        few = {"samples": 300, "seeds": 1}
        ganzoo.evaluate("dcgan-mnist", digits[0], **few)
    assert ("measuring tensor", 1000, 1000) in told
    assert ("measuring seed 0", 300, 300) in told
    with progress.bar("nobody listens", 3) as advance:
        advance(1)


def test_a_bar_appears_once_a_wait_is_long_and_leaves_nothing(monkeypatch, capsys):
    monkeypatch.setattr("ganzoo.cli.bars.PATIENCE", 0.0)
    monkeypatch.setattr("ganzoo.cli.bars._FLICKER", 0.0)
    bars = Bars()
    with bars.wait("reading", 10, "") as advance:
        deadline = time.monotonic() + 20
        while bars._display is None and time.monotonic() < deadline:
            advance(0)
        advance(3)
        assert bars.say("a line above it")
    assert bars._display is None
    assert "a line above it" in capsys.readouterr().err


def test_numbers_are_short():
    assert [_rounded(n) for n in (820, 1000, 12_345, 3_600_000, 28_000_000)] == [
        *("820", "1K", "12K", "3.6M", "28M")
    ]
    assert [_duration(s) for s in (0.2, 50, 3000, 10_000, 400_000)] == [
        *("1 s", "50 s", "50 min", "3 h", "5 days")
    ]
