"""The connection to the Hub: every request has a limit of time, and what becomes a file's name in
the cache is checked, which the client does not do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from ganzoo.errors import WorkFailed
from ganzoo.hub_name import is_commit

_SENDING: Final = 120.0  # seconds that the Hub may take to answer what was sent, such as a commit
_SILENT: Final = 20.0  # seconds without any answer, after which nothing more is asked
_HASH: Final = re.compile(r"[0-9A-Za-z+_-]{1,128}")


class _Guard:
    """Looks at each request and answer. One for the process, as the client is."""

    def __init__(self) -> None:
        self._asked: float | None = None  # when something was asked that has no answer yet

    def forget(self) -> None:
        """Begin anew: what was not answered was another command's."""
        self._asked = None

    def request(self, request: Any) -> None:
        """Limit its time. Raises the client's own error where the Hub has been silent for long."""
        from huggingface_hub import constants, errors

        reading = request.method in ("GET", "HEAD")
        limit = float(constants.HF_HUB_ETAG_TIMEOUT) if reading else _SENDING
        given: Mapping[str, float | None] = request.extensions.get("timeout") or {}
        request.extensions = {
            **request.extensions,
            "timeout": {
                kind: min(given.get(kind) or limit, limit)
                for kind in ("connect", "read", "write", "pool")
            },
        }
        if not reading:
            return
        now = time.monotonic()
        if self._asked is None:
            self._asked = now
        elif now - self._asked > max(_SILENT, 2 * limit):
            raise errors.HTTPError(f"no answer for {now - self._asked:.0f} s")

    def response(self, response: Any) -> None:
        """Raise WorkFailed where a hash is none: it would name a file or a folder."""
        self._asked = None
        headers = response.headers
        if "/resolve/" in response.request.url.path:
            commit = headers.get("x-repo-commit")
            if commit is not None and not is_commit(commit):
                raise _odd("commit", commit)
            for name in ("etag", "x-linked-etag"):
                tag = headers.get(name, "").removeprefix("W/").strip('"')
                if tag and not _HASH.fullmatch(tag):
                    raise _odd("hash of a file", tag)
        elif _STATES_COMMIT.search(response.request.url.path) and response.status_code == 200:
            response.read()
            try:
                answer = response.json()
            except (ValueError, RecursionError):
                return  # the client says so
            commit = answer.get("sha") if isinstance(answer, dict) else None
            if commit is not None and not is_commit(str(commit)):
                raise _odd("commit", commit)


_STATES_COMMIT: Final = re.compile(r"^/api/models/[^/]+/[^/]+(/revision/[^/]+)?$")


def _odd(what: str, value: object) -> WorkFailed:
    return WorkFailed(
        f"the Hub's answer was not understood: it states the {what} {str(value)[:80]!r}, which is "
        "none"
    )


_guard: Final = _Guard()


def guard() -> None:
    """Have requests to the Hub limited and answers checked, whatever was asked before."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    _guard.forget()
    before: Callable[[], Any] = _http._GLOBAL_CLIENT_FACTORY
    if getattr(before, "guarded", False):
        return

    def guarded() -> Any:
        client = before()
        hooks = client.event_hooks
        client.event_hooks = {
            "request": [*hooks["request"], _guard.request],
            "response": [*hooks["response"], _guard.response],
        }
        return client

    guarded.guarded = True  # type: ignore[attr-defined]
    set_client_factory(guarded)
