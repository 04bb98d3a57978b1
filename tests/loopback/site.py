"""The loopback Hub apart from its endpoints: requests, answers, and who may do what."""

import json
import re
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from loopback.store import HubError, Repository

REPO = r"(?P<repo_id>(?:(?:spaces|datasets)/)?[^/]+/[^/]+?)"  # of these with their prefix
REVISION = r"(?P<revision>[^/]+)"
MODEL = f"/api/(?:models/)?{REPO}"
BAD_TOKEN = "Invalid credentials in Authorization header"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes
    user: str | None  # whose token came with it
    read_only: bool

    def json(self) -> Any:
        return json.loads(self.body)

    def get(self, name: str) -> str | None:
        values = self.query.get(name)
        return values[0] if values else None


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(data, default=str).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


def error_reply(error: HubError) -> Reply:
    message = error.message.encode("ascii", "replace").decode().replace("\n", " ")
    headers = {"X-Error-Message": message, **error.headers}
    if error.code:
        headers["X-Error-Code"] = error.code
    return json_reply({"error": error.message, **error.fields}, error.status, headers)


class Site:
    """Repositories, users and stored large files, and the answer to every request."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens: dict[str, str] = {}  # whose each is
        self.read_only: set[str] = set()  # the tokens that may not write
        self.organizations: dict[str, Sequence[str]] = {}  # of each user
        self.page_size = 1000
        self.repositories: dict[str, Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.errors: list[str] = []  # tracebacks of mistakes in this server
        self.lock = threading.RLock()

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> Reply:
        """Finds the endpoint for a request and answers it."""
        path, _, query = target.partition("?")
        token = authorization.removeprefix("Bearer ")
        read_only = token in self.read_only
        try:
            if token and token not in self.tokens:
                raise HubError(401, BAD_TOKEN)
            user = self.tokens.get(token)
            request = Request(method, path, parse_qs(query), body, user, read_only)
            for verb, pattern, endpoint in ROUTES:
                found = pattern.fullmatch(path)
                if found and verb == method.replace("HEAD", "GET"):
                    with self.lock:
                        groups = found.groupdict()
                        return endpoint(
                            self, request, **{k: unquote(v) for k, v in groups.items() if v}
                        )
            if path.startswith("/api/models/"):
                raise missing(request)
            raise HubError(404, "Sorry, we can't find the page you are looking for.")
        except HubError as error:
            return error_reply(error)
        except Exception:  # 501 because the client repeats a request that ends in a 500
            self.errors.append(traceback.format_exc())
            return error_reply(HubError(501, "a mistake in the loopback hub"))

    def owns(self, user: str | None, namespace: str | None) -> bool:
        return user is not None and namespace in (user, *self.organizations.get(user, ()))

    def authorize(
        self, request: Request, namespace: str | None, reason: str, code: str | None = None
    ) -> None:
        """Lets a request write to a namespace, or raises 401 or 403."""
        if request.user is None:
            raise HubError(401, "Invalid username or password.", code)
        if request.read_only:
            raise HubError(403, "Forbidden: you must use a write token")
        if not self.owns(request.user, namespace):
            raise HubError(403, reason)

    def open(
        self, request: Request, repo_id: str, write: bool = False, propose: bool = False
    ) -> Repository:
        """The repository, if the request may read it, write to it or open a pull request on it."""
        repo = self.repositories.get(repo_id)
        if repo is None or (repo.private and not self.owns(request.user, repo.owner)):
            raise missing(request)
        if write:
            namespace = request.user if propose and request.user else repo.owner
            reason = "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request"
            self.authorize(request, namespace, reason, "RepoNotFound")
        return repo

    def page(self, request: Request, items: Sequence[Any]) -> Reply:
        """One page of a listing, with a link to the next one."""
        start = int(request.get("cursor") or 0)
        end = start + min(int(request.get("limit") or self.page_size), self.page_size)
        headers = {}
        if end < len(items):
            query = urlencode({**request.query, "cursor": [str(end)]}, doseq=True)
            headers["Link"] = f'<{self.url}{request.path}?{query}>; rel="next"'
        return json_reply(items[start:end], headers=headers)


def missing(request: Request) -> HubError:
    """Who is not logged in gets 401 for a repository that does not exist as for a private one.

    The client takes a 401 for a missing repository only from an https address, or with this code.
    """
    if request.user is None:
        return HubError(401, "Invalid username or password.", "RepoNotFound")
    return HubError(404, "Repository not found", "RepoNotFound")


Endpoint = Callable[..., Reply]
ROUTES: list[tuple[str, re.Pattern[str], Endpoint]] = []


def route(method: str, path: str) -> Callable[[Endpoint], Endpoint]:
    def register(endpoint: Endpoint) -> Endpoint:
        ROUTES.append((method, re.compile(path), endpoint))
        return endpoint

    return register
