"""Families that a third party would write: each a plugin's file, by what the documentation says.

A family is a file in families/ and a row of `FAMILIES`. Each is trained as a real process, killed
and resumed to the same bytes, held against the contract, published, and loaded from there.
"""

from __future__ import annotations

import ast
import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import call, published, set_options
from loopback import Hub
from safetensors.torch import load_file
from test_resume import wait_for

import ganzoo
from ganzoo import Run, layers, plugins
from ganzoo.testing import Check, architecture_checks, plugin_checks
from ganzoo.testing.check import NotHere

FOLDER = Path(__file__).parent / "families"
STEPS, EVERY = 24, 4
#: What all are trained with.
OF_ALL = {
    "training.steps": STEPS,
    "schedule.device": "cpu",
    "schedule.precision": "fp32",
    "schedule.checkpoint_every": EVERY,
    "schedule.log_every": 2,
    "schedule.sample_every": 12,
    "schedule.sample_count": 4,
}
#: Checks that start processes, or train once more what is trained here anyway.
LONG = {"processes", "resuming", "saving"}


@dataclass(frozen=True)
class Family:
    """file: in families/. data: writes real data into a folder, for ``--data``. settings: as
    ``--set`` has them, so that a step takes a moment. also: what else must hold, given a run and
    its data."""

    file: str
    architecture: str
    data: Callable[[Path], Path]
    settings: dict[str, Any]
    also: Callable[[Run, Path], None]

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    @property
    def options(self) -> dict[str, Any]:
        """Those of the architecture alone."""
        return {key: value for key, value in self.settings.items() if "." not in key}

    @property
    def all_settings(self) -> dict[str, Any]:
        return {**OF_ALL, **self.settings}

    def __str__(self) -> str:
        return self.path.stem


def digits(folder: Path) -> Path:
    """500 digits of MNIST."""
    from ganzoo.kinds.image.named import mnist_5k

    images = mnist_5k("train").samples
    assert isinstance(images, torch.Tensor)
    np.savez(folder / "digits.npz", images=images[::10].numpy())
    return folder / "digits.npz"


IMAGES = {"data.image_size": 16, "width": 4, "latent_size": 8, "training.batch_size": 8}


def encodes_and_truncates(run: Run, data: Path) -> None:
    generator = ganzoo.load(run)
    encoder = generator.partners["encoder"]
    with torch.no_grad():
        codes = encoder(generator.sample(5))
    assert codes.shape == (5, 8)
    assert not torch.equal(codes[0], codes[1])
    full, half, none = (generator.sample(6, seed=1, truncation=t) for t in (1.0, 0.5, 0.0))
    assert torch.equal(full, generator.sample(6, seed=1))
    assert len({tuple(samples.flatten().tolist()) for samples in (full, half, none)}) == 3
    way = generator.interpolate(1, 2, 5, truncation=0.5)
    assert torch.allclose(way[0], generator.sample(1, seed=1, truncation=0.5)[0], atol=1e-5)
    with pytest.raises(ganzoo.GanzooError, match="truncation"):
        generator.sample(2, truncation=2.0)
    grids = [data.with_name("full.png"), data.with_name("half.png")]
    for truncation, grid in zip((1.0, 0.5), grids, strict=True):
        asked = ("-n", 6, "--set", f"truncation={truncation}", "-o", grid)
        result = call("sample", run.path, *asked)
        assert result.exit_code == 0, result.output
    assert grids[0].read_bytes() != grids[1].read_bytes()


def looks_back(run: Run, data: Path) -> None:
    """The slow weights are where the run goes on from, and not in the model."""
    (checkpoint,) = run.path.glob(f"checkpoints/step-{STEPS:07}/networks.safetensors")
    names = set(load_file(checkpoint))
    assert {name.partition(".")[0] for name in names} >= {"extras", "generator", "average"}
    assert not any("slow" in name for name in ganzoo.load(run).network.state_dict())
    assert "training.optimizer=optimistic-adam" in ganzoo.load(run).card


FAMILIES = [
    Family("bigan.py", "bigan", digits, {**IMAGES, "hidden": 8}, encodes_and_truncates),
    Family(
        "rules.py",
        "lookahead",
        digits,
        {**IMAGES, "warmup": 4, "every": 3, "training.optimizer": "optimistic-adam"},
        looks_back,
    ),
]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=str)


@pytest.fixture(autouse=True, scope="module")
def files_in_use() -> Iterator[None]:
    """All of them at once, in a catalogue of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "_catalogue", None)
        for family in FAMILIES:
            ganzoo.use(family.path)
        yield


@dataclass
class Trained:
    """A run that nothing broke off, and its data."""

    run: Run
    data: Path


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Family], Trained]:
    """Train a family, the first time that a test asks for it."""
    runs: dict[str, Trained] = {}

    def trained(family: Family) -> Trained:
        if family.file not in runs:
            folder = tmp_path_factory.mktemp(str(family))
            data = family.data(folder)
            run = ganzoo.train(
                family.architecture, data, settings=family.all_settings, out=folder / "run"
            )
            runs[family.file] = Trained(run, data)
        return runs[family.file]

    return trained


Once = Callable[[Family], Trained]


@each_family
def test_a_killed_run_ends_with_the_same_bytes(
    family: Family, trained_once: Once, tmp_path: Path
) -> None:
    whole, broken = trained_once(family), tmp_path / "run"
    command = [sys.executable, "-m", "ganzoo", "--plugin", str(family.path), "train"]
    command += [family.architecture, "--data", str(whole.data), "--out", str(broken)]
    process = subprocess.Popen(
        [*command, *set_options(family.all_settings)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    going_on = wait_for(process, (broken / "checkpoints" / f"step-{EVERY:07}").exists)
    process.kill()
    _, errors = process.communicate()
    assert going_on, errors.decode()
    assert not ganzoo.RunFolder.open(broken).finished
    ganzoo.resume(broken)
    for pattern in (f"checkpoints/step-{STEPS:07}/*.safetensors", "model/*.safetensors"):
        files = [file.relative_to(whole.run.path) for file in whole.run.path.glob(pattern)]
        assert files
        for file in files:
            assert (broken / file).read_bytes() == (whole.run.path / file).read_bytes(), file


def checks_of(family: Family) -> Iterator[Check]:
    """Those of the architecture, small, and those of what else the file provides."""
    yield from architecture_checks(family.architecture, family.options)
    for of, check in plugin_checks(str(family)):
        if of != family.architecture:
            yield check


def hold(checks: Iterator[Check]) -> None:
    for check in checks:
        with contextlib.suppress(NotHere):
            check()


@each_family
def test_it_keeps_the_contract(family: Family) -> None:
    hold(check for check in checks_of(family) if check.name not in LONG)


@pytest.mark.slow
@each_family
def test_it_keeps_the_whole_contract(family: Family) -> None:
    hold(check for check in checks_of(family) if check.name in LONG)


@each_family
def test_it_does_what_it_is_for(family: Family, trained_once: Once) -> None:
    trained = trained_once(family)
    family.also(trained.run, trained.data)


@each_family
def test_what_is_published_is_loaded_elsewhere(
    family: Family, trained_once: Once, hub: Hub, tmp_path: Path
) -> None:
    run, name = trained_once(family).run, f"alice/{family}-of-a-file"
    published(run.path, name)
    loaded, here = ganzoo.load(f"hf://{name}", cache_dir=tmp_path), ganzoo.load(run)
    assert torch.equal(loaded.sample(4, seed=2), here.sample(4, seed=2))
    assert set(loaded.partners) == set(here.partners)
    for one, other in zip(loaded.partners.parameters(), here.partners.parameters(), strict=True):
        assert torch.equal(one, other)
    assert f'ganzoo.use("{family.file}")' in loaded.card


@each_family
def test_its_file_is_short_and_of_what_ganzoo_exports(family: Family) -> None:
    text = family.path.read_text()
    assert len(text.splitlines()) < 150
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
            assert not any(name.startswith("ganzoo.") for name in names), names
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganzoo"):
            offered = {"ganzoo": ganzoo.__all__, "ganzoo.layers": layers.__all__}
            assert {alias.name for alias in node.names} <= set(offered[node.module or ""])
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_") or node.attr == "__init__", node.attr
            if isinstance(node.value, ast.Name) and node.value.id in ("ganzoo", "layers"):
                assert node.attr in {"ganzoo": ganzoo, "layers": layers}[node.value.id].__all__
