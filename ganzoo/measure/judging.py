"""Judging a run on its way: its averaged generator against real features that are computed once."""

from __future__ import annotations

import time
import warnings

import torch

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.figure_name import FigureName
from ganzoo.kinds import kind_of
from ganzoo.measure.extractors import AUTO, find_extractors, usual_extractors
from ganzoo.measure.figures import Reference, check_enough_for_fid, check_finite, class_figures, fid
from ganzoo.measure.remembered import real_features
from ganzoo.measure.samples import Task, features_of_generator
from ganzoo.models.records import DataRecord
from ganzoo.runs.config import RunConfig
from ganzoo.sampler import Sampler
from ganzoo.sources.find import find_dataset
from ganzoo.spec import SampleSpec


class Judge:
    """Measures the generator of a run against the real samples of one data set.

    samples: how many are made for each measurement, of seed 0. seconds: spent on measuring so far.
    data: the record of what it measures against. Raises GanzooError where the data does not fit,
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
                dataset = find_dataset(schedule.evaluate_data, spec)
            except GanzooError as error:
                raise GanzooError(f"schedule.evaluate_data: {error}") from None
        dataset = kind_of(spec).match(dataset, config.architecture)
        self.dataset = dataset
        self.data = DataRecord.of(dataset, source, dataset.fingerprint())
        # Of several, the first: the others are witnesses, which no choice may depend on.
        self.extractor = find_extractors(schedule.features, source, spec)[0].to(device)
        (features,) = real_features([self.extractor], dataset, str(self.data.sha256))
        check_enough_for_fid(features, f"data set {dataset.name!r}")
        check_enough_for_fid(features[: self.samples], f"schedule.evaluate_samples={self.samples}")
        self.real = Reference.of(features, self.extractor, dataset.classes)
        self.seconds = time.perf_counter() - began

    def measure(self, sampler: Sampler) -> dict[str, float]:
        """The figures by their names in ``metrics.json``; none, with a warning, where the samples
        cannot be measured."""
        began = time.perf_counter()
        try:
            task = Task.of(sampler, self.dataset, self.samples)
            (fake,) = features_of_generator([self.extractor], sampler, task, 0)
            figures = {"fid": fid(fake, self.real)} | class_figures(fake, self.real)
            check_finite(figures)
        except Exception as error:  # a measurement must not end the training
            text = str(error) if isinstance(error, GanzooError) else repr(error)
            warnings.warn(f"not evaluated: {text}", GanzooWarning, stacklevel=2)
            figures = {}
        self.seconds += time.perf_counter() - began
        features = self.extractor.name
        return {str(FigureName(name, features)): value for name, value in figures.items()}

    def share(self, training: float) -> float:
        """The share of the run's time that measuring took. training: its other seconds."""
        return round(self.seconds / max(self.seconds + training, 1e-9), 4)


def with_extractor(config: RunConfig, spec: SampleSpec) -> RunConfig:
    """The configuration with the name of the extractor that ``auto`` stands for: a plugin that is
    installed later must not change what a run is measured by."""
    schedule = config.schedule
    if schedule.evaluate_every is None or schedule.features != AUTO:
        return config
    name = usual_extractors(schedule.evaluate_data or config.data.source, spec)[0]
    schedule = schedule.model_copy(update={"features": name})
    return config.model_copy(update={"schedule": schedule})
