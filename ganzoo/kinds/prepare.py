"""Data as an architecture takes it."""

from __future__ import annotations

from dataclasses import replace

import torch

from ganzoo.architecture import Architecture
from ganzoo.data.batches import Mirror
from ganzoo.data.dataset import Dataset, sample_shape
from ganzoo.errors import GanzooError
from ganzoo.kinds import kind_class, kind_of
from ganzoo.options import make
from ganzoo.sources.options import Data


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
    if dataset.input_spec is not None:
        kind_of(dataset.input_spec)
    kind = kind_class(dataset.kind)
    try:
        kind(dataset.spec)
    except ValueError as error:
        raise GanzooError(f"data set {dataset.name!r} is of kind {dataset.kind}: {error}") from None
    own = {key: value for key, value in data.others.items() if key in kind.Options.model_fields}
    fitted = kind.fit(dataset, make(kind.Options, own, "data", "data."), architecture.image_sizes)
    if dataset.inputs is not None:
        fitted = _with_fitted_inputs(fitted, dataset.spec.shape[1:], architecture, data)
    kind_of(fitted.spec)
    return fitted


def _with_fitted_inputs(
    dataset: Dataset, size: tuple[int, ...], architecture: type[Architecture], data: Data
) -> Dataset:
    """Inputs of the kind and the size that the samples had are brought to the size that they have
    now; those of another size stay as they are."""
    spec, inputs = dataset.input_spec, dataset.inputs
    if spec is None or inputs is None or (spec.kind, spec.shape[1:]) != (dataset.kind, size):
        return dataset
    kind = kind_class(spec.kind)
    alone = Dataset(
        f"{dataset.name} (inputs)", inputs, None, (), spec.kind, spec.low, spec.high, spec.details
    )
    own = {key: value for key, value in data.others.items() if key in kind.Options.model_fields}
    own.pop("channels", None)
    fitted = kind.fit(alone, make(kind.Options, own, "data", "data."), architecture.image_sizes)
    return replace(
        dataset,
        inputs=fitted.samples,
        input_spec=replace(spec, shape=sample_shape(fitted.samples)),
    )


def mirrors(dataset: Dataset) -> tuple[Mirror, Mirror | None]:
    """What makes mirror images of the samples, and of the inputs where those have any.

    Raises GanzooError where the samples have none.
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
