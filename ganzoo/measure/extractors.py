"""Which extractor samples are compared by: one chosen by name, or the usual one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch

from ganzoo.chance import Chance
from ganzoo.entries import DatasetEntry, ExtractorEntry
from ganzoo.errors import GanzooError, one_line
from ganzoo.figure_name import FigureName
from ganzoo.files import user_path
from ganzoo.kinds import kind_of
from ganzoo.measure.classifiers import Classifier
from ganzoo.measure.features import Extractor
from ganzoo.plugins import catalogue
from ganzoo.spec import SampleSpec

AUTO = "auto"
INCEPTION = "inception"


def find_extractor(
    name: str | os.PathLike[str], source: str | None, spec: SampleSpec, weights: Path | None = None
) -> Extractor:
    """The extractor called `name`, a plugin's or a file of ``train_convnet``; for ``auto``, the
    usual one of the data set called `source`, else of samples of `spec`.

    weights: a file for it. Raises GanzooError where there is no such extractor, or where it is not
    for samples of this kind.
    """
    if not isinstance(name, str | os.PathLike):
        raise GanzooError(f"features {name!r}: it takes a name or a .safetensors file")
    name = os.fspath(name)
    if is_file(name):
        if weights is not None:
            raise GanzooError(f"{name}: a file of features takes no other weights")
        classifier = Classifier(user_path(name))
        if not classifier.takes(spec):
            raise GanzooError(f"{name} does not take samples of kind {spec.kind} {spec.shape}")
        return classifier
    if name == AUTO:
        name = usual_extractor(source, spec)
    entry = catalogue().find(ExtractorEntry, name)
    if not _is_for(entry, spec):
        raise GanzooError(f"{name} is for {' and '.join(entry.kinds)}, not {spec.kind}")
    return _load(entry, weights)


def is_file(name: str) -> bool:
    """Whether what the user asked for is a file of weights rather than an extractor's name."""
    return name not in catalogue().entries(ExtractorEntry) and name.endswith(".safetensors")


def extractor_of(source: str | None) -> str | None:
    """The name of the extractor that the data set called `source` comes with."""
    dataset = catalogue().entries(DatasetEntry).get((source or "").partition(":")[0])
    return dataset.features or None if dataset is not None else None


def usual_extractor(source: str | None, spec: SampleSpec) -> str:
    """The name of the extractor that ``auto`` stands for: the data set's, else the kind's, else the
    first that takes such samples. Raises GanzooError where none does."""
    entries = catalogue().entries(ExtractorEntry)
    for name in _candidates(source, spec):
        entry = entries.get(name)
        if entry is not None and _is_for(entry, spec) and _load(entry).takes(spec):
            return name
    raise GanzooError(
        f"there is no usual feature extractor for {spec.kind} {spec.shape}; choose one: "
        f"--features {' or '.join(entries)}"
    )


def _candidates(source: str | None, spec: SampleSpec) -> Iterator[str]:
    """Names of extractors, the most fitting first. Inception, whose weights are a download, is
    nobody's without being asked for."""
    for name in (extractor_of(source), kind_of(spec).usual_extractor()):
        if name is not None:
            yield name
    yield from (name for name in catalogue().entries(ExtractorEntry) if name != INCEPTION)


def _is_for(entry: ExtractorEntry, spec: SampleSpec) -> bool:
    return not entry.kinds or spec.kind in entry.kinds


def _load(entry: ExtractorEntry, weights: Path | None = None) -> Extractor:
    """The extractor behind an entry. Raises GanzooError that names it for a fault of its plugin."""
    try:
        # The initial weights of its networks must not use up random numbers of a training.
        with Chance(torch.device("cpu"), 0):
            extractor = entry.load()(weights)
    except GanzooError:
        raise
    except Exception as error:
        raise GanzooError(
            f"the extractor {entry.name!r} cannot be made: {type(error).__name__}: "
            f"{one_line(error)}"
        ) from error
    if not isinstance(extractor, Extractor) or not _can_be_named(extractor.name):
        raise GanzooError(
            f"{entry.name!r} made {extractor!r}, not a ganzoo.Extractor with a name of letters, "
            "digits, '.', '_', '+' and '-'; this is a bug in its plugin"
        )
    return extractor


def _can_be_named(name: object) -> bool:
    """Whether figures in the features of an extractor of this name can be told from others."""
    return isinstance(name, str) and FigureName.parse(str(FigureName("fid", name))) is not None
