"""Checks of whole runs: saved and loaded, and resumed."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch

from ganzoo.api import resume, train
from ganzoo.models.load import load
from ganzoo.run import Run
from ganzoo.testing.case import Case
from ganzoo.testing.check import Fault, calling

STEPS = 4


def saving(case: Case) -> None:
    """A trained model, saved and loaded, makes the same samples to the bit, and has the partners
    that were trained with it."""
    with tempfile.TemporaryDirectory(prefix="ganzoo-check-") as folder:
        run = _trained(case, Path(folder) / "run")
        with calling("build_generator: loading a checkpoint"):
            kept = load(run, step=STEPS, architecture=case.architecture)
            loaded = load(run.model_path, architecture=case.architecture)
            kept.save(Path(folder) / "model")
            again = load(Path(folder) / "model", architecture=case.architecture)
            samples = [model.sample(case.count, seed=0) for model in (kept, loaded, again)]
        if not all(torch.equal(samples[0], other) for other in samples[1:]):
            raise Fault("build_generator", "the same samples after loading", "others")
        partners = [model.partners.state_dict() for model in (kept, loaded, again)]
        if partners[0].keys() != case.networks().partners.state_dict().keys():
            raise Fault("build_partners", "partners in the model, by their names", "others")
        for other in partners[1:]:
            if not all(torch.equal(partners[0][name], value) for name, value in other.items()):
                raise Fault("build_partners", "the same weights after loading", "others")
        with calling("the kind of sample"):
            for suffix in kept.kind.suffixes:
                kept.save_samples(samples[0], Path(folder) / f"samples{suffix}")


def _trained(case: Case, out: Path) -> Run:
    with calling("training"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is told of a short training is not its subject
        return train(
            case.architecture, case.dataset(4 * case.count), settings=_settings(case), out=out
        )


def _settings(case: Case) -> dict[str, Any]:
    return {**case.settings(steps=STEPS), "training.lr_decay": "constant"}


def resuming(case: Case) -> None:
    """A run that was broken off and resumed ends with the same bytes."""
    with tempfile.TemporaryDirectory(prefix="ganzoo-check-") as folder:
        straight = _trained(case, Path(folder) / "run")
        broken = Path(folder) / "broken"
        # As a crash leaves it that came after the checkpoint of half the steps.
        shutil.copytree(straight.path, broken)
        shutil.rmtree(broken / "model")
        shutil.rmtree(Run.open(broken).checkpoints.path(STEPS))
        with calling("resuming"):
            resumed = resume(
                broken, architecture=case.architecture, data=case.dataset(4 * case.count)
            )
        weights = [
            (run.checkpoints.path(STEPS) / "networks.safetensors").read_bytes()
            for run in (straight, resumed)
        ]
        if weights[0] != weights[1]:
            raise Fault(
                "resuming",
                "after a break the same weights as without one",
                "others: state is kept outside of parameters, buffers and torch's, numpy's and "
                "random's generators",
            )
