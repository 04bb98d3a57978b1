"""What run folders and model folders look like. Light: nothing here needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CONFIG: Final = "config.json"  # of a run, and of a model

# A run folder.
METRICS_LOG: Final = "metrics.jsonl"
GRIDS: Final = "samples"
REALS: Final = "reals"  # in it, with the end that the kind of sample has
CHECKPOINTS: Final = "checkpoints"
MODEL: Final = "model"
LOCK: Final = ".lock"  # of a run, and of a model folder that is written into
NETWORKS: Final = "networks"  # the group of a checkpoint's tensors that `ganzoo.load` reads too

# A model folder, which is also the layout of its repository on the Hub.
CARD: Final = "README.md"
WEIGHTS: Final = "model.safetensors"
DISCRIMINATOR: Final = "discriminator.safetensors"
PARTNERS: Final = "partners.safetensors"
INPUTS: Final = "inputs.safetensors"  # examples of what it works from
METRICS: Final = "metrics.json"
TRAINING: Final = "training.json"
MANIFEST: Final = "manifest.json"  # the sizes and SHA-256 of its weights; of a checkpoint, of all
SAMPLES: Final = "samples"  # with the end that the kind of sample has


def is_run(path: Path) -> bool:
    """Whether a folder looks like a run: a configuration and a place for samples."""
    return (path / CONFIG).is_file() and (path / GRIDS).is_dir()


def is_model(path: Path) -> bool:
    """Whether a folder looks like a model folder."""
    return (path / CONFIG).is_file() and (path / WEIGHTS).exists()
