"""Figures of models that work from inputs: they are made from those of the data."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ganzoo
from ganzoo import GanzooError, SampleSpec
from ganzoo.data.dataset import Dataset


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given * self.factor


class Echo(ganzoo.Architecture):
    """Gives back what it works from."""

    kinds = ("array",)

    def build_generator(self):
        return Scale()

    def build_discriminator(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 1))


class Halved(Echo):
    """Makes its own inputs, from the real samples: the half of them."""

    @property
    def input_spec(self):
        return SampleSpec("array", self.spec.shape, -1.0, 1.0)

    def condition(self, real, labels, generator, inputs=None):
        return real / 2


def of_inputs(count: int, inputs: torch.Tensor | None) -> Dataset:
    rng = torch.Generator().manual_seed(0)
    samples = torch.rand(count, 4, generator=rng) * 2 - 1
    if inputs is None:
        return Dataset("halves", samples, kind="array")
    spec = SampleSpec("array", (4,), -1.0, 1.0)
    return Dataset("pairs", samples, kind="array", inputs=inputs, input_spec=spec, paired=False)


def test_what_works_from_inputs_is_measured_on_those_of_the_data():
    """As many samples as there are inputs; of the real samples themselves, the best figures."""
    data = of_inputs(200, of_inputs(200, None).samples[:90])
    echo = ganzoo.Generator(Echo(data.spec), Scale(), "echo")
    figures = ganzoo.evaluate(echo, data, seeds=1)
    fid = figures["fid[values]"]
    assert fid.how == "90 samples of seed 0, against 200 real ones"
    assert fid.value < fid.floor
    assert figures["precision[values]"].value == 1
    plain = of_inputs(200, None)
    with pytest.raises(GanzooError, match="echo works from inputs, and the data set 'halves' has"):
        ganzoo.evaluate(echo, plain, seeds=1)


def test_inputs_that_are_made_from_real_samples():
    data = of_inputs(200, None)
    halved = ganzoo.Generator(Halved(data.spec), Scale(), "halved")
    halves = ganzoo.compare(
        Dataset("halves", data.samples / 2, kind="array"), data, features="values"
    )
    figures = ganzoo.evaluate(halved, data, seeds=1, samples=10_000)
    assert figures["fid[values]"].value == pytest.approx(halves["fid[values]"], rel=1e-3)
    assert figures["fid[values]"].how.startswith("200 samples")


def test_a_run_is_judged_by_what_it_makes_of_inputs(tmp_path):
    data = of_inputs(200, of_inputs(200, None).samples[:90])
    settings = {"schedule.evaluate_samples": 80, "training.batch_size": 16}
    run = ganzoo.train(
        *(Echo, data),
        steps=2,
        evaluate_every=1,
        settings=settings,
        device="cpu",
        out=tmp_path / "run",
    )
    again = ganzoo.evaluate(run, data, samples=80, seeds=1, architecture=Echo)
    logged = run.metrics()[-1]["fid[values]"]
    assert logged == pytest.approx(again["fid[values]"].value, rel=1e-3)
