"""A model folder's files: written whole, the same bytes for the same model, and packaged."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ganzoo.errors import GanzooError, cannot_write
from ganzoo.files import is_leftover, write_folder, write_json
from ganzoo.layout import (
    CARD,
    CONFIG,
    DISCRIMINATOR,
    INPUTS,
    LOCK,
    METRICS,
    PARTNERS,
    SAMPLES,
    TRAINING,
    WEIGHTS,
)
from ganzoo.links import is_link
from ganzoo.manifest import write_manifest
from ganzoo.models.card import NAMELESS, Facts, render
from ganzoo.models.folder import NAMES, TENSORS, ModelConfig, check_tensors, inside, read_card
from ganzoo.models.own_text import Own, joined, read_own
from ganzoo.models.records import About, Measured, TrainingRecord, metrics_json
from ganzoo.models.stored import EXAMPLES, MOST_EXAMPLES
from ganzoo.options import make
from ganzoo.sampler import Sampler
from ganzoo.tensors import save_tensors


def write_model(
    path: Path,
    sampler: Sampler,
    about: About,
    name: str = NAMELESS,
    license: str | None = None,
    discriminator: Mapping[str, Tensor] | None = None,
    partners: Mapping[str, Tensor] | None = None,
    inputs: Tensor | None = None,
) -> None:
    """Write a model folder whole, over one that is there; in the place of a link, not behind it.

    The user's text in the card of the one before stays, and files that the user put beside;
    its discriminator, which is of another step, does not.

    name: what `ganzoo.load` is called with, for the card. license: an identifier of the Hub's.
    discriminator, partners: the tensors of those networks. inputs: examples of what the generator
    works from, (N, *shape). Partners and inputs are the sampler's own where they are not given.
    Raises OSError where it cannot be written, GanzooError for a card that cannot be read.
    """
    suffix = sampler.kind.suffixes[0]
    grid = sampler.kind.render(sampler.sample(64, seed=0), suffix)
    weights = sampler.network.state_dict()
    partners = sampler.partners.state_dict() if partners is None else partners
    inputs = sampler.inputs if inputs is None else inputs
    count = sum(parameter.numel() for parameter in sampler.network.parameters())
    parameters = Measured(value=count, how="parameters of the generator, counted")
    about = replace(about, metrics={**about.metrics, "parameters": parameters})
    facts = describe(sampler, about, name, f"{SAMPLES}{suffix}")
    own = read_own(about.card, "the model's card")
    if (path / CARD).is_file() and not is_link(path):
        own = joined(read_own(read_card(path), str(path / CARD)), own)
    card = render(facts, own, license)

    def fill(folder: Path) -> None:
        write_json(folder / CONFIG, config_json(facts.config))
        write_json(folder / METRICS, metrics_json(facts.metrics))
        if about.training:
            write_json(folder / TRAINING, about.training)
        save_tensors(weights, folder / WEIGHTS)
        if discriminator:
            save_tensors(dict(discriminator), folder / DISCRIMINATOR)
        if partners:
            save_tensors(dict(partners), folder / PARTNERS)
        if inputs is not None:
            save_tensors({EXAMPLES: inputs[:MOST_EXAMPLES]}, folder / INPUTS)
        write_manifest(folder, [folder / name for name in TENSORS if (folder / name).exists()])
        (folder / f"{SAMPLES}{suffix}").write_bytes(grid)
        (folder / CARD).write_text(card, encoding="utf-8")
        _carry_over(path, folder, {*NAMES, f"{SAMPLES}{suffix}"})

    write_folder(path, fill)


def config_json(config: ModelConfig) -> dict[str, Any]:
    """What ``config.json`` holds."""
    values = config.model_dump(mode="json")
    if config.input_spec is None:
        del values["input_spec"]
    return values


def _carry_over(old: Path, new: Path, ours: set[str]) -> None:
    """Copy what the user has put beside the files of a model folder that is replaced."""
    for file in old.iterdir() if old.is_dir() and not is_link(old) else ():
        if file.name in {*ours, LOCK} or is_leftover(file):
            continue
        if file.is_symlink():
            (new / file.name).symlink_to(file.readlink())
        elif file.is_dir():
            shutil.copytree(file, new / file.name, symlinks=True)
        elif file.is_file():  # no pipe, whose other end might never come
            shutil.copy2(file, new / file.name)


def describe(sampler: Sampler, about: About, name: str, samples: str = "") -> Facts:
    """The facts for a card."""
    inputs = sampler.input_spec
    config = ModelConfig(
        architecture=sampler.name or type(sampler.architecture).__name__,
        plugin=about.plugin.public(),  # the folders of this machine are private
        options=sampler.config.model_dump(mode="json"),
        spec=sampler.spec.to_json(),
        input_spec=None if inputs is None else inputs.to_json(),
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
        source=f"{type(sampler.architecture).__module__}:{type(sampler.architecture).__qualname__}",
    )


@dataclass(frozen=True)
class Package:
    """A model folder that was loaded without fault. facts: for its card, under its new name."""

    folder: Path
    facts: Facts

    def files(
        self,
        discriminator: bool = False,
        license: str | None = None,
        there: Own | None = None,
    ) -> dict[str, Path | bytes]:
        """What goes, by name; the card is written anew. Other files in the folder are left out.

        there: the user's part of the card that is there already. Raises GanzooError where a file
        is a link out of the folder, or a discriminator is asked for that there is not.
        """
        names = [*(name for name in NAMES if name not in (CARD, DISCRIMINATOR)), self.facts.samples]
        if discriminator:
            names.append(DISCRIMINATOR)
        files: dict[str, Path | bytes] = {
            name: inside(self.folder, name)
            for name in names
            if name and os.path.lexists(self.folder / name)
        }
        if DISCRIMINATOR in files:  # the others are those that were loaded
            check_tensors(self.folder, DISCRIMINATOR)
        if discriminator and DISCRIMINATOR not in files:
            raise GanzooError(
                f"{self.folder} has no {DISCRIMINATOR}; publish the run itself to have it along"
            )
        own = read_own(read_card(self.folder), str(self.folder / CARD))
        if there is not None:
            own = joined(there, own)
        return {CARD: render(self.facts, own, license).encode(), **files}


def package_of(folder: Path, sampler: Sampler, about: About, name: str) -> Package:
    """The package of a model folder that `sampler` and `about` were loaded from or saved to."""
    grid = f"{SAMPLES}{sampler.kind.suffixes[0]}"
    there = grid if os.path.lexists(folder / grid) else ""
    return Package(folder, describe(sampler, about, name, there))


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for what is there only meanwhile."""
    try:
        with tempfile.TemporaryDirectory(prefix="ganzoo-") as folder:
            yield Path(folder)
    except OSError as error:
        raise cannot_write(f"a temporary file in {tempfile.gettempdir()}", error) from None
