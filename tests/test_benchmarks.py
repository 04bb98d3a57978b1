"""The benchmark's loops train, and its script prints its tables."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

FOLDER = ROOT / "tests" / "benchmarks"
OPTIONS = {
    "dcgan": {"width": 4},
    "vanilla": {"widths": [16, 32]},
    "wgan-gp": {"width": 4},
    "r3gan": {"width": 16, "blocks": 1},
}


@pytest.fixture
def benchmarks(monkeypatch):
    """The benchmark's modules, by name; the switches of torch are put back afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    return {name: importlib.import_module(name) for name in ("works", "plain", "hand", "shares")}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize(
    ("loop", "precision"), [("plain", []), ("hand", ["fp32"]), ("hand", ["bf16"])]
)
def test_a_step_of_each_loop_trains_both_networks(benchmarks, name, loop, precision, monkeypatch):
    works, module = benchmarks["works"], benchmarks[loop]
    work = works.Work(name, (1, 16, 16), 4, OPTIONS[name])
    players = works.networks(work, "cpu")
    monkeypatch.setattr(module, "networks", lambda *_: players)
    step = module.LOOPS[name](work, "cpu", *precision)
    networks = players.generator, players.discriminator
    before = [[p.detach().clone() for p in network.parameters()] for network in networks]
    step()
    for network, old in zip(networks, before, strict=True):
        new = list(network.parameters())
        assert all(torch.isfinite(parameter).all() for parameter in new)
        assert any(not torch.equal(a, b) for a, b in zip(new, old, strict=True))


def test_the_shares_of_a_step_are_of_the_whole(benchmarks):
    work = benchmarks["works"].WORKS["tiny"]
    step = benchmarks["hand"].LOOPS["dcgan"](work, "cpu", "fp32")
    of = benchmarks["shares"].shares(step, on_gpu=False)
    assert sum(of.values()) == pytest.approx(1)
    assert of["convolutions"] > 0
    assert of["optimizer, average"] > 0
    assert of["matrix products"] == 0


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "speed.py"), *args]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_tables_of_a_small_work(tmp_path):
    done = run("tiny", "--turns", "1", "--steps", "1", "--json", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stderr
    title, speed, costs = done.stdout.strip().split("\n\n")
    assert f"torch {torch.__version__}" in title
    for table in (speed, costs):
        head, rule, row = table.splitlines()
        assert len({line.count("|") for line in (head, rule, row)}) == 1
        assert row.startswith("| dcgan, width 4, 16 px, batch 8")
    figures = json.loads((tmp_path / "figures.json").read_text())["works"]["tiny"]
    names = ["plain", "hand fp32", "ganzoo fp32", "hand bf16", "ganzoo bf16", "ganzoo auto"]
    assert list(figures["seconds_per_step"]) == names
    assert all(len(turns) == 1 for turns in figures["seconds_per_step"].values())


def test_the_losses_of_a_small_work_are_within_the_tolerances():
    done = run("tiny", "--losses")
    assert done.returncode == 0, done.stdout + done.stderr
    assert 0 < float(done.stdout.strip().splitlines()[-1].split("|")[2]) <= 0.1


def test_a_work_that_is_not_there_is_named():
    done = run("tidy")
    assert done.returncode == 2
    assert "there is no work 'tidy'; there are dcgan-64, " in done.stderr
