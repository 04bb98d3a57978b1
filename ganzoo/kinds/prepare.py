"""Data as an architecture takes it."""

from __future__ import annotations

from dataclasses import replace

import torch

from ganzoo.architecture import Architecture
from ganzoo.data.batches import Mirror
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.kinds import Kind, kind_class, kind_of
from ganzoo.options import Options, make
from ganzoo.sources.options import Data
from ganzoo.spec import SampleSpec


def prepare_data(
    dataset: Dataset, architecture: type[Architecture], name: str, data: Data
) -> Dataset:
    """The data as the architecture takes it: its kind checked, its samples fitted.

    name: the architecture's. data: the options, of which those of the kind are used. Raises
    GanzooError where data and architecture do not go together.
    """
    if architecture.kinds and dataset.kind not in architecture.kinds:
        raise GanzooError(
            f"{name} makes samples of kind {' or '.join(architecture.kinds)}, but the data set "
            f"{dataset.name!r} is of kind {dataset.kind}"
        )
    if architecture.conditional and dataset.labels is None:
        raise GanzooError(
            f"{name} needs labels, but the data set {dataset.name!r} has none. In a folder or zip, "
            "subfolders are classes."
        )
    _check_inputs(dataset, architecture, name)
    kind = kind_class(dataset.kind)
    try:
        kind(dataset.spec)
    except ValueError as error:
        raise GanzooError(f"data set {dataset.name!r} is of kind {dataset.kind}: {error}") from None
    options, sizes = _options(kind, data), architecture.sizes()
    fitted = kind.fit(dataset, options, sizes)
    inputs, spec = dataset.of_inputs(), dataset.input_spec
    if inputs is not None and spec is not None and _alike(spec, dataset.spec):
        inputs = kind.fit_inputs(inputs, options, sizes)
        spec = replace(spec, shape=inputs.spec.shape)
        fitted = replace(fitted, inputs=inputs.samples, input_spec=spec)
    kind_of(fitted.spec)
    return fitted


def _check_inputs(dataset: Dataset, architecture: type[Architecture], name: str) -> None:
    needed = architecture.needs_inputs
    if dataset.input_spec is not None:
        kind_of(dataset.input_spec)
    elif needed:
        raise GanzooError(
            f"{name} works from inputs, and the data set {dataset.name!r} has none. Of a folder or "
            "zip with the folders A and B, A are inputs; so are the left halves of images that are "
            "twice as wide as high. In Python, give a ganzoo.Dataset with inputs"
        )
    if needed == "paired" and not dataset.paired:
        raise GanzooError(
            f"{name} learns from pairs, and samples and inputs of the data set {dataset.name!r} "
            "are not paired. In the folders A and B, files of the same name are pairs"
        )


def affordable(
    dataset: Dataset, architecture: type[Architecture], data: Data, device: str
) -> tuple[Data, str]:
    """The options of a new run's data, with what `Kind.affordable` says for a device of this type,
    and its sentence; empty where nothing was changed."""
    kind = kind_class(dataset.kind)
    smaller, why = kind.affordable(dataset, _options(kind, data), architecture.sizes(), device)
    return data.model_copy(update=smaller), why


def _options(kind: type[Kind], data: Data) -> Options:
    own = {key: value for key, value in data.others.items() if key in kind.Options.model_fields}
    return make(kind.Options, own, "data", "data.")


def _alike(inputs: SampleSpec, samples: SampleSpec) -> bool:
    """Whether inputs have the kind and size of the samples, so that they are fitted alike."""
    return (inputs.kind, inputs.shape[1:]) == (samples.kind, samples.shape[1:])


def mirrors(dataset: Dataset) -> tuple[Mirror, Mirror | None]:
    """The functions that mirror samples, and inputs where their kind has mirror images.

    Raises GanzooError where the kind of the samples has none.
    """
    kind = kind_of(dataset.spec)
    try:
        kind.mirror(torch.zeros(1, *dataset.spec.shape))
    except GanzooError as error:
        raise GanzooError(f"training.flip=true: {error}") from None
    if dataset.input_spec is None:
        return kind.mirror, None
    inputs = kind_of(dataset.input_spec)
    try:
        inputs.mirror(torch.zeros(1, *dataset.input_spec.shape))
    except GanzooError:
        return kind.mirror, None
    return kind.mirror, inputs.mirror
