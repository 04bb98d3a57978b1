"""What is written when a run's losses stop being finite."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import NoReturn

import torch

from ganzoo.engine.match import Match
from ganzoo.engine.state import capture
from ganzoo.errors import GanzooWarning, WorkFailed
from ganzoo.files import write_folder, write_json
from ganzoo.layout import NETWORKS
from ganzoo.runs.folder import RunFolder
from ganzoo.tensors import save_tensors


def broken_tensors(match: Match) -> list[str]:
    """The networks' tensors that hold a value that is not finite."""
    tensors = {
        f"{owner}.{name}": tensor
        for owner, network in match.networks.playing().items()
        for name, tensor in network.state_dict().items()
    }
    if not tensors:
        return []
    finite = torch.stack([tensor.isfinite().all() for tensor in tensors.values()]).tolist()
    return [name for name, fine in zip(tensors, finite, strict=True) if not fine]


def fail(match: Match, run: RunFolder, means: dict[str, float], fine: int) -> NoReturn:
    """Write what is needed to look into losses that are not finite, and raise WorkFailed.

    means: of the losses since the last line of metrics, which is of the step `fine`. All
    processes must call it; the first one writes.
    """
    step, folder = match.step, run.path / "failure"
    bad = [name for name, value in means.items() if not math.isfinite(value)]
    broken = broken_tensors(match)
    report = {
        "step": step,
        "last_finite_step": fine,
        "not_finite": bad,
        "means_since_last_line": {k: repr(v) for k, v in means.items()},
        "broken_tensors": broken,
        "precision": match.device.precision,
        "config": run.config.model_dump(mode="json"),
    }
    groups, _ = capture(match)

    def fill(path: Path) -> None:
        write_json(path / "report.json", report)
        save_tensors(groups[NETWORKS], path / "networks.safetensors")

    first = match.processes.first
    if first:
        try:
            write_folder(folder, fill)
        except OSError as error:
            warnings.warn(f"{folder} could not be written: {error}", GanzooWarning, stacklevel=2)
    newest = run.checkpoints.newest_good() if first else None
    good = (
        f"The last good checkpoint is of step {newest}."
        if newest is not None
        else "No checkpoint was written yet."
    )
    what = ", ".join(bad) or f"{len(broken)} tensors of the networks"
    raise WorkFailed(
        f"step {step}: {what} not finite (fine at step {fine}). {good} The networks and a report "
        f"are in {folder}. Try a lower learning rate (--set training.generator_lr=..., "
        "training.discriminator_lr=...), --set training.clip_gradients=1 or --precision fp32."
    )
