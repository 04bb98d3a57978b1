"""Write a model folder: whole, and the same bytes for the same model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ganzoo.catalogue import PluginReference
from ganzoo.files import write_folder, write_json
from ganzoo.layout import (
    CARD,
    CONFIG,
    DISCRIMINATOR,
    METRICS,
    SAMPLES,
    TRAINING,
    WEIGHTS,
)
from ganzoo.models.card import Facts, render
from ganzoo.models.folder import NAMES, ModelConfig, read_card
from ganzoo.models.own_text import joined, read_own
from ganzoo.models.records import Measured, TrainingRecord, metrics_json
from ganzoo.options import make
from ganzoo.sampler import Sampler
from ganzoo.tensors import save_tensors

#: What the card of a model that has no name says to load.
NAMELESS = "path/to/this/folder"


@dataclass(frozen=True)
class About:
    """What a model folder tells besides the network.

    plugin: where the architecture comes from. training: how it was trained, as
    ``training.json`` has it. metrics: what was measured, by name. card: the text of the card.
    """

    plugin: PluginReference = field(default_factory=PluginReference)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Measured] = field(default_factory=dict)
    card: str = ""


def write_model(
    path: Path,
    sampler: Sampler,
    about: About,
    name: str = NAMELESS,
    license: str | None = None,
    discriminator: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model folder whole, over one that is there.

    The user's text in the card of the one before stays, and files that the user put beside;
    its discriminator, which is of another step, does not.

    name: what `ganzoo.load` is called with, for the card. license: an identifier of the Hub's.
    Raises OSError where it cannot be written, GanzooError for a card that cannot be read.
    """
    suffix = sampler.kind.suffixes[0]
    grid = sampler.kind.render(sampler.sample(64, seed=0), suffix)
    weights = sampler.network.state_dict()
    count = sum(parameter.numel() for parameter in sampler.network.parameters())
    parameters = Measured(value=count, how="parameters of the generator, counted")
    about = replace(about, metrics={**about.metrics, "parameters": parameters})
    facts = describe(sampler, about, name, f"{SAMPLES}{suffix}")
    own = read_own(about.card, "the model's card")
    if (path / CARD).is_file():
        own = joined(own, read_own(read_card(path), str(path / CARD)))
    card = render(facts, own, license)

    def fill(folder: Path) -> None:
        write_json(folder / CONFIG, facts.config.model_dump(mode="json"))
        write_json(folder / METRICS, metrics_json(facts.metrics))
        if about.training:
            write_json(folder / TRAINING, about.training)
        save_tensors(weights, folder / WEIGHTS)
        if discriminator:
            save_tensors(dict(discriminator), folder / DISCRIMINATOR)
        (folder / f"{SAMPLES}{suffix}").write_bytes(grid)
        (folder / CARD).write_text(card, encoding="utf-8")
        _carry_over(path, folder, {*NAMES, f"{SAMPLES}{suffix}"})

    write_folder(path, fill)


def _carry_over(old: Path, new: Path, ours: set[str]) -> None:
    """Copy what the user has put beside the files of a model folder that is replaced."""
    for file in old.iterdir() if old.is_dir() else ():
        if file.name in ours:
            continue
        if file.is_symlink():
            (new / file.name).symlink_to(file.readlink())
        elif file.is_dir():
            shutil.copytree(file, new / file.name, symlinks=True)
        else:
            shutil.copy2(file, new / file.name)


def describe(sampler: Sampler, about: About, name: str, samples: str = "") -> Facts:
    """The facts for a card."""
    config = ModelConfig(
        architecture=sampler.name or type(sampler.architecture).__name__,
        plugin=about.plugin.public(),  # the folders of this machine are private
        options=sampler.config.model_dump(mode="json"),
        spec=sampler.spec.to_json(),
    )
    return Facts(
        name=name,
        config=config,
        spec=sampler.spec,
        kind=sampler.kind,
        training=make(TrainingRecord, about.training, "training.json"),
        metrics=about.metrics,
        paper=sampler.architecture.paper,
        samples=samples,
    )
