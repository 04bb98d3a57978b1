"""Send a model folder to the Hub: one commit, or none where nothing changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import GanzooError
from ganzoo.layout import CARD, DISCRIMINATOR
from ganzoo.registry.card import Facts, Own, merge, read_own, render
from ganzoo.registry.hub import client, explained, patiently
from ganzoo.registry.hub_name import PREFIX, HubName
from ganzoo.registry.model_folder import files, is_ours, read_card
from ganzoo.version import __version__

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo
    from huggingface_hub.hf_api import RepoSibling

    CommitOperation = CommitOperationAdd | CommitOperationDelete

MAIN = "main"


@dataclass(frozen=True)
class Wanted:
    """How to publish. private: of a repository that is made. revision: a branch that is there,
    or a tag to give to the commit. create_pr: open a pull request. token: instead of the one that
    was logged in with. license: an identifier of the Hub's. discriminator: send it along."""

    private: bool = False
    revision: str | None = None
    create_pr: bool = False
    token: str | None = None
    license: str | None = None
    discriminator: bool = False


@dataclass(frozen=True)
class Published:
    """What became of it. url: of the commit, the pull request, or the repository where nothing
    changed. commit: what the model is now. files: those that were sent or compared, in bytes."""

    url: str
    commit: str | None
    changed: bool
    files: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.url


def contents(
    folder: Path, facts: Facts, wanted: Wanted, there: Own | None = None
) -> dict[str, Path | bytes]:
    """What goes to the Hub: the files of the model folder, the card written anew for there.

    Other files in the folder are left out. Raises GanzooError where one is a link out of it.
    """
    found: dict[str, Path | bytes] = {
        file.name: file
        for file in files(folder)
        if file.name != CARD and (wanted.discriminator or file.name != DISCRIMINATOR)
    }
    if wanted.discriminator and DISCRIMINATOR not in found:
        raise GanzooError(
            f"{folder} has no {DISCRIMINATOR}; publish the run itself to have it along"
        )
    own = read_own(read_card(folder))
    text = render(facts, merge(own, there) if there else own, wanted.license)
    return {CARD: text.encode(), **found}


def sizes(found: dict[str, Path | bytes]) -> dict[str, int]:
    """The size of each file in bytes."""
    return {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size
        for name, content in found.items()
    }


def upload(folder: Path, facts: Facts, target: HubName, wanted: Wanted) -> Published:
    """Publish a model folder, which must have been loaded without fault, in one commit.

    The user's own text in the card there is kept; a file of an earlier model that this one has
    not is removed; others are left alone. Raises GanzooError for what the user can mend,
    WorkFailed where the Hub fails; the repository is then as it was before.
    """
    check(target, wanted)
    contents(folder, facts, wanted)  # what is wrong here is said before the Hub is asked
    with explained(target, wanted.token):
        if wanted.create_pr:
            return _upload(folder, facts, target, wanted)
        # Another time finds what the first one did, and does the rest.
        return patiently(lambda: _upload(folder, facts, target, wanted))


def _upload(folder: Path, facts: Facts, target: HubName, wanted: Wanted) -> Published:
    api = client(wanted.token)
    info = _repository(api, target, wanted)
    branch, tag, tagged = _branch_and_tag(api, target, wanted)
    if branch != MAIN:
        info = api.model_info(target.repo, revision=branch, files_metadata=True)
    there = {file.rfilename: file for file in info.siblings or ()}
    card = _card_there(api, target, info.sha or branch) if CARD in there else ""
    found = contents(folder, facts, wanted, read_own(card))
    stale = sorted(name for name in there if is_ours(name) and name not in found)
    changed = stale or any(_differs(found[name], there.get(name)) for name in found)
    if tagged and (changed or tagged != info.sha):
        raise GanzooError(
            f"{target}: the tag {tag!r} is there already, of commit {tagged[:12]}; choose "
            "another --revision"
        )
    if not changed:
        commit, url = info.sha, f"{api.endpoint}/{target.repo}"
    else:
        done = api.create_commit(
            target.repo,
            _operations(found, stale),
            commit_message=f"{facts.config.architecture} by ganzoo {__version__}",
            revision=branch,
            create_pr=wanted.create_pr,
            parent_commit=info.sha,
        )
        commit, url = done.oid, done.pr_url or done.commit_url
    if tag is not None:
        api.create_tag(target.repo, tag=tag, revision=commit, exist_ok=True)
    return Published(url, commit, bool(changed), sizes(found))


def check(target: HubName, wanted: Wanted) -> None:
    """Raise GanzooError where what is wanted does not go together."""
    if target.revision is not None:
        raise GanzooError(
            f"{target}: a model is published to {PREFIX}{target.repo}; give the branch or tag as "
            f"--revision {target.revision}"
        )
    if wanted.create_pr and wanted.revision is not None:
        raise GanzooError("--create-pr and --revision: tag it when the pull request is merged")


def _repository(api: HfApi, target: HubName, wanted: Wanted) -> ModelInfo:
    from huggingface_hub import errors

    try:
        info = api.model_info(target.repo, files_metadata=True)
    except errors.GatedRepoError:
        raise
    except errors.RepositoryNotFoundError:
        api.create_repo(target.repo, private=wanted.private, exist_ok=True)
        return api.model_info(target.repo, files_metadata=True)
    if wanted.private and info.private is False:
        raise GanzooError(f"{target} is there already and is public; --private is for a new one")
    return info


def _branch_and_tag(
    api: HfApi, target: HubName, wanted: Wanted
) -> tuple[str, str | None, str | None]:
    """The branch to commit to, the tag to give, and the commit that has the tag already."""
    if wanted.revision is None:
        return MAIN, None, None
    refs = api.list_repo_refs(target.repo)
    if wanted.revision in [branch.name for branch in refs.branches]:
        return wanted.revision, None, None
    tags = {tag.name: tag.target_commit for tag in refs.tags}
    return MAIN, wanted.revision, tags.get(wanted.revision)


def _card_there(api: HfApi, target: HubName, revision: str) -> str:
    path = api.hf_hub_download(target.repo, CARD, revision=revision)
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _differs(content: Path | bytes, there: RepoSibling | None) -> bool:
    """Whether the Hub has something else, by the hash that it states: of git, or of LFS."""
    if there is None:
        return True
    data = content if isinstance(content, bytes) else content.read_bytes()
    if there.lfs is not None:
        return hashlib.sha256(data).hexdigest() != there.lfs.sha256
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() != there.blob_id


def _operations(found: dict[str, Path | bytes], stale: list[str]) -> list[CommitOperation]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(name, content) for name, content in found.items()]
    return [*added, *(CommitOperationDelete(name) for name in stale)]
