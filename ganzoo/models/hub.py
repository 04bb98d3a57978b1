"""The Hugging Face Hub, through its own client: what is there, and a copy of it here."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ganzoo.errors import GanzooError, GanzooWarning, WorkFailed
from ganzoo.files import sha256
from ganzoo.hub_name import PREFIX, HubName, is_commit, is_repo
from ganzoo.layout import CARD, CONFIG, MANIFEST, METRICS, TRAINING, WEIGHTS
from ganzoo.models.hub_errors import explained, patiently, unreachable
from ganzoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

#: The tag by which the Hub's models of ganzoo are found.
TAG: Final = "ganzoo"

#: The small files that tell what a model is. The weights are fetched when these are known.
ABOUT: Final = (CARD, CONFIG, MANIFEST, METRICS, TRAINING)


@dataclass(frozen=True)
class Access:
    """How to reach the Hub, in huggingface_hub's own words.

    token: instead of the one that was logged in with. cache_dir: instead of its cache.
    force_download: although it is in the cache. local_files_only: from the cache alone.
    """

    token: str | None = field(default=None, repr=False)
    cache_dir: str | os.PathLike[str] | None = None
    force_download: bool = False
    local_files_only: bool = False

    @property
    def offline(self) -> bool:
        from huggingface_hub import constants

        return self.local_files_only or bool(constants.HF_HUB_OFFLINE)


@dataclass(frozen=True)
class RemoteModel:
    """A model on the Hub, as it stands in a list of models."""

    name: str
    summary: str


def client(token: str | None = None) -> HfApi:
    """The Hub's client. token: instead of the one that was logged in with."""
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name="ganzoo", library_version=__version__)


def download(name: HubName, files: Sequence[str], access: Access = Access()) -> Path:
    """A folder in huggingface_hub's cache, named like the commit, with those of `files` that the
    repository has.

    What a branch or tag stands for is asked of the Hub; where it does not answer, the cache is
    used, with a warning. Raises GanzooError where there is no such model or it may not be read,
    WorkFailed where it cannot be had now or is damaged; what is damaged leaves the cache.
    """
    with explained(name, access.token):
        if access.offline:
            folder = _fetch(name, files, access, local=True)
        else:
            folder = _online(name, files, access)
        _check(folder, name, files)
    return folder


def _online(name: HubName, files: Sequence[str], access: Access) -> Path:
    from huggingface_hub import errors

    try:
        commit = name.revision or ""
        if not is_commit(commit):
            # The client itself would silently take an old copy where access was withdrawn.
            api = client(access.token)
            info = patiently(lambda: api.model_info(name.repo, revision=name.revision))
            commit = _commit_of(info)
        folder = patiently(lambda: _fetch(name, files, access))
        if commit and folder.name != commit:
            folder = patiently(lambda: _fetch(name.at_commit(commit), files, access))
    except Exception as error:
        if access.force_download or not unreachable(error):
            raise
        try:
            folder = _fetch(name, files, access, local=True)
        except errors.LocalEntryNotFoundError as missing:
            raise missing from error
        warnings.warn(
            f"{name}: the Hub did not answer; its commit {folder.name[:12]} was in the cache",
            GanzooWarning,
            stacklevel=2,
        )
    return folder


def _commit_of(info: ModelInfo) -> str:
    """The commit that the Hub states, which will be the name of a folder."""
    if not is_commit(info.sha or ""):
        raise WorkFailed(
            f"the Hub's answer was not understood: it states the commit {info.sha!r}, "
            "which is not one"
        )
    return info.sha or ""


def _fetch(name: HubName, files: Sequence[str], access: Access, local: bool = False) -> Path:
    from huggingface_hub import errors, snapshot_download

    folder = snapshot_download(
        name.repo,
        revision=name.revision,
        token=access.token,
        cache_dir=None if access.cache_dir is None else Path(access.cache_dir),
        force_download=access.force_download and not local,
        local_files_only=local,
        allow_patterns=list(files),
        library_name="ganzoo",
        library_version=__version__,
    )
    if local and WEIGHTS in files and not Path(folder, WEIGHTS).exists():
        # The client is content with any of the files; every model of ganzoo's has this one.
        raise errors.LocalEntryNotFoundError(f"{WEIGHTS} is not in the cache")
    return Path(folder)


def _check(folder: Path, name: HubName, files: Sequence[str]) -> None:
    """Compare what was fetched with the hashes that the Hub states; the client does not."""
    for file in (folder / each for each in files):
        if file.is_file() and not _is_whole(file):
            file.resolve().unlink(missing_ok=True)
            file.unlink(missing_ok=True)
            raise WorkFailed(
                f"{name}: {file.name} is damaged: its hash is not the one that the Hub states. "
                "It was removed from the cache; try again"
            )


def _is_whole(file: Path) -> bool:
    """Whether a file of the cache has the hash that it is filed under: SHA-256, or git's SHA-1.

    Where the file system has no links, nothing is filed, and nothing can be compared.
    """
    stated = file.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", stated):
        return sha256(file) == stated
    if is_commit(stated):
        content = file.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return stated in (blob, hashlib.sha1(content).hexdigest())
    return True


def list_remote(token: str | None = None) -> list[RemoteModel]:
    """The models on the Hub that are tagged ``ganzoo``. Touches none of their files.

    Raises WorkFailed where the Hub does not answer.
    """
    with explained(None, token):
        return [
            RemoteModel(f"{PREFIX}{model.id}", _summary(model.tags or ()))
            for model in client(token).list_models(filter=TAG)
            if is_repo(model.id)
        ]


def _summary(tags: Sequence[str]) -> str:
    """What the tags of a card of ganzoo's say: the architecture and the kind of sample."""
    words = [tag for tag in tags if ":" not in tag and tag not in (TAG, "gan")]
    return ", ".join(words[:4])


def require(folder: Path, name: HubName, file: str) -> None:
    """Raise GanzooError where a repository lacks a file that every model of ganzoo's has."""
    if not (folder / file).exists():
        raise GanzooError(f"{name} is not a model of ganzoo's: it has no {file}")
