"""From a configuration to a match: data, networks, players, all checked before anything runs."""

from __future__ import annotations

import json
from dataclasses import replace

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture, build_architecture
from ganzoo.chance import Chance, seed_everything
from ganzoo.data.batches import Batches
from ganzoo.data.dataset import Dataset
from ganzoo.data.decoded import keep_decoded
from ganzoo.data.reading import fits_in_memory, read_all, spread_samples
from ganzoo.devices import Device
from ganzoo.engine.match import Match
from ganzoo.engine.rehearsal import judges_alone, rehearse
from ganzoo.entries import AugmentationEntry
from ganzoo.errors import GanzooError
from ganzoo.kinds import kind_class
from ganzoo.kinds.prepare import mirrors, prepare_data
from ganzoo.measure.advice import Setting
from ganzoo.measure.health import Health
from ganzoo.options import make
from ganzoo.plugins import catalogue
from ganzoo.processes import Processes
from ganzoo.runs.config import RunConfig
from ganzoo.runs.resolve import objective_class
from ganzoo.spec import SampleSpec


def make_architecture(
    architecture: type[Architecture], name: str, config: RunConfig, spec: SampleSpec
) -> Architecture:
    """The architecture for a spec. Raises GanzooError where they do not go together."""
    # Labels that the networks do not take are not part of the model.
    spec = spec if architecture.conditional else replace(spec, classes=())
    return build_architecture(architecture, name, config.options, spec, config.training)


def prepare(
    architecture: type[Architecture],
    config: RunConfig,
    dataset: Dataset,
    processes: Processes,
) -> tuple[RunConfig, Architecture, Dataset, list[str]]:
    """The configuration, which says where the data is, the architecture for the data, and the data
    as the architecture takes it, in memory where it fits; and what is told of it.

    Raises GanzooError where they do not go together.
    """
    name = config.architecture
    dataset = prepare_data(dataset, architecture, name, config.data)
    settled = kind_class(dataset.kind).settled(dataset)
    config = config.model_copy(update={"data": config.data.model_copy(update=settled)})
    if config.data.in_memory == "auto":
        # Decided once for all processes and for good: a broken image counts otherwise in memory.
        stream = processes.any(int(not fits_in_memory(dataset)))
        data = config.data.model_copy(update={"in_memory": "no" if stream else "yes"})
        config = config.model_copy(update={"data": data})
    notes: list[str] = []
    cache, resident = config.data.cache, config.data.in_memory == "yes"
    if cache == "yes" or (cache == "auto" and not resident):
        dataset, notes = keep_decoded(dataset, cache)
    if resident:
        dataset = read_all(dataset)
    config = _with_augmentations(config, dataset.kind)
    made = make_architecture(architecture, name, config, dataset.spec)
    batch = _fitting_batch(config, made, len(dataset), processes.world)
    if batch != config.training.batch_size:
        notes.append(
            f"batches of {batch}: the data set {dataset.name!r} has {len(dataset)} samples"
        )
        training = config.training.model_copy(update={"batch_size": batch})
        config = config.model_copy(update={"training": training})
        made = make_architecture(architecture, name, config, dataset.spec)
    return config, made, dataset, notes


def _with_augmentations(config: RunConfig, kind: str) -> RunConfig:
    """The configuration with the names of the augmentations that ADA takes, where it names none.
    They are part of the run: another version, or a plugin, may bring more of them."""
    training = config.training
    if training.ada_target is None or training.augment:
        return config
    names = tuple(
        entry.name
        for entry in catalogue().entries(AugmentationEntry).values()
        if entry.adaptive and (not entry.kinds or kind in entry.kinds)
    )
    if not names:
        raise GanzooError(
            f"training.ada_target={training.ada_target}: there are no augmentations for {kind} to "
            "choose from; name some with training.augment"
        )
    training = training.model_copy(update={"augment": names})
    return config.model_copy(update={"training": training})


def _fitting_batch(config: RunConfig, architecture: Architecture, count: int, world: int) -> int:
    """The batch size of a run. Where it is the recipe's, and more than the `count` samples of the
    data, it is the largest that can be played with those."""
    training, recipe = config.training, type(architecture).training
    if training.batch_size != recipe.batch_size or training.batch_size <= count:
        return training.batch_size
    part = architecture.pack * training.accumulate * world
    return count // part * part or training.batch_size


def make_match(
    config: RunConfig,
    architecture: Architecture,
    dataset: Dataset,
    device: Device,
    processes: Processes,
) -> Match:
    """All parts of a run, ready to play. Seeds all random states that are in place: `Chance`."""
    batch, world, pack = config.training.batch_size, processes.world, architecture.pack
    if batch > len(dataset):
        raise GanzooError(
            f"training.batch_size={batch}: the data set {dataset.name!r} has only {len(dataset)} "
            "samples"
            + (f", and packs of {pack} are judged; it takes more" if pack > len(dataset) else "")
        )
    if batch % world:
        raise GanzooError(f"training.batch_size={batch} cannot be shared by {world} processes")
    if batch // world % config.training.accumulate:
        raise GanzooError(
            f"training.accumulate={config.training.accumulate}: the {batch // world} samples of a "
            "batch in a process cannot be divided by that"
        )
    seed = config.schedule.seed
    seed_everything(seed, device.device)
    objective_type = objective_class(config.objective, type(architecture))
    options = make(objective_type.Config, config.objective_options, config.objective)
    objective = objective_type(options)
    rng = torch.Generator(device.device)
    rng.manual_seed(seed + 1)
    mirror, mirror_inputs = mirrors(dataset) if config.training.flip else (None, None)
    for name in config.training.augment:
        kinds = catalogue().find(AugmentationEntry, name).kinds
        if kinds and dataset.kind not in kinds:
            names = json.dumps(config.training.augment)
            raise GanzooError(
                f"training.augment={names}: {name} is for {' and '.join(kinds)}, not {dataset.kind}"
            )
    batches = Batches(
        dataset,
        batch,
        seed,
        rng,
        device.device,
        rank=processes.rank,
        world=world,
        mirror=mirror,
        mirror_inputs=mirror_inputs,
        dequantize=config.training.dequantize,
        workers=config.data.workers,
        layout=device.memory_format,
        weights=_weights(architecture, dataset),
    )
    setting = Setting(config.training, objective, dataset.kind, device.precision)
    health = Health(setting, every=max(1, config.schedule.log_every // 5))
    match = Match(architecture, objective, batches, device, processes, health)
    rehearse(match, config.architecture)
    match.joined = judges_alone(match)
    # From here on processes draw apart (dropout, penalties); what they share comes from rng.
    seed_everything(seed + 2 + processes.rank, device.device)
    return match


def _weights(architecture: Architecture, dataset: Dataset) -> Tensor | None:
    """How often each sample is drawn. Raises GanzooError where the architecture gives none that
    can be drawn by."""
    weights = architecture.sample_weights(dataset)
    if weights is None:
        return None
    if weights.shape != (len(dataset),) or not bool((weights >= 0).all()) or not weights.sum() > 0:
        raise GanzooError(
            f"sample_weights: of shape {tuple(weights.shape)}; it returns one for each of the "
            f"{len(dataset)} samples, none below 0 and not all of them 0"
        )
    return weights


def summary(match: Match, config: RunConfig) -> str:
    """What is trained, in one line: ``300 images → 3×64×64, cpu fp32, G 3.6M D 2.8M, batch 64,
    20,000 steps, about 50 min``; the time where it was measured how fast a step is computed."""
    dataset, training, networks = match.batches.dataset, config.training, match.networks
    spec, device = match.architecture.spec, match.device
    size = [_rounded(_parameters(part)) for part in (networks.generator, networks.discriminator)]
    world = match.processes.world
    parts = [
        f"{len(dataset):,} {kind_class(spec.kind).several} → {'×'.join(map(str, spec.shape))}",
        f"{device.device.type} {device.precision}",
        f"G {size[0]} D {size[1]}",
        f"batch {training.batch_size}",
        f"{training.steps:,} steps",
    ]
    if world > 1:
        parts.insert(2, f"{world} processes")
    execution = config.execution
    rate = 0.0 if execution is None else execution.measured.get(execution.name, 0.0)
    if rate:
        left = training.steps - match.step
        parts.append(f"about {_duration(left * training.batch_size / rate)}")
    return ", ".join(parts)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _rounded(count: int) -> str:
    """A number of parameters: 820, 12K, 3.6M."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= size:
            return f"{count / size:.2g}{unit}" if count < 10 * size else f"{count // size}{unit}"
    return str(count)


def _duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, round(seconds))} s"


def examples_of(match: Match, count: int) -> Tensor | None:
    """Up to `count` examples of what a generator works from: inputs from all of the data, or what
    `Architecture.condition` makes of its samples; None for one that works from latents. They are
    the same on every call."""
    architecture, dataset = match.architecture, match.batches.dataset
    if architecture.input_spec is None:
        return None
    inputs = dataset.of_inputs()
    if inputs is not None:
        return spread_samples(inputs, count)[0]
    samples, labels = spread_samples(dataset, count)
    labels = labels if architecture.conditional else None
    with torch.no_grad(), Chance(torch.device("cpu"), 0):
        return architecture.condition(samples, labels, torch.Generator().manual_seed(0))
