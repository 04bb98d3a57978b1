"""Which extractor samples are judged by."""

from __future__ import annotations

from pathlib import Path

from ganzoo.entries import DatasetEntry, ExtractorEntry
from ganzoo.errors import GanzooError, WorkFailed, one_line
from ganzoo.metrics.extractor import Classifier, Extractor
from ganzoo.plugins import catalogue
from ganzoo.spec import SampleSpec

INCEPTION = "inception"


def make_extractor(
    asked: str, source: str | None, spec: SampleSpec, weights: Path | None = None
) -> Extractor:
    """The extractor called `asked`, a plugin's or a file of ``train_convnet``; or, for ``auto``,
    the usual one of the data set called `source`, else of samples of `spec`.

    weights: a file for it. Raises GanzooError where there is none, or it does not take such
    samples.
    """
    path = Path(asked).expanduser()
    if asked not in catalogue().entries(ExtractorEntry) and path.suffix == ".safetensors":
        return Classifier(path)
    name = _usual(source, spec) if asked == "auto" else asked
    entry = catalogue().find(ExtractorEntry, "extractor of features", name)
    if entry.kinds and spec.kind not in entry.kinds:
        raise GanzooError(f"{name} is for {' and '.join(entry.kinds)}, not {spec.kind}")
    try:
        made = entry.load()(weights)
    except (GanzooError, WorkFailed):
        raise
    except Exception as error:
        raise GanzooError(
            f"the extractor {name!r} cannot be made: {type(error).__name__}: {one_line(error)}"
        ) from error
    if not isinstance(made, Extractor):
        raise GanzooError(f"{name!r} is {made!r}, no ganzoo.Extractor; a fault of its plugin")
    return made


def _usual(source: str | None, spec: SampleSpec) -> str:
    known = catalogue().entries(ExtractorEntry)
    dataset = catalogue().entries(DatasetEntry).get((source or "").partition(":")[0])
    if dataset is not None and dataset.features:
        return dataset.features
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
