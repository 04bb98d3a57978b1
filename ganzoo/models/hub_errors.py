"""Errors of the Hub's client in plain words, and patience where the Hub fails for a moment."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from traceback import extract_tb
from typing import Final, TypeVar

from ganzoo.errors import GanzooError, WorkFailed, one_line
from ganzoo.hub_name import HubName
from ganzoo.models.hub_guard import guard

Result = TypeVar("Result")

LOGIN: Final = "log in with: hf auth login (or set HF_TOKEN)"
_SHORT: Final = 5.0  # seconds


def patiently(work: Callable[[], Result]) -> Result:
    """Do it again where the Hub failed or the connection broke: much passes in a second.

    `work` must be such that another time does no harm. What took long was tried by the client
    again and again already.
    """
    began = time.monotonic()
    for pause in (1, 2):
        try:
            return work()
        except Exception as error:
            passing = unreachable(error) and status_of(error) != 429 and not _unconnected(error)
            if not passing or time.monotonic() - began > _SHORT:
                raise
        time.sleep(pause)
    return work()


def unreachable(error: BaseException) -> bool:
    """Whether the Hub did not answer, or answered that it cannot now."""
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return False
    status = status_of(error)
    if status is not None:
        return status >= 500 or status == 429
    return any(isinstance(cause, errors.HTTPError) for cause in _causes(error))


def _unconnected(error: BaseException) -> bool:
    """Whether there was no connection at all, which a second does not mend."""
    names = ("ConnectError", "ConnectTimeout")
    return any(type(cause).__name__ in names for cause in _causes(error))


@contextlib.contextmanager
def explained(name: HubName | None, token: str | None = None) -> Iterator[None]:
    """Turn errors of the Hub's client into one message that says what to do.

    name: the model that was asked for. A token is never part of the message.
    """
    from huggingface_hub import errors

    what = str(name) if name else "the Hub"
    guard()
    try:
        yield
    except GanzooError:
        raise
    except errors.GatedRepoError:
        raise GanzooError(
            f"{what} is gated: ask for access on its page on the Hub, then {LOGIN}"
        ) from None
    except errors.RepositoryNotFoundError as error:
        raise GanzooError(_not_found(what, status_of(error))) from None
    except errors.RevisionNotFoundError:
        revision = (name.revision if name else None) or "main"
        raise GanzooError(f"{what}: there is no branch, tag or commit {revision!r}") from None
    except errors.LocalTokenNotFoundError:
        raise GanzooError(f"{what}: {LOGIN}") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise _not_here(what, error, token) from None
    except (errors.EntryNotFoundError, errors.HFValidationError) as error:
        raise GanzooError(f"{what}: {_clean(error, token)}") from None
    except Exception as error:
        known = _known(what, error, token)
        if known is None:
            raise  # no error of the client's: a fault, whose traceback is needed
        raise known from None


def _known(what: str, error: BaseException, token: str | None) -> GanzooError | None:
    """The error for an answer of the Hub, a broken connection, or a disk; None for others."""
    from huggingface_hub import errors

    causes = list(_causes(error))  # the client hides what went wrong with an upload in another
    if status_of(error) is not None:
        return _of_status(what, error, token)
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return WorkFailed(f"{what}: the disk is full ({one_line(cause)}). Make room, try again")
    for cause in causes:
        if isinstance(cause, errors.HTTPError):
            return WorkFailed(
                f"{what}: the connection to the Hub failed ({type(cause).__name__}: "
                f"{_clean(cause, token)}){_endpoint()}. Try again"
            )
    if isinstance(error, PermissionError | NotADirectoryError):
        return GanzooError(f"{what}: {one_line(error)}")
    if isinstance(error, OSError):  # among them a download that came too short
        return WorkFailed(f"{what}: {_clean(error, token)}. Try again")
    if any("huggingface_hub" in frame.filename for frame in extract_tb(error.__traceback__)[1:]):
        return WorkFailed(
            f"{what}: the Hub's answer was not understood{_endpoint()} ({type(error).__name__}: "
            f"{_clean(error, token)})"
        )
    return None


def _endpoint() -> str:
    endpoint = os.environ.get("HF_ENDPOINT")
    return f" at HF_ENDPOINT={_unsigned(endpoint)!r}" if endpoint is not None else ""


def _unsigned(text: str) -> str:
    """A text without the user and password in its addresses."""
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def _not_found(what: str, status: int | None) -> str:
    if status == 401:
        return f"{what}: there is none that you may see. If it is private: {LOGIN}"
    return f"{what}: there is no such model on the Hub, or it is private and not yours"


def _not_here(what: str, error: BaseException, token: str | None) -> GanzooError:
    if status_of(error) is not None:
        return _of_status(what, error, token)
    why = "only local files were asked for, or HF_HUB_OFFLINE is set"
    if unreachable(error):
        said = _clean(_root(error), token)
        why = f"the connection to the Hub failed{_endpoint()} ({said}). Try again when it is there"
    return WorkFailed(f"{what} is not in the cache, or not all of it, and {why}")


def _of_status(what: str, error: BaseException, token: str | None) -> GanzooError:
    status, said = status_of(error), _clean(_root(error), token)
    if status == 401:
        return GanzooError(f"{what}: the Hub does not recognise you: {LOGIN}")
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


def status_of(error: BaseException) -> int | None:
    """The status of the Hub's answer that an error is of, or was caused by."""
    for cause in _causes(error):
        status: int | None = getattr(getattr(cause, "response", None), "status_code", None)
        if status is not None:
            return status
    return None


def _root(error: BaseException) -> BaseException:
    """What caused it: the answer of the Hub where there is one, else what the connection said."""
    from huggingface_hub import errors

    answers = [cause for cause in _causes(error) if isinstance(cause, errors.HTTPError)]
    return answers[-1] if answers else error


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _clean(error: BaseException, token: str | None) -> str:
    """An error's text, short, without anything that looks like a token."""
    from huggingface_hub import get_token

    text = one_line(error)
    for secret in filter(None, (token, get_token())):
        for form in (secret, secret.strip(), repr(secret)[1:-1]):
            text = text.replace(form, "***") if form else text
    return re.sub(r"hf_\w{8,}", "***", _unsigned(text))[:300]
