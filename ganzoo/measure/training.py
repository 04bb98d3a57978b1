"""Measuring the averaged generator while it trains, on real features that are computed once."""

from __future__ import annotations

import time
import warnings

import torch

from ganzoo.data.dataset import Dataset
from ganzoo.data.find import find_dataset
from ganzoo.engine.provenance import data_origin
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.measure.choose import make_extractor, usual
from ganzoo.measure.figures import Reference, check_enough, check_finite, classes_found, fid
from ganzoo.measure.samples import features_made, features_read, fitted
from ganzoo.runs.config import RunConfig
from ganzoo.sampler import Sampler
from ganzoo.spec import SampleSpec


class Evaluation:
    """Measures a generator against the real samples of one data set.

    samples: made for each measurement, of seed 0. Raises GanzooError where the data does not fit
    or is too small.
    """

    def __init__(
        self, config: RunConfig, dataset: Dataset, spec: SampleSpec, device: torch.device
    ) -> None:
        began = time.perf_counter()
        schedule = config.schedule
        self.samples = schedule.evaluate_samples
        source = schedule.evaluate_data or config.data.source
        if schedule.evaluate_data is not None:
            try:
                dataset = find_dataset(schedule.evaluate_data)
            except GanzooError as error:
                raise GanzooError(f"schedule.evaluate_data: {error}") from None
        dataset = fitted(dataset, spec, config.architecture)
        self.data = data_origin(dataset, source, dataset.fingerprint())
        self.extractor = make_extractor(schedule.features, source, spec).to(device)
        real = features_read(self.extractor, dataset)
        check_enough(real, f"data set {dataset.name!r}")
        check_enough(real[: self.samples], f"schedule.evaluate_samples={self.samples}")
        self.real = Reference.of(real, self.extractor)
        self.seconds = time.perf_counter() - began  # spent on evaluations so far

    def measure(self, sampler: Sampler) -> dict[str, float]:
        """The figures by their names in ``metrics.json``; none where samples cannot be measured,
        which is warned of."""
        began = time.perf_counter()
        try:
            made = features_made(self.extractor, sampler, self.samples, 0)
            figures = {"fid": fid(made, self.real)} | classes_found(made, self.real)
            check_finite(figures)
        except Exception as error:  # a measurement must not end the training
            text = str(error) if isinstance(error, GanzooError) else repr(error)
            warnings.warn(f"not evaluated: {text}", GanzooWarning, stacklevel=2)
            figures = {}
        self.seconds += time.perf_counter() - began
        return {f"{name}[{self.extractor.name}]": value for name, value in figures.items()}

    def share(self, training: float) -> float:
        """The share of the run's time that went into evaluations; training: its other seconds."""
        return round(self.seconds / max(self.seconds + training, 1e-9), 4)


def decided(config: RunConfig, spec: SampleSpec) -> RunConfig:
    """The configuration with the extractor that ``auto`` means here, for good: a plugin that is
    installed later must not change what a run is measured by."""
    schedule = config.schedule
    if schedule.evaluate_every is None or schedule.features != "auto":
        return config
    name = usual(schedule.evaluate_data or config.data.source, spec)
    schedule = schedule.model_copy(update={"features": name})
    return config.model_copy(update={"schedule": schedule})
