"""What the loopback Hub answers: its endpoints, and who may do what."""

import base64
import json
import re
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from loopback.store import Commit, HubError, Repository, front_matter, is_lfs, sha256

REPO = r"(?P<repo_id>[^/]+/[^/]+?)"
REVISION = r"(?P<revision>[^/]+)"
MODEL = f"/api/models/{REPO}"
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


@route("GET", "/api/agent-harnesses")
def agent_harnesses(site: Site, request: Request) -> Reply:
    return json_reply({})


@route("GET", "/api/whoami-v2")
def whoami(site: Site, request: Request) -> Reply:
    if request.user is None:
        raise HubError(401, "Invalid username or password.")
    role = "read" if request.read_only else "write"
    auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": role}}
    organizations = site.organizations.get(request.user, ())
    orgs = [{"type": "org", "name": name, "roleInOrg": role} for name in organizations]
    return json_reply({"type": "user", "name": request.user, "auth": auth, "orgs": orgs})


@route("POST", "/api/repos/create")
def create_repo(site: Site, request: Request) -> Reply:
    wanted = request.json()
    namespace = wanted.get("organization") or request.user
    reason = f'You don\'t have the rights to create a model under the namespace "{namespace}"'
    site.authorize(request, namespace, reason)
    if wanted.get("type") not in (None, "model"):
        raise HubError(400, "only models here")
    repo_id = f"{namespace}/{wanted['name']}"
    place = {"url": f"{site.url}/{repo_id}", "name": repo_id}
    if repo_id in site.repositories:
        raise HubError(409, "You already created this model repo", fields=place)
    private = wanted.get("visibility") == "private"
    site.repositories[repo_id] = Repository(repo_id, private)
    return json_reply(place)


@route("POST", "/api/validate-yaml")
def validate_yaml(site: Site, request: Request) -> Reply:
    try:
        card = front_matter(request.json()["content"])
    except ValueError as error:
        return json_reply({"errors": [{"message": str(error)}], "warnings": []}, 400)
    warnings = [] if card.get("license") else [{"message": "missing `license` in the metadata"}]
    return json_reply({"errors": [], "warnings": warnings})


@route("GET", "/api/models")
def list_models(site: Site, request: Request) -> Reply:
    found = []
    for repo in site.repositories.values():
        info = repo.info(repo.at("main"))
        if (
            (not repo.private or site.owns(request.user, repo.owner))
            and set(request.query.get("filter", ())) <= set(info["tags"])
            and request.get("author") in (None, repo.owner)
            and request.get("pipeline_tag") in (None, info["pipeline_tag"])
            and (request.get("search") or "").lower() in repo.id.lower()
        ):
            found.append(info)
    order = request.get("sort")
    if order in ("createdAt", "lastModified", "downloads", "likes"):
        found.sort(key=lambda info: info[order], reverse=True)
    full = request.get("full") is not None
    hidden = set() if full else {"siblings", "sha", "lastModified", "author", "gated", "disabled"}
    if request.get("cardData") is None:
        hidden.add("cardData")
    return site.page(request, [{k: v for k, v in i.items() if k not in hidden} for i in found])


@route("GET", f"{MODEL}(?:/revision/{REVISION})?")
def model_info(site: Site, request: Request, repo_id: str, revision: str = "main") -> Reply:
    repo = site.open(request, repo_id)
    info = repo.info(repo.at(revision), blobs=request.get("blobs") is not None)
    wanted = request.query.get("expand")
    return json_reply({k: info.get(k) for k in ("id", *wanted)} if wanted else info)


@route("GET", f"{MODEL}/tree/{REVISION}(?:/(?P<path>.+))?")
def tree(site: Site, request: Request, repo_id: str, revision: str, path: str = "") -> Reply:
    commit = site.open(request, repo_id).at(revision)
    entries = {name: commit.blob(name) for name in commit.files}
    for name in commit.files:
        for folder in list(Path(name).parents)[:-1]:
            key = folder.as_posix()
            entries[key] = {"type": "directory", "path": key, "size": 0, "oid": commit.oid}
    under = {name: entry for name, entry in entries.items() if name.startswith(path and f"{path}/")}
    if path and not under:
        raise no_entry(path, commit)
    if request.get("recursive") != "true":
        under = {n: e for n, e in under.items() if Path(n).parent == Path(path)}
    return site.page(request, [under[name] for name in sorted(under)])


@route("GET", f"{MODEL}/refs")
def refs(site: Site, request: Request, repo_id: str) -> Reply:
    found = site.open(request, repo_id).refs()
    if not request.get("include_prs"):
        del found["pullRequests"]
    return json_reply(found)


@route("POST", f"{MODEL}/tag/{REVISION}")
def create_tag(site: Site, request: Request, repo_id: str, revision: str) -> Reply:
    site.open(request, repo_id, write=True).create_tag(request.json()["tag"], revision)
    return json_reply({})


@route("POST", f"{MODEL}/branch/{REVISION}")
def create_branch(site: Site, request: Request, repo_id: str, revision: str) -> Reply:
    repo = site.open(request, repo_id, write=True)
    repo.create_branch(revision, request.json().get("startingPoint") or "main")
    return json_reply({})


@route("POST", f"{MODEL}/preupload/{REVISION}")
def preupload(site: Site, request: Request, repo_id: str, revision: str) -> Reply:
    propose = request.get("create_pr") is not None
    head = site.open(request, repo_id, write=True, propose=propose).at(revision)
    modes = []
    for file in request.json()["files"]:
        path = file["path"]
        mode = "lfs" if is_lfs(path, file["size"]) else "regular"
        modes.append({"path": path, "uploadMode": mode, "shouldIgnore": False})
        if oid := head.content_oid(path):
            modes[-1]["oid"] = oid
    return json_reply({"files": modes})


@route("POST", rf"/{REPO}\.git/info/lfs/objects/batch")
def lfs_batch(site: Site, request: Request, repo_id: str) -> Reply:
    asked = request.json()
    site.open(request, repo_id, write=True, propose="ref" not in asked)
    objects = []
    for thing in asked["objects"]:
        oid, size = thing["oid"], thing["size"]
        objects.append({"oid": oid, "size": size})
        if oid not in site.lfs:
            href = f"{site.url}/lfs/{oid}"
            upload = {"href": f"{href}?size={size}", "header": {}}
            objects[-1]["actions"] = {"upload": upload, "verify": {"href": f"{href}/verify"}}
    return json_reply({"transfer": "basic", "objects": objects})


@route("PUT", "/lfs/(?P<oid>[0-9a-f]{64})")
def lfs_upload(site: Site, request: Request, oid: str) -> Reply:
    if sha256(request.body) != oid or str(len(request.body)) != request.get("size"):
        raise HubError(400, "the bytes received are not those announced")
    site.lfs[oid] = request.body
    return Reply()


@route("POST", "/lfs/(?P<oid>[0-9a-f]{64})/verify")
def lfs_verify(site: Site, request: Request, oid: str) -> Reply:
    if request.user is None or len(site.lfs.get(oid, b"")) != request.json()["size"]:
        raise HubError(400, "no such object was uploaded")
    return json_reply({"success": True})


@route("POST", f"{MODEL}/commit/{REVISION}")
def create_commit(site: Site, request: Request, repo_id: str, revision: str) -> Reply:
    propose = request.get("create_pr") is not None
    repo = site.open(request, repo_id, write=True, propose=propose)
    base = repo.at(revision)
    header, files, delete = {"summary": "Update"}, {}, []
    for line in request.body.splitlines():
        operation = json.loads(line)
        key, value = operation["key"], operation["value"]
        if key == "header":
            header = value
        elif key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile":
            if value["oid"] not in site.lfs:
                raise HubError(400, f"LFS object {value['oid']} was never uploaded")
            files[value["path"]] = site.lfs[value["oid"]]
        elif key == "deletedFile":
            delete.append(value["path"])
        elif key == "deletedFolder":
            delete.append(value["path"].rstrip("/") + "/")
        else:
            raise HubError(400, f"unknown operation {key}")
    if header.get("parentCommit", base.oid) != base.oid:
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    made: dict[str, Any] = {"success": True}
    summary, description = header["summary"], header.get("description", "")
    if propose:
        pull = repo.propose(revision, files, delete, summary, description, request.user or "")
        revision = pull.ref
        made["pullRequestUrl"] = f"{site.url}/{repo_id}/discussions/{pull.number}"
    else:
        repo.commit(revision, files, delete, summary)
    oid = repo.at(revision).oid
    return json_reply({**made, "commitOid": oid, "commitUrl": f"{site.url}/{repo_id}/commit/{oid}"})


def no_entry(path: str, commit: Commit) -> HubError:
    headers = {"X-Repo-Commit": commit.oid}
    return HubError(404, f"{path} does not exist", "EntryNotFound", headers=headers)


@route("GET", f"/{REPO}/resolve/{REVISION}/(?P<path>.+)")
def resolve(site: Site, request: Request, repo_id: str, revision: str, path: str) -> Reply:
    repo = site.open(request, repo_id)
    if repo.gated and not site.owns(request.user, repo.owner):
        status = 401 if request.user is None else 403
        raise HubError(status, f"Access to model {repo_id} is restricted.", "GatedRepo")
    commit = repo.at(revision)
    if path not in commit.files:
        raise no_entry(path, commit)
    data = commit.files[path]
    etag = f'"{commit.content_oid(path)}"'
    headers = {"X-Repo-Commit": commit.oid, "ETag": etag, "Accept-Ranges": "bytes"}
    if is_lfs(path, len(data)):
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": etag}
    return Reply(200, data, {**headers, "Content-Type": "application/octet-stream"})


def cut_range(reply: Reply, wanted: str) -> Reply:
    """The part of a file that a Range header asks for."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if found is None or reply.status != 200 or "Accept-Ranges" not in reply.headers:
        return reply
    size = len(reply.body)
    start = int(found[1]) if found[1] else max(size - int(found[2] or 0), 0)
    end = min(int(found[2]) + 1, size) if found[1] and found[2] else size
    if start >= end:
        return Reply(416, b"", {"Content-Range": f"bytes */{size}"})
    reply.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Reply(206, reply.body[start:end], reply.headers)
