"""Short trainings of every family, whose losses are kept: a refactoring must not change them.

    python -m golden --folder runs/golden            # in tests/: trains, prints what differs
    python -m golden --folder runs/golden --write    # after a change that is meant to change them

The losses are held against ``losses.json`` within a tolerance, since processors round apart; on one
machine, the digests that are printed of weights, samples and cards must not change at all.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from pathlib import Path
from typing import Any, Final

import torch

import ganzoo
from ganzoo.kinds.image.named import mnist_5k

LOSSES: Final = Path(__file__).with_name("losses.json")
TOLERANCE: Final = 2e-3  # of a loss, relative; after a few steps processors differ by less
STEPS: Final = 6

_IMAGES: Final = {"data.image_size": 16, "training.batch_size": 16}
_LABELLED: Final = {**_IMAGES, "width": 4}

#: By name: architecture, data, and options as ``--set`` takes them.
CASES: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "vanilla": ("vanilla", "digits", {"widths": [16, 32], "training.batch_size": 20}),
    "dcgan": ("dcgan", "digits", {**_IMAGES, "width": 4}),
    "dcgan-toolkit": (
        "dcgan",
        "digits",
        {
            **_IMAGES,
            "width": 4,
            "minibatch_stddev": True,
            "generator_dropout": 0.1,
            "objective.penalty": "r1",
            "objective.penalty_every": 2,
            "objective.real_label": 0.9,
            "objective.flip_labels": 0.05,
            "training.augment": ["color", "translation", "cutout"],
            "training.instance_noise": 0.1,
            "training.replay": 0.25,
            "training.replay_size": 64,
            "training.flip": True,
            "training.dequantize": True,
            "training.clip_gradients": 1.0,
            "training.lr_decay": "linear",
            "training.discriminator_warmup": 2,
        },
    ),
    "dcgan-rmsprop": ("dcgan", "digits", {**_IMAGES, "width": 4, "training.optimizer": "rmsprop"}),
    "wgan-gp": ("wgan-gp", "digits", {**_IMAGES, "width": 4}),
    "wgan-gp-mlp": ("wgan-gp", "ring", {"network": "mlp", "width": 4, "training.batch_size": 32}),
    "sngan": ("sngan", "digits", {**_IMAGES, "width": 4}),
    "ebgan": ("ebgan", "digits", {**_IMAGES, "width": 4}),
    "r3gan": ("r3gan", "digits", {**_IMAGES, "width": 16, "blocks": 1}),
    "stylegan2": (
        "stylegan2",
        "digits",
        {
            **_IMAGES,
            "width": 4,
            "latent_size": 8,
            "objective.path_every": 2,
            "objective.penalty_every": 3,
            "training.ada_target": 0.2,
            "training.ada_images": 200,
        },
    ),
    "projection": ("projection", "digits", _LABELLED),
    "projection-sagan": (
        "projection",
        "digits",
        {**_LABELLED, "attention": 8, "conditioning": "hierarchical", "embedding_size": 8},
    ),
    "acgan": ("acgan", "digits", _LABELLED),
    "biggan": ("biggan", "digits", {**_LABELLED, "embedding_size": 8}),
    "fastgan": (
        "fastgan",
        "digits",
        {"data.image_size": 32, "training.batch_size": 8, "width": 4, "latent_size": 16},
    ),
    "points": ("points", "ring", {"training.batch_size": 64}),
    "ctgan": ("ctgan", "auto-mpg", {"width": 16, "training.batch_size": 40}),
    "pix2pix": ("pix2pix", "outlines", {**_IMAGES, "width": 4}),
    "cyclegan": ("cyclegan", "outlines-unpaired", {**_IMAGES, "width": 4, "blocks": 1}),
    "vaegan": ("vaegan", "digits", {**_IMAGES, "width": 4}),
    "arae": ("arae", "character-names", {"width": 8, "hidden": 16, "training.batch_size": 16}),
    "tvae": ("tvae", "auto-mpg", {"width": 16, "training.batch_size": 40}),
    "wavegan": ("wavegan", "plucks", {"width": 2, "training.batch_size": 8}),
}


def train(name: str, out: Path) -> ganzoo.Run:
    """Train one case in float32 on one thread."""
    architecture, data, settings = CASES[name]
    labels = None
    given: Any = data
    if data == "digits":
        given, labels = digits()
    return ganzoo.train(
        architecture,
        given,
        labels=labels,
        steps=STEPS,
        settings=settings,
        device="cpu",
        precision="fp32",
        seed=7,
        log_every=1,
        sample_every=STEPS,
        checkpoint_every=STEPS // 2,
        out=out,
    )


@functools.cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """500 real digits and their labels."""
    dataset = mnist_5k("train")
    assert isinstance(dataset.samples, torch.Tensor)
    assert dataset.labels is not None
    return dataset.samples[::10].clone(), dataset.labels[::10].clone()


def losses(run: ganzoo.Run) -> list[dict[str, float]]:
    """The losses and their terms, a step a line."""
    sides = ("generator_", "discriminator_")
    return [
        {key: value for key, value in line.items() if key.startswith(sides)}
        for line in run.metrics()
    ]


def differences(name: str, found: list[dict[str, float]]) -> list[str]:
    """Where losses are not those that were kept."""
    kept = json.loads(LOSSES.read_text())[name]
    told = []
    for step, (before, now) in enumerate(zip(kept, found, strict=True), 1):
        if before.keys() != now.keys():
            told.append(f"step {step}: {sorted(now)} where {sorted(before)} were")
            continue
        told += [
            f"step {step}: {key} is {now[key]:.6g}, and was {value:.6g}"
            for key, value in before.items()
            if not math.isclose(value, now[key], rel_tol=TOLERANCE, abs_tol=TOLERANCE / 10)
        ]
    return told


def digests(run: ganzoo.Run) -> dict[str, str]:
    """Of what must be the same to the byte on one machine."""
    files = [
        *sorted(run.model_path.iterdir()),
        *sorted((run.path / "samples").iterdir()),
        *sorted((run.path / "checkpoints").rglob("*.safetensors")),
    ]
    told = {
        str(file.relative_to(run.path)): hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for file in files
        # Of these, seconds and speeds are parts.
        if file.name not in ("training.json", "metrics.json", "README.md")
    }
    told["sample"] = hashlib.sha256(ganzoo.load(run).sample(8).numpy().tobytes()).hexdigest()[:16]
    return told
