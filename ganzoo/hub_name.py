"""How a model on the Hugging Face Hub is named: ``hf://owner/name[@revision]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ganzoo.errors import GanzooError

PREFIX: Final = "hf://"
_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_REPO: Final = re.compile(f"{_PART}/{_PART}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REVISION: Final = re.compile(r"[A-Za-z0-9][\w.+-]*(?:/[A-Za-z0-9][\w.+-]*)*", re.ASCII)


@dataclass(frozen=True)
class HubName:
    """A repository on the Hub, and of which revision: a branch, a tag or a commit; None: main."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @classmethod
    def parse(cls, text: str) -> HubName:
        """Raises GanzooError, with the right form, where `text` is none."""
        repo, at, revision = text.removeprefix(PREFIX).partition("@")
        if not is_repo(repo) or (at and not is_revision(revision)):
            raise GanzooError(
                f"{text!r}: a model on the Hub is named hf://OWNER/NAME or hf://OWNER/NAME@REVISION"
            )
        return cls(repo, revision or None)

    def at(self, revision: str | None) -> HubName:
        """The same at `revision`. Raises GanzooError where the name has another one already."""
        if revision is None or revision == self.revision:
            return self
        if self.revision is not None:
            raise GanzooError(f"{self}: revision {revision!r} is asked for besides; give one")
        return HubName.parse(f"{self}@{revision}")

    def at_commit(self, commit: str) -> HubName:
        """The same repository at a commit."""
        return HubName(self.repo, commit)


def is_repo(text: str) -> bool:
    """Whether a text could be OWNER/NAME on the Hub."""
    return bool(_REPO.fullmatch(text)) and "--" not in text and ".." not in text


def is_commit(text: str) -> bool:
    """Whether a text is a commit's whole hash."""
    return bool(_COMMIT.fullmatch(text))


def is_revision(text: str) -> bool:
    """Whether a text could name a branch, a tag or a commit."""
    return (
        bool(_REVISION.fullmatch(text)) and ".." not in text and not text.endswith((".", ".lock"))
    )
