"""A model as it is stored: its configuration, its records, and its weights, not yet read."""

from __future__ import annotations

import abc
import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from torch import Tensor

from ganzoo.catalogue import PluginReference
from ganzoo.errors import GanzooError
from ganzoo.hub_name import HubName
from ganzoo.layout import CONFIG, DISCRIMINATOR, INPUTS, PARTNERS, TRAINING, WEIGHTS
from ganzoo.models.folder import (
    ModelConfig,
    check_tensors,
    inside,
    read_card,
    read_config,
    read_object,
)
from ganzoo.models.hub import ABOUT, Access, download, require
from ganzoo.models.records import About, read_metrics, read_training
from ganzoo.spec import SampleSpec
from ganzoo.tensors import Weights

#: The file of each network. The generator is published as its moving average.
FILES: Final[Mapping[str, str]] = {
    "average": WEIGHTS,
    "generator": WEIGHTS,
    "discriminator": DISCRIMINATOR,
    "partners": PARTNERS,
}

_TO_SAMPLE: Final = (WEIGHTS, PARTNERS, INPUTS)

#: The name of the one tensor in the file of example inputs.
EXAMPLES: Final = "inputs"
MOST_EXAMPLES: Final = 64


class StoredModel(abc.ABC):
    """What a generator is built from.

    source: how the user named it. origin: what names the same from anywhere. where: names its
    configuration in messages. config: the architecture, its plugin and options. spec: what one
    sample is. about: what is told of it. revision: the commit, of a model on the Hub.
    """

    source: str
    origin: str
    where: str
    config: ModelConfig
    spec: SampleSpec
    revision: str | None = None

    @property
    @abc.abstractmethod
    def about(self) -> About:
        """Its records. Raises GanzooError where they are damaged."""

    @abc.abstractmethod
    def weights(self, network: str) -> Weights | None:
        """The weights of ``average`` (the generator that samples), ``generator`` (the one that
        plays on), ``discriminator`` or ``partners``; None where there are none."""

    def needed(self, network: str) -> Weights:
        """The weights of a network. Raises GanzooError where the model has none."""
        weights = self.weights(network)
        if weights is None:
            raise GanzooError(self.lacks(network))
        return weights

    def lacks(self, network: str) -> str:
        """What to say where a network is asked for that the model does not have."""
        return f"{self.source} has no {network}"

    def inputs(self) -> Tensor | None:
        """Examples of what the generator works from, (N, *shape)."""
        return None

    def folder(self, files: Sequence[str], needed: bool = False) -> Path | None:
        """Its model folder, with `files` in it as far as the model has them.

        None where it has no folder, or where one is to be written: not all are in it that are
        `needed`, though the model has them.
        """
        return None


class ModelFolder(StoredModel):
    """A model folder. Raises GanzooError where its configuration is damaged or of a newer ganzoo.

    plugin: where the architecture comes from, where that is known better than the folder knows.
    """

    def __init__(
        self, path: Path, source: str, origin: str, plugin: PluginReference | None = None
    ) -> None:
        self.path, self.source, self.origin = path, source, origin
        self.where = str(path / CONFIG)
        self.config, self.spec = read_config(path)
        if plugin is not None:
            self.config = self.config.model_copy(update={"plugin": plugin})

    @functools.cached_property
    def about(self) -> About:
        path = self.path
        read_training(path)  # only to see that it is one; the whole of it is kept
        training = read_object(path, TRAINING)
        return About(self.config.plugin, training, read_metrics(path), read_card(path))

    def weights(self, network: str) -> Weights | None:
        path = self.file(FILES[network])
        if path is None and network in ("average", "generator"):
            raise GanzooError(f"{self.path / WEIGHTS} is missing")
        return None if path is None else self._checked(path)

    def _checked(self, path: Path) -> Weights:
        return Weights.of_file(path, lambda: check_tensors(self.path, path.name))

    def inputs(self) -> Tensor | None:
        path = self.file(INPUTS)
        if path is None:
            return None
        weights = self._checked(path)
        if list(weights.header) != [EXAMPLES] or len(weights.header[EXAMPLES].shape) < 2:
            raise GanzooError(f"{path}: it should hold one tensor, {EXAMPLES!r}, (N, *shape)")
        return weights.tensors()[EXAMPLES]

    def lacks(self, network: str) -> str:
        return (
            f"{self.source} has no {FILES[network]}: publish or load the run itself to have the "
            f"{network}"
        )

    def folder(self, files: Sequence[str], needed: bool = False) -> Path | None:
        return self.path

    def file(self, name: str) -> Path | None:
        """A file of the folder; None where there is none. Raises GanzooError for a link out."""
        return inside(self.path, name) if os.path.lexists(self.path / name) else None


class HubFolder(ModelFolder):
    """A model folder in huggingface_hub's cache, whose large files are fetched when needed."""

    def __init__(self, path: Path, name: HubName, source: str, access: Access) -> None:
        self.name, self.access = name, access
        self._fetched = set(ABOUT)
        super().__init__(path, source, str(name.at_commit(path.name)))
        self.revision = path.name

    @classmethod
    def fetch(cls, name: HubName, source: str, access: Access) -> HubFolder:
        """The folder, with the small files that tell what the model is.

        Raises GanzooError where there is none, or it is not a model of ganzoo's, before anything
        large is downloaded.
        """
        folder = download(name, ABOUT, access)
        require(folder, name, CONFIG)
        return cls(folder, name, source, access)

    def folder(self, files: Sequence[str], needed: bool = False) -> Path | None:
        self._have([*_TO_SAMPLE, *files])
        return self.path

    def _have(self, files: Sequence[str]) -> None:
        missing = [name for name in files if name not in self._fetched]
        if missing:
            download(self.name.at_commit(self.path.name), missing, self.access)
            self._fetched.update(missing)

    def file(self, name: str) -> Path | None:
        # What sampling needs is asked for at once: each time costs a request.
        self._have(_TO_SAMPLE if name in _TO_SAMPLE else [name])
        if name == WEIGHTS:
            require(self.path, self.name, WEIGHTS)
        return super().file(name)
