"""What the loopback Hub answers, endpoint by endpoint."""

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from loopback.site import (
    MODEL,
    REPO,
    REVISION,
    Reply,
    Request,
    Site,
    json_reply,
    route,
)
from loopback.store import Commit, HubError, Repository, front_matter, is_lfs, sha256


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
    if wanted.get("type") not in (None, "model", "space"):
        raise HubError(400, "only models and Spaces here")
    space = wanted.get("type") == "space"
    if space and wanted.get("sdk") not in ("gradio", "docker", "static"):
        raise HubError(400, "a Space needs an sdk")
    repo_id = f"{'spaces/' * space}{namespace}/{wanted['name']}"
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


@route("POST", f"{MODEL}/paths-info/{REVISION}")
def paths_info(site: Site, request: Request, repo_id: str, revision: str) -> Reply:
    commit = site.open(request, repo_id).at(revision)
    asked = (
        parse_qs(request.body.decode())["paths"]
        if request.body[:1] != b"{"
        else request.json()["paths"]
    )
    return json_reply([commit.blob(path) for path in asked if path in commit.files])


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
