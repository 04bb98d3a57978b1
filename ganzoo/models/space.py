"""Send the folder of a Space to the Hub, in one commit."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ganzoo.errors import GanzooError
from ganzoo.hub_name import HubName, is_repo
from ganzoo.models.hub import client
from ganzoo.models.hub_errors import explained

PREFIX: Final = "hf://spaces/"


def upload_space(folder: Path, target: str, private: bool = False) -> str:
    """Publish a folder as the Space ``hf://spaces/OWNER/NAME``, and return its address.

    private: where it is made now. A Space that is there is replaced if ``ganzoo space`` made it.
    Raises GanzooError for what the user can mend, WorkFailed where the Hub fails.
    """
    from huggingface_hub import CommitOperationAdd, errors

    repo = target.removeprefix(PREFIX)
    if not target.startswith(PREFIX) or not is_repo(repo):
        raise GanzooError(f"{target}: a Space is named {PREFIX}OWNER/NAME")
    api = client()
    with explained(HubName(repo)):
        try:
            info = api.space_info(repo)
        except errors.RepositoryNotFoundError:
            api.create_repo(repo, repo_type="space", space_sdk="gradio", private=private)
        else:
            names = [file.rfilename for file in info.siblings or ()]
            if "app.py" in names and "ganzoo" not in (info.tags or ()):
                raise GanzooError(f"{target} is a Space that ganzoo did not make; choose another")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        operations = [CommitOperationAdd(p.relative_to(folder).as_posix(), p) for p in files]
        api.create_commit(repo, operations, commit_message="ganzoo space", repo_type="space")
    return f"{api.endpoint}/spaces/{repo}"
