"""What a model folder tells of its model: how it was trained, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import pydantic

from ganzoo.catalogue import PluginReference
from ganzoo.entries import DatasetEntry
from ganzoo.files import public_name
from ganzoo.layout import METRICS, TRAINING
from ganzoo.models.folder import read_object
from ganzoo.options import Options, make
from ganzoo.plugins import catalogue
from ganzoo.sources.hub import HubData, is_on_hub

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset

FORMAT: Final = 1


class Record(Options):
    """Base of records: a newer ganzoo may write more into one than this one knows."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class DataRecord(Record):
    """A data set. hub: its identifier on the Hub. sha256: of its samples and labels."""

    name: str = ""
    source: str | None = None
    hub: str | None = None
    split: str | None = None
    samples: int | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, dataset: Dataset, source: str | None, fingerprint: str) -> Self:
        """What to record of a data set. source: what the user called it; of a path only the last
        part is kept, since the folders of this machine are private."""
        name, _, split = (source or "").partition(":")
        entry = catalogue().entries(DatasetEntry).get(name)
        hub = entry.hub or None if entry is not None else None
        split_of = None if entry is None else split or entry.splits[0]
        if source is not None and is_on_hub(source):
            there = HubData.parse(source)
            hub, split_of = there.repo, there.split
        return cls(
            name=dataset.name,
            source=None if source is None else public_name(source),
            hub=hub,
            split=split_of,
            samples=len(dataset),
            sha256=fingerprint,
        )


class TrainingRecord(Record):
    """``training.json``: where the weights come from. command: what trains the same again."""

    step: int | None = None
    steps: int | None = None
    command: str | None = None
    data: DataRecord | None = None
    seed: int | None = None
    objective: str | None = None
    precision: str | None = None
    device: str | None = None
    processes: int | None = None
    threads: int | None = None
    versions: dict[str, str] = {}


class Measured(Record):
    """One figure. how: what was done to measure it. data: what it was measured against.

    Figures with `data` are of quality, and go into the card's metadata as results. spread: the
    standard deviation over the seeds that `value` is the mean of. floor: the same figure for one
    half of the real samples against the other. ceiling: for noise against them. caution: why it
    says little, in a few words, which are never left out where it is shown. features: what
    they were compared by, with its own accuracy. by: the library, and its version.
    during_training: the run itself measured its quality, with fewer samples than ``ganzoo
    evaluate`` takes.
    """

    value: int | float
    how: str
    unit: str = ""
    spread: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    caution: str = ""
    features: str = ""
    by: str = ""
    data: DataRecord | None = None
    during_training: bool = False


@dataclass(frozen=True)
class About:
    """What a model folder tells besides the networks.

    plugin: where the architecture comes from. training: how it was trained, as
    ``training.json`` has it. metrics: what was measured, by name. card: the text of the card.
    """

    plugin: PluginReference = field(default_factory=PluginReference)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Measured] = field(default_factory=dict)
    card: str = ""


class _Metrics(Record):
    format: int = FORMAT
    metrics: dict[str, Measured] = {}


def read_training(path: Path) -> TrainingRecord:
    """``training.json`` of a model folder. Raises GanzooError where it is damaged."""
    return make(TrainingRecord, read_object(path, TRAINING), str(path / TRAINING))


def read_metrics(path: Path) -> dict[str, Measured]:
    """``metrics.json`` of a model folder. Raises GanzooError where it is damaged."""
    return make(_Metrics, read_object(path, METRICS), str(path / METRICS)).metrics


def metrics_json(metrics: dict[str, Measured]) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    written = {
        name: m.model_dump(mode="json", exclude_defaults=True) for name, m in metrics.items()
    }
    return {"format": FORMAT, "metrics": written}


def of_training(newest: list[dict[str, Any]], samples: int) -> dict[str, Measured]:
    """Figures from a run's metrics, up to the step that a model is of.

    newest: the last two logged lines, or as many as there are. samples: that were shown to the
    discriminator until the last of them.
    """
    needed = ("seconds", "generator_loss", "discriminator_loss")
    lines = [line for line in newest if all(isinstance(line.get(k), int | float) for k in needed)]
    if not lines:
        return {}
    last = lines[-1]
    seconds = last["seconds"]
    first = lines[-2]["step"] + 1 if len(lines) > 1 else 1
    mean = f"mean over steps {first} to {last['step']}, on training batches"
    speed = samples / max(seconds, 1e-9)
    return {
        "training_seconds": Measured(
            value=round(seconds, 1), unit="s", how="time of training, without sampling and saving"
        ),
        "samples_per_second": Measured(
            value=round(speed, 1), how="real samples shown to the discriminator, over that time"
        ),
        "generator_loss": Measured(value=round(last["generator_loss"], 6), how=mean),
        "discriminator_loss": Measured(value=round(last["discriminator_loss"], 6), how=mean),
    }
