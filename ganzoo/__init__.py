"""ganzoo: train, load and share GANs, each one a plugin.

Importing ``ganzoo`` is light. Names that need torch are imported when first used,
so that ``ganzoo list`` and a plugin's hooks cost no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ganzoo.entries import (
    ArchitectureEntry,
    CommandEntry,
    DatasetEntry,
    ExtractorEntry,
    KindEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
    ReaderEntry,
)
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.hookspecs import hookimpl
from ganzoo.version import __version__

if TYPE_CHECKING:
    from ganzoo.api import resume, train
    from ganzoo.architecture import Architecture, Training
    from ganzoo.data.dataset import Dataset
    from ganzoo.engine.observer import Observer
    from ganzoo.engine.run import RunFolder
    from ganzoo.evaluation import compare, evaluate
    from ganzoo.game import Game
    from ganzoo.kinds import Kind
    from ganzoo.metrics.extractor import Extractor, Features
    from ganzoo.objectives import (
        AdversarialObjective,
        Hinge,
        LeastSquares,
        Minimax,
        NonSaturating,
        Objective,
        Wasserstein,
    )
    from ganzoo.options import Options
    from ganzoo.registry.find import load
    from ganzoo.registry.generator import Generator
    from ganzoo.registry.places import list_architectures, list_models
    from ganzoo.registry.run import Run
    from ganzoo.spec import SampleSpec

_WHERE = {
    "AdversarialObjective": "ganzoo.objectives",
    "Architecture": "ganzoo.architecture",
    "Dataset": "ganzoo.data.dataset",
    "Extractor": "ganzoo.metrics.extractor",
    "Features": "ganzoo.metrics.extractor",
    "Game": "ganzoo.game",
    "Generator": "ganzoo.registry.generator",
    "Hinge": "ganzoo.objectives",
    "Kind": "ganzoo.kinds",
    "LeastSquares": "ganzoo.objectives",
    "Minimax": "ganzoo.objectives",
    "NonSaturating": "ganzoo.objectives",
    "Objective": "ganzoo.objectives",
    "Observer": "ganzoo.engine.observer",
    "Options": "ganzoo.options",
    "Run": "ganzoo.registry.run",
    "RunFolder": "ganzoo.engine.run",
    "SampleSpec": "ganzoo.spec",
    "Training": "ganzoo.architecture",
    "Wasserstein": "ganzoo.objectives",
    "compare": "ganzoo.evaluation",
    "evaluate": "ganzoo.evaluation",
    "list_architectures": "ganzoo.registry.places",
    "list_models": "ganzoo.registry.places",
    "load": "ganzoo.registry.find",
    "resume": "ganzoo.api",
    "train": "ganzoo.api",
}

__all__ = [
    "AdversarialObjective",
    "Architecture",
    "ArchitectureEntry",
    "CommandEntry",
    "Dataset",
    "DatasetEntry",
    "Extractor",
    "ExtractorEntry",
    "Features",
    "Game",
    "GanzooError",
    "GanzooWarning",
    "Generator",
    "Hinge",
    "Kind",
    "KindEntry",
    "LeastSquares",
    "Minimax",
    "ModelEntry",
    "NonSaturating",
    "Objective",
    "ObjectiveEntry",
    "Observer",
    "ObserverEntry",
    "Options",
    "ReaderEntry",
    "Run",
    "RunFolder",
    "SampleSpec",
    "Training",
    "Wasserstein",
    "__version__",
    "compare",
    "evaluate",
    "hookimpl",
    "list_architectures",
    "list_models",
    "load",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
