"""The real samples' side: figures of samples held against it, and the bounds of each."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import ClassVar

from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.figure_name import FigureName
from ganzoo.measure.features import Extractor, Features
from ganzoo.measure.figures import FIDELITY, HIGHER, Reference, check_enough, compared, too_few
from ganzoo.measure.remembered import noise_features, real_features
from ganzoo.measure.trial import Figure


class Real:
    """Real samples as each of `extractors` sees them, kept for the next model.

    Raises GanzooError where there are too few of them.
    """

    newest: ClassVar[Real | None] = None

    def __init__(self, extractors: Sequence[Extractor], dataset: Dataset, sha256: str) -> None:
        self.extractors, self.dataset, self.sha256 = extractors, dataset, sha256
        self._ceilings: dict[int, list[dict[str, float]]] = {}
        seen = real_features(extractors, dataset, sha256)
        self.count = len(seen[0])
        check_enough(self.count, f"data set {dataset.name!r}", times=2)
        pairs = zip(seen, extractors, strict=True)
        self.references = [Reference.of(*pair, dataset.classes) for pair in pairs]

    @classmethod
    def of(cls, extractors: Sequence[Extractor], dataset: Dataset, sha256: str) -> Real:
        """The kept one where it is of the same data and extractors, else a new one."""
        real = cls.newest
        if real is None or real._key != _key(extractors, dataset, sha256):
            cls.newest = real = cls(extractors, dataset, sha256)
        return real

    @property
    def _key(self) -> tuple[object, ...]:
        return _key(self.extractors, self.dataset, self.sha256)

    def figures(
        self, made: Sequence[Features], asked: Sequence[Tensor | None]
    ) -> dict[str, Figure]:
        """The figures of samples by their names, from their features by each extractor.

        asked: for each extractor whose classes are those of the data, the class that each sample
        was asked for; else None.
        """
        bounds = zip(self.floors, self.ceilings(len(made[0])), strict=True)
        parts = zip(self.extractors, self.references, made, asked, bounds, strict=True)
        named: dict[str, Figure] = {}
        for extractor, reference, fake, labels, (floor, ceiling) in parts:
            figures = {}
            for name, value in compared(fake, reference).items():
                low, high = floor.get(name), ceiling.get(name)
                few = too_few(name, len(fake), reference, low)
                figures[name] = _figure(name, value, low, high, few)
            if labels is not None:
                figures["label_agreement"] = self._agreement(reference, fake, labels)
            named |= {str(FigureName(name, extractor.name)): f for name, f in figures.items()}
        return named

    def _agreement(self, reference: Reference, fake: Features, labels: Tensor) -> Figure:
        real, given = reference.features.classes, self.dataset.labels
        known = given is not None and len(given) == self.count  # else some could not be read
        floor = _share(real, given) if known else None
        value, chance = _share(fake.classes, labels), 1 / reference.classes
        return _figure("label_agreement", value, floor, chance)

    @functools.cached_property
    def floors(self) -> list[dict[str, float]]:
        """For each extractor, the figures of one half of the real samples against the other."""
        return [_of_halves(reference) for reference in self.references]

    def ceilings(self, samples: int) -> list[dict[str, float]]:
        """For each extractor, the figures of this many samples of noise."""
        if samples not in self._ceilings:
            noise = noise_features(self.extractors, self.dataset, samples, self.sha256)
            pairs = zip(noise, self.references, strict=True)
            self._ceilings[samples] = [compared(of_one, real) for of_one, real in pairs]
        return self._ceilings[samples]


def _key(extractors: Sequence[Extractor], dataset: Dataset, sha256: str) -> tuple[object, ...]:
    return (*(extractor.name for extractor in extractors), sha256, repr(dataset.spec))


def _figure(
    name: str, value: float, floor: float | None, ceiling: float | None, caution: str = ""
) -> Figure:
    by = f"torch-fidelity {version('torch-fidelity')}" if name in FIDELITY else ""
    return Figure(value, floor, ceiling, name in HIGHER, caution=caution, by=by)


def _of_halves(reference: Reference) -> dict[str, float]:
    mixed = reference.features.shuffled()
    half = len(mixed) // 2
    return compared(mixed[:half], replace(reference, features=mixed[half:]))


def _share(found: Tensor | None, asked: Tensor | None) -> float:
    assert found is not None and asked is not None
    return float((found == asked).double().mean())
