"""The repositories of a Hub kept in memory: commits, branches, tags and pull requests."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml  # type: ignore[import-untyped]

LFS_SUFFIXES = (".safetensors", ".png")
LFS_SIZE = 10 * 1024 * 1024
GIT_ATTRIBUTES = "".join(f"*{s} filter=lfs diff=lfs merge=lfs -text\n" for s in LFS_SUFFIXES)
FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)(?:\r?\n|\A)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


class HubError(Exception):
    """An answer other than success: its status, message, error code and further headers."""

    def __init__(
        self, status: int, message: str, code: str | None = None, **extra: Mapping[str, Any]
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = dict(extra.get("headers", {}))
        self.fields = dict(extra.get("fields", {}))


def now() -> str:
    """The time, as the Hub writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_sha1(data: bytes) -> str:
    """The name that git gives to a file with these contents."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_lfs(path: str, size: int) -> bool:
    return size > LFS_SIZE or (size > 0 and path.endswith(LFS_SUFFIXES))


def lfs_pointer(data: bytes) -> bytes:
    """The small text file that git keeps in the place of a large one."""
    head = "version https://git-lfs.github.com/spec/v1"
    return f"{head}\noid sha256:{sha256(data)}\nsize {len(data)}\n".encode()


def front_matter(text: str) -> dict[str, Any]:
    """The YAML at the top of a README. Raises ValueError where there is none or it is broken."""
    block = FRONT_MATTER.match(text)
    if block is None:
        raise ValueError("empty or missing yaml metadata in repo card")
    try:
        data = yaml.safe_load(block[1])
    except yaml.YAMLError as error:
        raise ValueError(f"bad yaml in repo card: {error}") from error
    if not isinstance(data, dict):
        raise ValueError("the yaml metadata of a repo card must be a mapping")
    return data


@dataclass(frozen=True)
class Commit:
    """The files of a repository at one moment; never changed once made."""

    oid: str
    files: Mapping[str, bytes]
    message: str
    date: str

    def card(self) -> dict[str, Any]:
        """The metadata in README.md; empty where there is none that can be read."""
        try:
            return front_matter(self.files.get("README.md", b"").decode())
        except ValueError:
            return {}

    def tags(self) -> list[str]:
        card = self.card()
        tags = card.get("tags") or []
        tags = [str(tag) for tag in tags] if isinstance(tags, list) else [str(tags)]
        library = card.get("library_name")
        return list(dict.fromkeys([*([str(library)] if library else []), *tags]))

    def blob(self, path: str) -> dict[str, Any]:
        """Size and names of one file, as the tree endpoint gives them."""
        data = self.files[path]
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data)}
        if not is_lfs(path, len(data)):
            return {**entry, "oid": git_sha1(data)}
        pointer = lfs_pointer(data)
        lfs = {"oid": sha256(data), "size": len(data), "pointerSize": len(pointer)}
        return {**entry, "oid": git_sha1(pointer), "lfs": lfs}

    def content_oid(self, path: str) -> str | None:
        """What tells whether a file changed: its SHA-256 under LFS, or else git's SHA-1."""
        if path not in self.files:
            return None
        entry = self.blob(path)
        return str(entry["lfs"]["oid"] if "lfs" in entry else entry["oid"])


@dataclass(frozen=True)
class PullRequest:
    number: int
    title: str
    description: str
    author: str

    @property
    def ref(self) -> str:
        return f"refs/pr/{self.number}"


@dataclass
class Repository:
    """A model repository. A pull request is a branch too, named refs/pr/N."""

    id: str
    private: bool = False
    gated: bool = False
    created: str = field(default_factory=now)
    branches: dict[str, list[Commit]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: list[PullRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.branches["main"] = []
        self.commit("main", {".gitattributes": GIT_ATTRIBUTES.encode()}, message="initial commit")

    @property
    def owner(self) -> str:
        return self.id.removeprefix("spaces/").partition("/")[0]

    def at(self, revision: str) -> Commit:
        """The commit that a branch, a tag, a full commit oid or refs/pr/N stands for."""
        if revision in self.branches:
            return self.branches[revision][-1]
        oid = self.tags.get(revision, revision)
        for commits in self.branches.values():
            for commit in commits:
                if commit.oid == oid:
                    return commit
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def commit(
        self,
        branch: str,
        files: Mapping[str, bytes],
        delete: Iterable[str] = (),
        message: str = "Update",
    ) -> Commit:
        """Adds a commit to a branch: its files, less those deleted, plus the ones given."""
        commits = self.branches.get(branch)
        if commits is None:
            raise HubError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        tree = dict(commits[-1].files) if commits else {}
        for path in delete:
            gone = [p for p in tree if p == path or (path.endswith("/") and p.startswith(path))]
            if not gone:
                raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            for name in gone:
                del tree[name]
        tree.update(files)
        parent = commits[-1].oid if commits else self.id
        listing = "".join(f"{path} {git_sha1(tree[path])}\n" for path in sorted(tree))
        oid = hashlib.sha1(f"{parent}\n{message}\n{listing}".encode()).hexdigest()
        commit = Commit(oid, tree, message, now())
        commits.append(commit)
        return commit

    def create_branch(self, name: str, start: str) -> None:
        if name in self.branches:
            raise HubError(409, f"Reference already exists: {name}")
        self.branches[name] = [self.at(start)]

    def create_tag(self, name: str, revision: str) -> None:
        commit = self.at(revision)
        if name in self.tags:
            raise HubError(409, f"Tag reference exists already: {name}")
        self.tags[name] = commit.oid

    def propose(
        self,
        base: str,
        files: Mapping[str, bytes],
        delete: Iterable[str],
        title: str,
        description: str,
        author: str,
    ) -> PullRequest:
        """Opens a pull request of one commit on top of a revision."""
        pull = PullRequest(len(self.pulls) + 1, title, description, author)
        self.create_branch(pull.ref, base)
        try:
            self.commit(pull.ref, files, delete, title)
        except HubError:
            del self.branches[pull.ref]
            raise
        self.pulls.append(pull)
        return pull

    def refs(self) -> dict[str, list[dict[str, str]]]:
        """Branches, tags and pull requests with their commits, as the refs endpoint gives them."""

        def ref(name: str, full: str, oid: str) -> dict[str, str]:
            return {"name": name, "ref": full, "targetCommit": oid}

        heads = {name: commits[-1].oid for name, commits in self.branches.items()}
        pulls = {pull.ref: pull for pull in self.pulls}
        return {
            "branches": [ref(n, f"refs/heads/{n}", o) for n, o in heads.items() if n not in pulls],
            "converts": [],
            "tags": [ref(name, f"refs/tags/{name}", oid) for name, oid in self.tags.items()],
            "pullRequests": [ref(str(p.number), r, heads[r]) for r, p in pulls.items()],
        }

    def info(self, commit: Commit, blobs: bool = False) -> dict[str, Any]:
        """What model_info and list_models say of the repository at a commit."""
        card = commit.card()
        info: dict[str, Any] = {
            "_id": git_sha1(self.id.encode())[:24],
            "id": self.id,
            "modelId": self.id,
            "author": self.owner,
            "sha": commit.oid,
            "createdAt": self.created,
            "lastModified": commit.date,
            "private": self.private,
            "gated": "auto" if self.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": commit.tags(),
            "pipeline_tag": card.get("pipeline_tag"),
            "library_name": card.get("library_name"),
            "cardData": card or None,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }
        if blobs:
            for sibling in info["siblings"]:
                entry = commit.blob(sibling["rfilename"])
                sibling.update(size=entry["size"], blobId=entry["oid"])
                if "lfs" in entry:
                    lfs = entry["lfs"]
                    sibling["lfs"] = {**lfs, "sha256": lfs["oid"]}
        return info
