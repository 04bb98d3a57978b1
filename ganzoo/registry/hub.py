"""The Hugging Face Hub, through its own client: download, list, and errors in plain words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ganzoo.errors import GanzooError, WorkFailed, one_line
from ganzoo.layout import CARD, CONFIG, DISCRIMINATOR, METRICS, SAMPLES, TRAINING, WEIGHTS
from ganzoo.registry.hub_name import PREFIX, HubName
from ganzoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import HfApi

#: The tag by which the Hub's models of ganzoo are found.
TAG: Final = "ganzoo"

Result = TypeVar("Result")
_SHORT: Final = 5.0  # seconds

#: What is downloaded: to read of a model, to load it, and to go on training it.
ABOUT: Final = (CARD, CONFIG, METRICS, TRAINING)
FILES: Final = (*ABOUT, WEIGHTS, f"{SAMPLES}.*")
ALL: Final = (*FILES, DISCRIMINATOR)


@dataclass(frozen=True)
class RemoteModel:
    """A model on the Hub, as a list of models tells of it."""

    name: str
    summary: str


def client(token: str | None = None) -> HfApi:
    """The Hub's client. token: instead of the one that was logged in with."""
    from huggingface_hub import HfApi

    return HfApi(token=token, library_name="ganzoo", library_version=__version__)


def download(
    name: HubName,
    *,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
    files: Sequence[str] = FILES,
) -> Path:
    """The model folder of one commit in huggingface_hub's cache; the folder has its name.

    files: patterns of the names to fetch. What is in the cache is used again; only what a branch
    or a tag stands for is asked of the Hub.
    Raises GanzooError where there is no such model or it may not be read, WorkFailed where the
    Hub does not answer or what came is damaged; that is removed from the cache.
    """
    from huggingface_hub import errors, snapshot_download

    def fetch(local: bool = local_files_only) -> Path:
        return Path(
            snapshot_download(
                name.repo,
                revision=name.revision,
                token=token,
                cache_dir=None if cache_dir is None else Path(cache_dir),
                force_download=force_download,
                local_files_only=local,
                allow_patterns=list(files),
                library_name="ganzoo",
                library_version=__version__,
            )
        )

    with explained(name, token):
        try:
            folder = patiently(fetch)
        except errors.HTTPError:
            # The client uses its cache where the Hub is down, but not where it breaks off.
            if force_download:
                raise
            with contextlib.suppress(errors.LocalEntryNotFoundError):
                return _checked(fetch(local=True), name, files)
            raise
    return _checked(folder, name, files)


def _checked(folder: Path, name: HubName, files: Sequence[str]) -> Path:
    """The folder, whole. A file that is not what the Hub states is removed from the cache."""
    missing = [file for file in (CONFIG, WEIGHTS) if file in files and not (folder / file).exists()]
    if missing:
        raise GanzooError(f"{name} is no model of ganzoo's: it has no {' and no '.join(missing)}")
    damaged = [file for file in sorted(folder.iterdir()) if not _is_whole(file)]
    for file in damaged:
        file.resolve().unlink(missing_ok=True)
        file.unlink(missing_ok=True)
    if damaged:
        raise WorkFailed(
            f"{name}: {damaged[0].name} is damaged: its hash is not the one that the Hub states. "
            "It was removed from the cache; try again"
        )
    return folder


def _is_whole(file: Path) -> bool:
    """Whether a file of the cache has the hash that it is filed under."""
    digest = file.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", digest):
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == digest
    if re.fullmatch(r"[0-9a-f]{40}", digest):  # a git blob
        content = file.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == digest
    return True  # a file system without links keeps no hash


def list_remote(token: str | None = None) -> list[RemoteModel]:
    """The models on the Hub that are tagged ``ganzoo``. Touches none of their files.

    Raises WorkFailed where the Hub does not answer.
    """
    with explained(None, token):
        return [
            RemoteModel(f"{PREFIX}{model.id}", _summary(model.tags or ()))
            for model in client(token).list_models(filter=TAG)
        ]


def _summary(tags: Sequence[str]) -> str:
    """What the tags of a card of ganzoo's say: the architecture and the kind of sample."""
    told = [tag for tag in tags if ":" not in tag and tag not in (TAG, "gan", "region:us")]
    return ", ".join(told[:4])


def patiently(work: Callable[[], Result]) -> Result:
    """Do it again where the Hub failed or the connection broke: much passes in a second.

    `work` must be such that another time does no harm. What took long was tried by the client
    again and again already.
    """
    from huggingface_hub import errors

    began = time.monotonic()
    for pause in (1, 2):
        try:
            return work()
        except (errors.HTTPError, errors.LocalEntryNotFoundError, RuntimeError) as error:
            status = _status(_root(error))
            if time.monotonic() - began > _SHORT or (status is not None and status < 500):
                raise
        time.sleep(pause)
    return work()


@contextlib.contextmanager
def explained(name: HubName | None, token: str | None = None) -> Iterator[None]:
    """Turn errors of the Hub's client into one message that says what to do.

    name: the model that was asked for. A token is never part of the message.
    """
    from huggingface_hub import errors

    what = str(name) if name else "the Hub"
    login = "log in with: hf auth login (or set HF_TOKEN)"
    try:
        yield
    except GanzooError:
        raise
    except errors.GatedRepoError:
        raise GanzooError(
            f"{what} is gated: ask for access on its page on the Hub, then {login}"
        ) from None
    except errors.RepositoryNotFoundError as error:
        raise GanzooError(_not_found(what, login, _status(error))) from None
    except errors.RevisionNotFoundError:
        revision = name.revision if name else None
        raise GanzooError(
            f"{what}: there is no branch, tag or commit {revision or 'main'!r}"
        ) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        if _status(_root(error)) is not None:
            raise _of_status(what, login, _root(error), token) from None
        raise WorkFailed(
            f"{what} is not in the cache, or not all of it, and the Hub was not reached "
            f"({_clean(_root(error), token)}). Connect (is HF_HUB_OFFLINE set?) and try again"
        ) from None
    except errors.EntryNotFoundError as error:
        raise GanzooError(f"{what}: {_clean(error, token)}") from None
    except errors.HFValidationError as error:
        raise GanzooError(f"{what}: {_clean(error, token)}") from None
    except errors.LocalTokenNotFoundError:
        raise GanzooError(f"{what}: {login}") from None
    except errors.HfHubHTTPError as error:
        raise _of_status(what, login, error, token) from None
    except (errors.HTTPError, OSError) as error:  # the connection; the disk
        raise _of_system(what, error, token) from None
    except (ValueError, RuntimeError) as error:
        root = _root(error)  # the client hides what went wrong with an upload in a RuntimeError
        if _status(root) is not None:
            raise _of_status(what, login, root, token) from None
        if isinstance(root, errors.HTTPError | OSError):
            raise _of_system(what, root, token) from None
        raise WorkFailed(f"{what}: {_clean(root, token)}") from None


def _not_found(what: str, login: str, status: int | None) -> str:
    if status == 401:
        return f"{what}: there is none that you may see. If it is private: {login}"
    return f"{what}: there is no such model on the Hub, or it is private and not yours"


def _of_status(what: str, login: str, error: BaseException, token: str | None) -> GanzooError:
    status, said = _status(error), _clean(error, token)
    if status == 401:
        return GanzooError(f"{what}: the Hub does not know you: {login}")
    if status == 403:
        return GanzooError(
            f"{what}: your token may not do this ({said}). Use one that may write there: hf auth "
            "login"
        )
    if status in (409, 412):
        return WorkFailed(f"{what}: somebody else changed it meanwhile ({said}). Try again")
    if status == 429:
        return WorkFailed(f"{what}: the Hub has had too many requests; wait some minutes and retry")
    if status is not None and status >= 500:
        return WorkFailed(f"{what}: the Hub failed (status {status}): {said}. Try again later")
    return WorkFailed(f"{what}: the Hub refused (status {status}): {said}")


def _of_system(what: str, error: BaseException, token: str | None) -> GanzooError:
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return WorkFailed(f"{what}: the disk is full ({one_line(error)}). Make room and try again")
    if isinstance(error, PermissionError):
        return GanzooError(f"{what}: {one_line(error)}")
    return WorkFailed(
        f"{what}: the connection to the Hub failed ({type(error).__name__}: "
        f"{_clean(error, token)}). Try again"
    )


def _status(error: BaseException) -> int | None:
    status: int | None = getattr(getattr(error, "response", None), "status_code", None)
    return status


def _root(error: BaseException) -> BaseException:
    """What caused it: the answer of the Hub where there is one, else the first error."""
    while error.__cause__ is not None and _status(error) is None:
        error = error.__cause__
    return error


def _clean(error: BaseException, token: str | None) -> str:
    """An error's text, short, without anything that looks like a token."""
    from huggingface_hub import get_token

    text = one_line(error)
    for secret in (token, get_token()):
        text = text.replace(secret, "***") if secret else text
    return re.sub(r"hf_\w{8,}", "***", text)[:300]
