"""Where a model comes from, for its folder."""

from __future__ import annotations

import platform
from typing import Any

import torch

from ganzoo.engine.loop import Loop
from ganzoo.version import __version__


def provenance(loop: Loop) -> dict[str, Any]:
    """Where a model comes from: data, seed, steps, versions, hardware, time."""
    match, config = loop.match, loop.run.config
    dataset = match.batches.dataset
    return {
        "step": match.step,
        "data": {
            "name": dataset.name,
            "source": config.data.source,
            "samples": len(dataset),
            "sha256": loop.fingerprint,
        },
        "seed": config.schedule.seed,
        "objective": config.objective,
        "objective_options": config.objective_options,
        "training": config.training.model_dump(mode="json"),
        "precision": match.device.precision,
        "device": match.device.describe(),
        "processes": match.processes.world,
        "threads": torch.get_num_threads(),
        "seconds": round(loop.seconds, 2),
        "versions": {
            "torch-ganzoo": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    }
