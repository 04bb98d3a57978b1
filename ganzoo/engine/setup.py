"""From a configuration to a match: data, networks, players, all checked before anything runs."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ganzoo.architecture import Architecture, build_architecture
from ganzoo.data.batches import Batches
from ganzoo.data.dataset import Dataset
from ganzoo.devices import Device
from ganzoo.engine.match import Match, build_networks
from ganzoo.engine.rehearsal import rehearse
from ganzoo.errors import GanzooError
from ganzoo.kinds import kind_of
from ganzoo.kinds.image.fit import fit_images
from ganzoo.measure.advice import Setting
from ganzoo.measure.health import Health
from ganzoo.options import make
from ganzoo.processes import Processes
from ganzoo.runs.config import Data, RunConfig, objective_class
from ganzoo.spec import SampleSpec


def prepare_data(
    dataset: Dataset, architecture: type[Architecture], name: str, data: Data
) -> Dataset:
    """The data as the architecture takes it: its kind checked, its images fitted."""
    if architecture.kinds and dataset.kind not in architecture.kinds:
        raise GanzooError(
            f"{name} makes samples of kind {' or '.join(architecture.kinds)}, but the data set "
            f"{dataset.name!r} is of kind {dataset.kind}"
        )
    if architecture.conditional and dataset.labels is None:
        raise GanzooError(
            f"{name} needs labels, but the data set {dataset.name!r} has none. In a folder or zip, "
            "subfolders are classes."
        )
    if dataset.kind == "image":
        channels, height, width = dataset.spec.shape
        size = data.image_size or _image_size(architecture.image_sizes, min(height, width))
        if architecture.image_sizes and size not in architecture.image_sizes:
            sizes = ", ".join(str(known) for known in architecture.image_sizes)
            raise GanzooError(f"{name} cannot do images of {size} pixels; it can do {sizes}")
        _check_room(dataset, size)
        dataset = fit_images(dataset, size, data.channels or channels)
    elif data.image_size is not None or data.channels is not None:
        raise GanzooError(f"--image-size and data.channels are for images, not {dataset.kind}")
    kind_of(dataset.spec)  # a kind that nobody offers is told of before anything is made
    return dataset


def fits_in_memory(dataset: Dataset) -> bool:
    """Whether all samples take at most a quarter of the free memory, or are in it already."""
    if isinstance(dataset.samples, Tensor):
        return True
    return len(dataset) * dataset.spec.size <= free_memory() // 4


def _check_room(dataset: Dataset, size: int) -> None:
    needed = len(dataset) * 3 * size * size
    if isinstance(dataset.samples, Tensor) and needed > free_memory():
        raise GanzooError(
            f"--image-size {size}: {len(dataset)} such images take up to {needed >> 30} GiB, "
            f"and {free_memory() >> 30} GiB are free"
        )


def _image_size(sizes: Iterable[int], native: int) -> int:
    """The data's own size, or the next larger one of `sizes`, or the largest."""
    known = sorted(sizes)
    if not known:
        return native
    return next((size for size in known if size >= native), known[-1])


def free_memory() -> int:
    """Free memory of this machine in bytes; 4 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 4 << 30


def make_architecture(
    architecture: type[Architecture], name: str, config: RunConfig, spec: SampleSpec
) -> Architecture:
    """The architecture for a spec. Raises GanzooError where they do not go together."""
    # Labels that the networks do not take are no part of what the model is.
    spec = spec if architecture.conditional else replace(spec, classes=())
    return build_architecture(architecture, name, config.options, spec, config.training)


def make_match(
    config: RunConfig,
    architecture: Architecture,
    dataset: Dataset,
    device: Device,
    processes: Processes,
) -> Match:
    """All parts of a run, ready to play. Seeds every random state of this process."""
    batch, world = config.training.batch_size, processes.world
    if batch > len(dataset):
        raise GanzooError(
            f"training.batch_size={batch}: the data set {dataset.name!r} has only {len(dataset)} "
            "samples"
        )
    if batch % world:
        raise GanzooError(f"training.batch_size={batch} cannot be shared by {world} processes")
    if batch // world % config.training.accumulate:
        raise GanzooError(
            f"training.accumulate={config.training.accumulate}: the {batch // world} samples of a "
            "batch in a process cannot be divided by that"
        )
    seed = config.schedule.seed
    seed_everything(seed)
    objective_type = objective_class(config.objective, type(architecture))
    options = make(objective_type.Config, config.objective_options, config.objective)
    objective = objective_type(options)
    networks = build_networks(architecture, objective)
    rng = torch.Generator(device.device)
    rng.manual_seed(seed + 1)
    if config.training.flip and dataset.kind != "image":
        raise GanzooError(f"training.flip=true is for images, not {dataset.kind}")
    if config.training.augment and dataset.kind != "image":
        names = json.dumps(config.training.augment)
        raise GanzooError(f"training.augment={names} is for images, not {dataset.kind}")
    batches = Batches(
        dataset,
        batch,
        seed,
        rng,
        device.device,
        processes.rank,
        world,
        config.training.flip,
        config.training.dequantize,
        config.data.workers,
    )
    setting = Setting(config.training, objective, dataset.kind, device.precision)
    health = Health(setting, every=max(1, config.schedule.log_every // 5))
    match = Match(
        architecture, networks, objective, config.training, batches, device, processes, health
    )
    rehearse(match, config.architecture)
    # From here on processes draw apart (dropout, penalties); what they share comes from rng.
    seed_everything(seed + 2 + processes.rank)
    return match


def seed_everything(seed: int) -> None:
    """Seed all sources of chance that a checkpoint keeps."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - for plugins that use numpy's global state
    torch.manual_seed(seed)
