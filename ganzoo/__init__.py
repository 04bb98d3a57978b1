"""ganzoo: train, load and share GANs, each one a plugin.

Importing ``ganzoo`` is light. Names that need torch are imported when first used,
so that ``ganzoo list`` and a plugin's hooks cost no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ganzoo.entries import (
    ArchitectureEntry,
    AugmentationEntry,
    CommandEntry,
    DatasetEntry,
    ExtractorEntry,
    FigureEntry,
    KindEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
    OptimizerEntry,
    PenaltyEntry,
    ReaderEntry,
    ScheduleEntry,
)
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.figure_name import FigureName
from ganzoo.hookspecs import hookimpl
from ganzoo.version import __version__

if TYPE_CHECKING:
    from ganzoo import layers, penalties
    from ganzoo.api import resume, train
    from ganzoo.architecture import Architecture
    from ganzoo.data.dataset import Dataset, LazySamples
    from ganzoo.engine.observers import Observer
    from ganzoo.engine.tracker import Tracker
    from ganzoo.game import Game, Networks
    from ganzoo.kinds import Kind
    from ganzoo.measure.evaluate import compare, evaluate
    from ganzoo.measure.features import Extractor, Features
    from ganzoo.measure.nearest import TrainingSamples
    from ganzoo.measure.trial import Figure, Trial
    from ganzoo.models.generator import Generator
    from ganzoo.models.load import load, load_discriminator
    from ganzoo.models.references import list_architectures, list_models
    from ganzoo.models.space import upload_space
    from ganzoo.objectives import (
        AdversarialObjective,
        Hinge,
        LeastSquares,
        Minimax,
        NonSaturating,
        Objective,
        Regulariser,
        Wasserstein,
    )
    from ganzoo.options import Options
    from ganzoo.plugins import use
    from ganzoo.run import Run
    from ganzoo.runs.folder import RunFolder
    from ganzoo.sampler.latents import latent_of
    from ganzoo.sources.mapstyle import from_dataset
    from ganzoo.spec import SampleSpec
    from ganzoo.training import Training

_WHERE = {
    "AdversarialObjective": "ganzoo.objectives",
    "Architecture": "ganzoo.architecture",
    "Dataset": "ganzoo.data.dataset",
    "Extractor": "ganzoo.measure.features",
    "Features": "ganzoo.measure.features",
    "Figure": "ganzoo.measure.trial",
    "Game": "ganzoo.game",
    "Generator": "ganzoo.models.generator",
    "Hinge": "ganzoo.objectives",
    "Kind": "ganzoo.kinds",
    "LazySamples": "ganzoo.data.dataset",
    "LeastSquares": "ganzoo.objectives",
    "Minimax": "ganzoo.objectives",
    "Networks": "ganzoo.game",
    "NonSaturating": "ganzoo.objectives",
    "Objective": "ganzoo.objectives",
    "Observer": "ganzoo.engine.observers",
    "Options": "ganzoo.options",
    "Regulariser": "ganzoo.objectives",
    "Run": "ganzoo.run",
    "RunFolder": "ganzoo.runs.folder",
    "SampleSpec": "ganzoo.spec",
    "Tracker": "ganzoo.engine.tracker",
    "Training": "ganzoo.training",
    "TrainingSamples": "ganzoo.measure.nearest",
    "Trial": "ganzoo.measure.trial",
    "Wasserstein": "ganzoo.objectives",
    "compare": "ganzoo.measure.evaluate",
    "evaluate": "ganzoo.measure.evaluate",
    "from_dataset": "ganzoo.sources.mapstyle",
    "latent_of": "ganzoo.sampler.latents",
    "list_architectures": "ganzoo.models.references",
    "list_models": "ganzoo.models.references",
    "load": "ganzoo.models.load",
    "load_discriminator": "ganzoo.models.load",
    "resume": "ganzoo.api",
    "train": "ganzoo.api",
    "upload_space": "ganzoo.models.space",
    "use": "ganzoo.plugins",
}

__all__ = [
    "AdversarialObjective",
    "Architecture",
    "ArchitectureEntry",
    "AugmentationEntry",
    "CommandEntry",
    "Dataset",
    "DatasetEntry",
    "Extractor",
    "ExtractorEntry",
    "Features",
    "Figure",
    "FigureEntry",
    "FigureName",
    "Game",
    "GanzooError",
    "GanzooWarning",
    "Generator",
    "Hinge",
    "Kind",
    "KindEntry",
    "LazySamples",
    "LeastSquares",
    "Minimax",
    "ModelEntry",
    "Networks",
    "NonSaturating",
    "Objective",
    "ObjectiveEntry",
    "Observer",
    "ObserverEntry",
    "OptimizerEntry",
    "Options",
    "PenaltyEntry",
    "ReaderEntry",
    "Regulariser",
    "Run",
    "RunFolder",
    "SampleSpec",
    "ScheduleEntry",
    "Tracker",
    "Training",
    "TrainingSamples",
    "Trial",
    "Wasserstein",
    "__version__",
    "compare",
    "evaluate",
    "from_dataset",
    "hookimpl",
    "latent_of",
    "layers",
    "list_architectures",
    "list_models",
    "load",
    "load_discriminator",
    "penalties",
    "resume",
    "train",
    "upload_space",
    "use",
]


def __getattr__(name: str) -> Any:
    if name in ("layers", "penalties"):  # modules, so the import itself puts them here
        return importlib.import_module(f"ganzoo.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
