"""What MODEL can name: a run, a model folder, a name in the registry, a model on the Hub.

Light, because `ganzoo list` reads it: what needs torch or pydantic is imported where it is used.
"""

from __future__ import annotations

import abc
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from ganzoo.entries import ArchitectureEntry, ModelEntry
from ganzoo.errors import GanzooError, GanzooWarning, unknown
from ganzoo.files import put_back
from ganzoo.home import models_home
from ganzoo.hub_name import PREFIX, HubName, is_repo
from ganzoo.layout import CONFIG, WEIGHTS, is_model, is_run
from ganzoo.links import held
from ganzoo.models.hub import Access, list_remote
from ganzoo.plugins import catalogue

if TYPE_CHECKING:
    from ganzoo.models.stored import ModelFolder, StoredModel
    from ganzoo.runs.folder import RunFolder

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class ModelReference(abc.ABC):
    """Where a model is. text: as the user named it."""

    text: str
    #: The place, for a list and for JSON.
    place: ClassVar[str]

    @abc.abstractmethod
    def __str__(self) -> str:
        """What names the same model from anywhere."""

    @abc.abstractmethod
    def papers(self, access: Access) -> ModelFolder:
        """Its folder, for what that says of the model; of a model on the Hub, only the small files
        are fetched before the weights are asked for.

        Raises GanzooError where there is none, or it is not a model of ganzoo's.
        """

    def stored(self, step: int | None, access: Access) -> StoredModel:
        """The model as it is stored: what its networks are built from.

        step: of a run, whose checkpoint is wanted. Raises GanzooError where there is none.
        """
        if step is not None:
            raise GanzooError(f"step {step}: {self.text} is not a run; only a run has steps")
        return self.papers(access)

    def newest(self, access: Access) -> StoredModel:
        """What training can go on from: of a run its newest checkpoint, else the model."""
        return self.papers(access)

    def at(self, revision: str | None) -> ModelReference:
        """The same at a revision. Raises GanzooError where it has none: it is not on the Hub."""
        if revision is not None:
            raise GanzooError(f"revision {revision!r}: {self.text} is not on the Hub (hf://)")
        return self

    def figures_folder(self) -> Path | None:
        """The model folder that figures may be written into; None where it is not the user's."""
        return None


@dataclass(frozen=True)
class FolderReference(ModelReference):
    """A model folder."""

    path: Path
    place: ClassVar = "folder"

    def __str__(self) -> str:
        return str(self.path.resolve())

    def papers(self, access: Access) -> ModelFolder:
        from ganzoo.models.stored import ModelFolder

        return ModelFolder(self.path, self.text, str(self))

    def figures_folder(self) -> Path | None:
        return self.path


@dataclass(frozen=True)
class NamedReference(FolderReference):
    """A model that has a name here: in the local registry, or bundled with a plugin."""

    bundled: bool = False

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        return self.text

    @property
    def place(self) -> str:  # type: ignore[override]
        return "bundled" if self.bundled else "local"

    def papers(self, access: Access) -> ModelFolder:
        self.check()
        return super().papers(access)

    def figures_folder(self) -> Path | None:
        self.check()
        return None if self.bundled else self.path

    def check(self) -> None:
        """Raise GanzooError where it lies outside of the registry. A plugin says itself where its
        model lies."""
        if not self.bundled:
            held(self.path)


@dataclass(frozen=True)
class RunReference(ModelReference):
    """A run: its model, or one of its checkpoints."""

    path: Path
    place: ClassVar = "run"

    def __str__(self) -> str:
        return str(self.path.resolve())

    @property
    def run(self) -> RunFolder:
        """The run. Raises GanzooError where its configuration is damaged."""
        from ganzoo.runs.folder import RunFolder

        return RunFolder.open(self.path)

    def papers(self, access: Access) -> ModelFolder:
        from ganzoo.models.checkpoint import RunModel

        return RunModel(self.run, self.text)

    def stored(self, step: int | None, access: Access) -> StoredModel:
        from ganzoo.models.checkpoint import stored_of

        return stored_of(self.run, step, self.text)

    def newest(self, access: Access) -> StoredModel:
        from ganzoo.models.checkpoint import newest_of

        return newest_of(self.run, self.text)

    def figures_folder(self) -> Path | None:
        run = self.run
        if run.finished:
            return run.model_path
        warnings.warn(
            f"{run.path} is not finished: the figures are of its newest checkpoint, and are not "
            "written down",
            GanzooWarning,
            stacklevel=5,
        )
        return None


@dataclass(frozen=True)
class HubReference(ModelReference):
    """A model on the Hugging Face Hub."""

    name: HubName
    place: ClassVar = "hub"

    def __str__(self) -> str:
        return str(self.name)

    def at(self, revision: str | None) -> ModelReference:
        name = self.name.at(revision)
        return HubReference(str(name), name)

    def papers(self, access: Access) -> ModelFolder:
        from ganzoo.models.stored import HubFolder

        return HubFolder.fetch(self.name, self.text, access)


def reference_to(model: str | os.PathLike[str]) -> ModelReference:
    """What `model` names; folders first, then names.

    Raises GanzooError where there is none, with the nearest name or the right form.
    """
    text = os.fspath(model) if isinstance(model, str | os.PathLike) else ""
    if not isinstance(text, str) or not text:
        raise GanzooError(f"model {model!r}: it takes a folder, a name, or {PREFIX}OWNER/NAME")
    if text.startswith(PREFIX):
        return HubReference(text, HubName.parse(text))
    try:
        path = Path(text).expanduser()
        put_back(path)
        if is_model(path):
            return FolderReference(text, path)
        if is_run(path):
            return RunReference(text, path)
        folder = path.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nobody, a zero byte
        raise GanzooError(f"model {text[:100]!r}: {error}") from None
    named = {reference.name: reference for reference in named_models()}
    if text in named:
        return named[text]
    if folder:
        raise GanzooError(
            f"{text} is neither a run nor a model folder: it has no {CONFIG} with {WEIGHTS}"
        )
    if is_repo(text):
        raise GanzooError(
            f"{text}: there is no such folder. If a model on the Hugging Face Hub is meant: "
            f"{PREFIX}{text}"
        )
    raise unknown("model", text, named, "There is no such folder either. See: ganzoo list")


def named_models() -> Iterator[NamedReference]:
    """The models that have a name here; one of the local registry hides a bundled one."""
    local = _folders(models_home())
    for path in local:
        yield NamedReference(path.name, path)
    names = {path.name for path in local}
    for name, entry in catalogue().entries(ModelEntry).items():
        if name not in names:
            yield NamedReference(name, Path(entry.target), bundled=True)


def _folders(home: Path) -> list[Path]:
    """The folders in the registry that have a model's name; none where it cannot be read."""
    try:
        paths = sorted(home.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        text = f"{home}, where your models are, cannot be read: {error.strerror}"
        warnings.warn(text, GanzooWarning, stacklevel=2)
        return []
    return [path for path in paths if _NAME.fullmatch(path.name) and path.is_dir()]


def local_path(name: str) -> Path:
    """Where the local registry has, or would have, the model `name`. Raises GanzooError where a
    model cannot be called so."""
    if not _NAME.fullmatch(name):
        raise GanzooError(
            f"{name!r}: a name in the registry has letters, digits, '-', '_' and '.', and begins "
            "with a letter or a digit"
        )
    return models_home() / name


def list_architectures() -> list[str]:
    """The names of all installed architectures."""
    return list(catalogue().entries(ArchitectureEntry))


def list_models(pattern: str = "*", remote: bool = False) -> list[str]:
    """The names of models that `ganzoo.load` takes: of the local registry and bundled ones.

    pattern: with the wildcards of a shell. remote: also the models on the Hub that are tagged
    ``ganzoo``, as ``hf://owner/name``. Raises GanzooError where the Hub does not answer.
    """
    names = [reference.name for reference in named_models()]
    if remote:
        names += [model.name for model in list_remote()]
    return sorted({name for name in names if matches(name, pattern)})


def matches(name: str, pattern: str) -> bool:
    """Whether a name is meant by a pattern with the wildcards of a shell, or, without any, has it
    inside; with hf:// or without."""
    if not set("*?[") & set(pattern):
        return pattern.lower() in name.lower()
    return fnmatch(name, pattern) or fnmatch(name.removeprefix(PREFIX), pattern)
