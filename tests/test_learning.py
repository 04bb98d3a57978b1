"""That training goes on doing what it did: golden losses, finite ones under bf16."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from conftest import SMALL

import ganzoo

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", SMALL)
def test_losses_are_the_golden_ones(name, digits, tmp_path):
    """A refactoring changes no loss. After a change that should, write them anew with:
    GANZOO_WRITE_GOLDEN=1 pytest tests/test_learning.py
    Without dropout, whose draws differ between releases of torch."""
    run = ganzoo.train(
        name,
        digits[0],
        steps=8,
        seed=7,
        settings=SMALL[name] | ({"dropout": 0} if name == "vanilla" else {}),
        precision="fp32",
        device="cpu",
        log_every=1,
        out=tmp_path / "run",
    )
    kept = ("discriminator_loss", "generator_loss")
    losses = [{key: line[key] for key in kept} for line in run.metrics()]
    file = GOLDEN / f"{name}.json"
    if os.environ.get("GANZOO_WRITE_GOLDEN"):
        file.write_text(json.dumps(losses, indent=2) + "\n")
    for ours, golden in zip(losses, json.loads(file.read_text()), strict=True):
        assert ours == pytest.approx(golden, rel=2e-3, abs=1e-4)


@pytest.mark.parametrize("network", ["residual", "mlp"])
def test_wgan_gp_stays_finite_under_bf16(network, digits, tmp_path):
    """The short form; the campaign of 3,000 steps is marked slow."""
    _wgan_gp_bf16(digits[0], tmp_path, network=network, steps=25, width=4)


@pytest.mark.slow
def test_wgan_gp_3000_steps_under_bf16(digits, tmp_path):
    _wgan_gp_bf16(digits[0], tmp_path, network="residual", steps=3000, width=16)


def _wgan_gp_bf16(images, tmp_path, network: str, steps: int, width: int) -> None:
    run = ganzoo.train(
        "wgan-gp",
        images,
        steps=steps,
        settings={"network": network, "width": width},
        precision="bf16",
        log_every=1,
        checkpoint_every=1000,
        out=tmp_path / "run",
    )
    lines = run.metrics()
    assert len(lines) == steps
    assert all(math.isfinite(value) for line in lines for value in line.values())
    assert all(line["discriminator_penalty_wgan-gp"] > 0 for line in lines)
