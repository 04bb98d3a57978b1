"""Data sets on the Hugging Face Hub: ``hf://datasets/OWNER/NAME[:SPLIT][@REVISION]``.

The library `datasets` downloads and keeps them; it comes with the extra ``hf-datasets``. It reads
files and runs no code of a repository, and only files of the forms in `_FORMS` are read here.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, WorkFailed, one_line, unknown
from ganzoo.hub_name import PREFIX, is_repo, is_revision
from ganzoo.progress import bar
from ganzoo.sources.mapstyle import from_dataset
from ganzoo.sources.options import Data

DATASETS: Final = f"{PREFIX}datasets/"
#: The forms of files that hold images, sound or numbers; none of them holds code.
_FORMS: Final = ("parquet", "arrow", "imagefolder", "audiofolder", "webdataset", "csv", "json")


@dataclass(frozen=True)
class HubData:
    """A data set on the Hub. split: as `datasets` has them, ``train[:10%]`` too; None: the first.
    revision: a branch, a tag or a commit; None: main."""

    repo: str
    split: str | None = None
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises GanzooError, with the right form, where `text` names none."""
        rest, at, revision = text.removeprefix(DATASETS).partition("@")
        repo, colon, split = rest.partition(":")
        if not is_repo(repo) or (at and not is_revision(revision)) or (colon and not split):
            raise GanzooError(
                f"{text!r}: a data set on the Hub is named {DATASETS}OWNER/NAME, with :SPLIT and "
                "@REVISION behind it where they are wanted"
            )
        return cls(repo, split or None, revision or None)

    @property
    def name(self) -> str:
        """What it is called in folders and messages."""
        return self.repo.rpartition("/")[2]


def is_on_hub(source: str) -> bool:
    """Whether a text is meant to name a data set on the Hub."""
    return source.startswith(PREFIX)


def load_from_hub(source: str, options: Data) -> Dataset:
    """The data set that ``hf://datasets/...`` names, downloaded once and kept by `datasets`.

    Raises GanzooError where there is none, where it has no such split or subset, where its files
    are of another form, and where `datasets` is not installed; WorkFailed where the Hub fails.
    """
    if not source.startswith(DATASETS):
        raise GanzooError(f"{source!r}: that is a model's name; data is {DATASETS}OWNER/NAME")
    named = HubData.parse(source)
    if importlib.util.find_spec("datasets") is None:
        raise GanzooError(
            f"{source} is read by the library datasets, which is not installed: pip install "
            "'torch-ganzoo[hf-datasets]'"
        )
    with bar(f"loading {named.repo}"), _telling(source):
        items = _loaded(named, source, options.subset)
    return from_dataset(items, name=named.name, data=options)


def _loaded(named: HubData, source: str, subset: str | None) -> Any:
    import datasets

    builder = datasets.load_dataset_builder(named.repo, subset, revision=named.revision)
    form = type(builder).__module__.rpartition(".")[2]
    if form not in _FORMS:
        raise GanzooError(f"{source}: its files are of the form {form}, which is not read here")
    builder.download_and_prepare()
    splits = list(builder.info.splits or ())
    split = named.split or ("train" if "train" in splits else next(iter(splits), ""))
    if split.partition("[")[0] not in splits:
        raise unknown(f"split of {named.repo}", split, splits)
    return builder.as_dataset(split=split)


@contextlib.contextmanager
def _telling(source: str) -> Iterator[None]:
    """Turn what `datasets` raises into one message, and keep its own bars off the screen."""
    import datasets

    silent = datasets.utils.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    except (GanzooError, MemoryError):
        raise
    except Exception as error:  # of many libraries
        text = one_line(error)
        if "config name" in text.lower() or "BuilderConfig" in text:
            text += ". Say which by: --set data.subset=NAME"
        failed = isinstance(error, ConnectionError | TimeoutError) or not isinstance(
            error, OSError | ValueError | datasets.exceptions.DatasetsError
        )
        kind = WorkFailed if failed else GanzooError
        raise kind(f"{source}: {type(error).__name__}: {text[:600]}") from error
    finally:
        if not silent:
            datasets.enable_progress_bars()
