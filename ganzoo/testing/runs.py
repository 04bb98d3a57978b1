"""Checks of whole runs: saved and loaded, resumed, in two processes."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch

from ganzoo.api import resume, train
from ganzoo.models.load import load
from ganzoo.models.publish import Run
from ganzoo.plugins import file_of
from ganzoo.sampler import Sampler
from ganzoo.testing.case import Case
from ganzoo.testing.check import Fault, NotHere, calling

STEPS = 4


def saving(case: Case) -> None:
    """A trained model, saved and loaded, makes the same samples to the bit."""
    with tempfile.TemporaryDirectory(prefix="ganzoo-check-") as folder:
        run = _trained(case, Path(folder) / "run")
        with calling("build_generator: loading a checkpoint"):
            kept = load(run, step=STEPS, architecture=case.architecture)
            loaded = load(run.model_path, architecture=case.architecture)
            kept.save(Path(folder) / "model")
            again = load(Path(folder) / "model", architecture=case.architecture)
            samples = [_sampled(case, generator) for generator in (kept, loaded, again)]
        if not all(torch.equal(samples[0], other) for other in samples[1:]):
            raise Fault("build_generator", "the same samples after loading", "others")
        with calling("the kind of sample"):
            for suffix in kept.kind.suffixes:
                kept.save_samples(samples[0], Path(folder) / f"samples{suffix}")


def _sampled(case: Case, generator: Sampler) -> torch.Tensor:
    return generator.sample(case.count, seed=0)


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
            done = resume(broken, architecture=case.architecture, data=case.dataset(4 * case.count))
        files = [run.checkpoints.path(STEPS) / "networks.safetensors" for run in (straight, done)]
        if files[0].read_bytes() != files[1].read_bytes():
            raise Fault(
                "resuming",
                "after a break the same weights as without one",
                "others: state is kept outside of parameters, buffers and torch's, numpy's and "
                "random's generators",
            )


def processes(case: Case) -> None:
    """Two processes, each with half of the batch, keep the same weights."""
    module, name = case.architecture.__module__, case.architecture.__qualname__
    try:
        reached: Any = importlib.import_module(module)
        for part in name.split("."):
            reached = getattr(reached, part)
    except (ImportError, AttributeError):
        reached = None
    if reached is not case.architecture or module == "__main__":
        raise NotHere(f"another process cannot import {module}:{name}")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    if torch.get_num_threads() == 1:  # without it, torchrun speaks of threads
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    paths = [str(Path(path).resolve()) for path in sys.path]
    with tempfile.TemporaryDirectory(prefix="ganzoo-check-") as folder:
        report = Path(folder) / "report"
        done = subprocess.run(
            [
                *launcher,
                "--nproc-per-node=2",
                "-m",
                "ganzoo.testing.worker",
                f"{module}:{name}",
                case.name,
                json.dumps(dict(case.options)),
                str(report),
                file_of(module),
            ],
            # torchrun leaves a folder behind where temporary files go.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=600,
        )
        told = report.read_text() if report.exists() else ""
    if done.returncode or told != "same":
        raise Fault(
            "two processes",
            "the same weights in both after three steps",
            told or _last_error(done.stderr),
        )


def _last_error(text: str) -> str:
    """The last line of `text` that is an exception's."""
    lines = re.findall(r"^(?:\[rank\d+\]: )?([\w.]+(?:Error|Exception)\b.*)$", text, re.MULTILINE)
    return str(lines[-1]) if lines else (text.strip() or "no answer")[-300:]
