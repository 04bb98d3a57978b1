"""Send a model folder to the Hub: one commit, or none where nothing changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import GanzooError, WorkFailed, one_line
from ganzoo.files import read_json
from ganzoo.hub_name import PREFIX, HubName, is_commit, is_revision
from ganzoo.layout import CARD, CONFIG
from ganzoo.models.folder import NAMES
from ganzoo.models.hub import client
from ganzoo.models.hub_errors import explained, patiently
from ganzoo.models.own_text import Own, library_of, read_own
from ganzoo.models.save import Package
from ganzoo.sampler import Sampler
from ganzoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo
    from huggingface_hub.hf_api import RepoSibling

    CommitOperation = CommitOperationAdd | CommitOperationDelete

MAIN = "main"


@dataclass(frozen=True)
class PublishOptions:
    """How to publish. private: of a repository that is made. revision: a branch that is there,
    or a tag to give to the commit. create_pr: open a pull request. token: instead of the one that
    was logged in with. license: an identifier of the Hub's. discriminator: send it along."""

    private: bool = False
    revision: str | None = None
    create_pr: bool = False
    token: str | None = field(default=None, repr=False)
    license: str | None = None
    discriminator: bool = False


@dataclass(frozen=True)
class Published:
    """What publishing did. url: of the commit, the pull request, or the repository where nothing
    changed. commit: what the model is now. files: those that were sent or compared, in bytes."""

    url: str
    commit: str | None
    changed: bool
    files: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.url


def check_options(target: HubName, options: PublishOptions) -> None:
    """Raise GanzooError where options do not go together."""
    if target.revision is not None:
        raise GanzooError(
            f"{target}: a model is published to {PREFIX}{target.repo}; give the branch or tag as "
            f"--revision {target.revision}"
        )
    if options.revision is None:
        return
    if options.create_pr:
        raise GanzooError("--create-pr and --revision: tag it when the pull request is merged")
    # What could not be loaded again, or is neither a branch nor a tag.
    refs = options.revision.startswith("refs/")
    if refs or is_commit(options.revision) or not is_revision(options.revision):
        raise GanzooError(
            f"--revision {options.revision!r}: it takes a branch, or a name for a tag"
        )


def check_finite(sampler: Sampler) -> None:
    """Raise GanzooError where a weight is not finite: such a model is not published."""
    networks = (sampler.network, sampler.partners)
    tensors = (tensor for network in networks for tensor in network.state_dict().values())
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise GanzooError("the model's weights are not finite; it is not published")


def upload(package: Package, target: HubName, options: PublishOptions) -> Published:
    """Publish a package in one commit.

    The user's own text in the card there is kept. A file that only the model before had is
    removed; files of others are left alone. options: as `check_options` lets pass.

    Raises GanzooError for what the user can mend, WorkFailed where the Hub fails; the model there
    is then as it was before, or the message says what of it was done.
    """
    package.files(options.discriminator, options.license)  # what is wrong here is said first
    sending = _Sending(package, target, options)
    try:
        with explained(target, options.token):
            # Another time finds what the first one did, and does the rest; but not pull requests.
            return sending.send() if options.create_pr else patiently(sending.send)
    except GanzooError as error:
        if sending.created and not sending.committed:
            raise type(error)(f"{error} (the repository itself was made)") from None
        raise


class _Sending:
    """One upload, which may take more than one try."""

    def __init__(self, package: Package, target: HubName, options: PublishOptions) -> None:
        self.package, self.target, self.options = package, target, options
        self.api: HfApi = client(options.token)
        self.before: str | None = None  # the commit that the first try files
        self.created = self.committed = False

    def send(self) -> Published:
        info = self._repository()
        branch, tag, tagged = self._branch_and_tag()
        if branch != MAIN:
            info = self.api.model_info(self.target.repo, revision=branch, files_metadata=True)
        self.before = self.before or info.sha
        there = {file.rfilename: file for file in info.siblings or ()}
        own = self._own(there, info.sha or branch)
        options = self.options
        files = self.package.files(options.discriminator, options.license, own)
        stale = sorted(name for name in there if name in NAMES and name not in files)
        changed = bool(stale) or any(_differs(files[name], there.get(name)) for name in files)
        if tagged and (changed or tagged != info.sha):
            raise GanzooError(
                f"{self.target}: the tag {tag!r} is there already, of commit {tagged[:12]}; choose "
                "another --revision"
            )
        commit = info.sha
        url = f"{self.api.endpoint}/{self.target.repo}"
        if changed:
            done = self._commit(_operations(files, stale), branch, info.sha)
            # A Hub that states no hashes may know better that nothing is new.
            changed = done.pr_url is not None or done.oid != info.sha
            self.committed, commit = changed, done.oid
            url = done.pr_url or done.commit_url if changed else url
        elif commit != self.before:  # of a try whose answer was lost
            url, changed = f"{url}/commit/{commit}", True
        if tag is not None:
            self._tag(tag, commit, changed)
        return Published(url, commit, changed, sizes(files))

    def _repository(self) -> ModelInfo:
        from huggingface_hub import errors

        repo = self.target.repo
        try:
            info = self.api.model_info(repo, files_metadata=True)
        except errors.GatedRepoError:
            raise
        except errors.RepositoryNotFoundError:
            if self.options.create_pr:
                raise  # there is nothing to change by a pull request
            self.api.create_repo(repo, private=self.options.private, exist_ok=True)
            self.created = True
            return self.api.model_info(repo, files_metadata=True)
        if self.options.private and info.private is False and not self.created:
            raise GanzooError(
                f"{self.target} already exists and is public; --private is for a new one"
            )
        return info

    def _branch_and_tag(self) -> tuple[str, str | None, str | None]:
        """The branch to commit to, the tag to give, and the commit that has the tag already."""
        revision = self.options.revision
        if revision is None:
            return MAIN, None, None
        refs = self.api.list_repo_refs(self.target.repo)
        if revision in [branch.name for branch in refs.branches]:
            return revision, None, None
        return MAIN, revision, {tag.name: tag.target_commit for tag in refs.tags}.get(revision)

    def _own(self, there: dict[str, RepoSibling], revision: str) -> Own | None:
        """The user's part of the card on the Hub.

        Raises GanzooError where the repository holds a model that is not ganzoo's.
        """
        card, where = "", f"{self.target}, {CARD}"
        if CARD in there:
            path = self.api.hf_hub_download(self.target.repo, CARD, revision=revision)
            card = Path(path).read_text(encoding="utf-8", errors="replace")
        library = library_of(card, where)
        ours = library == "ganzoo"
        if not ours and CONFIG in there:
            path = self.api.hf_hub_download(self.target.repo, CONFIG, revision=revision)
            config: Any = read_json(Path(path))
            ours = isinstance(config, dict) and {"format", "architecture", "spec"} <= config.keys()
        if not ours and (library or any(name in there for name in NAMES if name != CARD)):
            raise GanzooError(
                f"{self.target} holds a model that is not ganzoo's, which would be overwritten; "
                "choose another name"
            )
        return read_own(card, where) if card else None

    def _commit(self, operations: list[CommitOperation], branch: str, parent: str | None) -> Any:
        try:
            return self.api.create_commit(
                self.target.repo,
                operations,
                commit_message=f"{self.package.facts.config.architecture} by ganzoo {__version__}",
                revision=branch,
                create_pr=self.options.create_pr,
                parent_commit=parent,
            )
        except ValueError as error:
            if type(error) is not ValueError:
                raise  # an answer of the Hub, or one that cannot be read
            why = one_line(error)
            raise WorkFailed(f"{self.target}: the Hub refuses the card: {why}") from None

    def _tag(self, tag: str, commit: str | None, changed: bool) -> None:
        try:
            with explained(self.target, self.options.token):
                patiently(
                    lambda: self.api.create_tag(
                        self.target.repo, tag=tag, revision=commit, exist_ok=True
                    )
                )
        except GanzooError as error:
            done = "the commit is made" if changed else "nothing else changed"
            raise type(error)(f"{error} ({done}, but it has no tag {tag!r})") from None


def _differs(content: Path | bytes, there: RepoSibling | None) -> bool:
    """Whether the Hub has something else, by the hash that it states: of git, or of LFS."""
    if there is None:
        return True
    if there.lfs is not None:
        if isinstance(content, Path):
            with content.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() != there.lfs.sha256
        return hashlib.sha256(content).hexdigest() != there.lfs.sha256
    data = content if isinstance(content, bytes) else content.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() != there.blob_id


def _operations(files: dict[str, Path | bytes], stale: list[str]) -> list[CommitOperation]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(name, content) for name, content in files.items()]
    return [*added, *(CommitOperationDelete(name) for name in stale)]


def sizes(files: dict[str, Path | bytes]) -> dict[str, int]:
    """The size of each file in bytes."""
    return {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size
        for name, content in files.items()
    }
