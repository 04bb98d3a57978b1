"""Which extractor samples are judged by."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

from ganzoo.entries import DatasetEntry, ExtractorEntry
from ganzoo.errors import GanzooError, one_line
from ganzoo.files import user_path
from ganzoo.measure.extractor import Classifier, Extractor
from ganzoo.plugins import catalogue
from ganzoo.sampler import seeded
from ganzoo.spec import SampleSpec

INCEPTION = "inception"


def make_extractor(
    asked: str | os.PathLike[str], source: str | None, spec: SampleSpec, weights: Path | None = None
) -> Extractor:
    """The extractor called `asked`, a plugin's or a file of ``train_convnet``; or, for ``auto``,
    the usual one of the data set called `source`, else of samples of `spec`.

    weights: a file for it. Raises GanzooError where there is none, or it does not take such
    samples.
    """
    if not isinstance(asked, str | os.PathLike):
        raise GanzooError(f"features {asked!r}: it takes a name or a .safetensors file")
    asked = os.fspath(asked)
    with seeded(torch.device("cpu"), 0):  # what a network draws at first changes nobody's chance
        return _made(asked, source, spec, weights)


def _made(asked: str, source: str | None, spec: SampleSpec, weights: Path | None) -> Extractor:
    if is_file(asked):
        if spec.kind != "image" or weights is not None:
            what = "beside other weights" if weights is not None else f"for {spec.kind}"
            raise GanzooError(f"{asked}: a classifier of images is not to be had {what}")
        return Classifier(user_path(asked))
    name = usual(source, spec) if asked == "auto" else asked
    entry = catalogue().find(ExtractorEntry, name)
    if entry.kinds and spec.kind not in entry.kinds:
        raise GanzooError(f"{name} is for {' and '.join(entry.kinds)}, not {spec.kind}")
    try:
        made = entry.load()(weights)
    except GanzooError:
        raise
    except Exception as error:
        raise GanzooError(
            f"the extractor {name!r} cannot be made: {type(error).__name__}: {one_line(error)}"
        ) from error
    if not isinstance(made, Extractor) or not re.fullmatch(r"[\w.+-]+", str(made.name), re.ASCII):
        raise GanzooError(
            f"{name!r} made {made!r}, no ganzoo.Extractor with a name of letters, digits, '.', "
            "'_', '+' and '-'; that is a fault of its plugin"
        )
    return made


def is_file(asked: str) -> bool:
    """Whether what the user asked for is a file of weights, and no name."""
    return asked not in catalogue().entries(ExtractorEntry) and asked.endswith(".safetensors")


def extractor_of(source: str | None) -> str | None:
    """The name of the extractor that the data set called `source` comes with."""
    dataset = catalogue().entries(DatasetEntry).get((source or "").partition(":")[0])
    return dataset.features or None if dataset is not None else None


def usual(source: str | None, spec: SampleSpec) -> str:
    """The name of the extractor that ``auto`` means: the data set's, else the first that fits,
    ganzoo's own before those of others, so that a plugin's name changes nobody's figures."""
    entries = catalogue().entries(ExtractorEntry)
    own = catalogue().plugin_of(entries[INCEPTION])
    known = dict(sorted(entries.items(), key=lambda item: catalogue().plugin_of(item[1]) != own))
    came = extractor_of(source)
    if came is not None and _takes(known.get(came), spec):
        return came
    for name, entry in known.items():
        if spec.kind == "image" and spec.shape[0] in entry.channels:
            return name
    for name, entry in known.items():
        if spec.kind != "image" and (not entry.kinds or spec.kind in entry.kinds):
            return name
    raise GanzooError(
        f"no extractor of features is the usual one for {spec.kind} {spec.shape}; choose one: "
        f"--features {' or '.join(known)}"
    )


def _takes(entry: ExtractorEntry | None, spec: SampleSpec) -> bool:
    """Whether a data set's extractor is for samples of `spec`, whose channels may be others."""
    if entry is None or spec.kind != "image" or not entry.channels:
        return True
    return spec.shape[0] in entry.channels
