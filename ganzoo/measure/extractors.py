"""Which extractors samples are compared by: those chosen by name, or the usual ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
PUBLISHED = ("inception", "clip", "dinov2")


Named = str | os.PathLike[str]


def find_extractors(
    features: Named | Sequence[Named],
    source: str | None,
    spec: SampleSpec,
    weights: Path | None = None,
) -> list[Extractor]:
    """The extractors that samples of `spec` are compared by.

    features: one or several, each a plugin's by its name, a file of ``train_convnet``, or ``auto``,
    which stands for the usual ones of the data set called `source`, else of the kind of sample.
    weights: a file for the only one. Raises GanzooError where there is no such extractor, or where
    it is not for samples of this kind.
    """
    names: list[str] = []
    for name in chosen_names(features):
        names += usual_extractors(source, spec) if name == AUTO else [name]
    if weights is not None and len(names) > 1:
        raise GanzooError(
            f"{weights}: these weights are for one extractor; choose it: {' or '.join(names)}"
        )
    return [_find(name, spec, weights) for name in dict.fromkeys(names)]


def chosen_names(features: Named | Sequence[Named]) -> list[str]:
    """One extractor, or several, as the user chose them. Raises GanzooError for anything else."""
    chosen = [features] if isinstance(features, str | os.PathLike) else features
    if not isinstance(chosen, Sequence) or not chosen:
        raise GanzooError(f"features {features!r}: it takes names or .safetensors files")
    for name in chosen:
        if not isinstance(name, str | os.PathLike):
            raise GanzooError(f"features {name!r}: it takes a name or a .safetensors file")
    return [os.fspath(name) for name in chosen]


def _find(name: str, spec: SampleSpec, weights: Path | None) -> Extractor:
    if is_file(name):
        if weights is not None:
            raise GanzooError(f"{name}: a file of features takes no other weights")
        classifier = Classifier(user_path(name))
        if not classifier.takes(spec):
            raise GanzooError(f"{name} does not take samples of kind {spec.kind} {spec.shape}")
        return classifier
    entry = catalogue().find(ExtractorEntry, name)
    if not _is_for(entry, spec):
        raise GanzooError(f"{name} is for {' and '.join(entry.kinds)}, not {spec.kind}")
    return _load(entry, weights)


def is_file(name: str) -> bool:
    """Whether what the user asked for is a file of weights rather than an extractor's name."""
    return name not in catalogue().entries(ExtractorEntry) and name.endswith(".safetensors")


def extractors_of(source: str | None) -> tuple[str, ...]:
    """The names of the extractors that the data set called `source` comes with."""
    dataset = catalogue().entries(DatasetEntry).get((source or "").partition(":")[0])
    return dataset.features if dataset is not None else ()


def usual_extractors(source: str | None, spec: SampleSpec) -> list[str]:
    """The names of the extractors that ``auto`` stands for: those of the data set, else of the
    kind, else the first that takes such samples. Raises GanzooError where none does."""
    for names in (extractors_of(source), kind_of(spec).usual_extractors()):
        if taken := [name for name in names if _takes(name, spec)]:
            return taken
    entries = catalogue().entries(ExtractorEntry)
    for name in entries:
        # Weights that do not come along are nobody's without being asked for.
        if name not in PUBLISHED and _takes(name, spec):
            return [name]
    raise GanzooError(
        f"there is no usual feature extractor for {spec.kind} {spec.shape}; choose one: "
        f"--features {' or '.join(entries)}"
    )


def _takes(name: str, spec: SampleSpec) -> bool:
    entry = catalogue().entries(ExtractorEntry).get(name)
    return entry is not None and _is_for(entry, spec) and _load(entry).takes(spec)


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
    extractor.about = extractor.about or entry.summary
    return extractor


def _can_be_named(name: object) -> bool:
    """Whether figures in the features of an extractor of this name can be told from others."""
    return isinstance(name, str) and FigureName.parse(str(FigureName("fid", name))) is not None
