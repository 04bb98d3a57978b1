"""A run folder: its configuration, metrics, sample grids, checkpoints and model."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from ganzoo.errors import GanzooError, GanzooWarning, WorkFailed, cannot_write, mending
from ganzoo.files import (
    public_name,
    put_back,
    read_json,
    remove_leftovers,
    user_path,
    write_folder,
    write_json,
)
from ganzoo.layout import (
    CHECKPOINTS,
    CONFIG,
    GRIDS,
    LOCK,
    MANIFEST,
    METRICS_LOG,
    MODEL,
    REALS,
    TRAINING,
    is_model,
    is_run,
)
from ganzoo.links import held, is_link
from ganzoo.locks import Busy, locked
from ganzoo.manifest import read_manifest
from ganzoo.plugins import command_line
from ganzoo.runs.checkpoints import STATE, Checkpoints
from ganzoo.runs.config import RunConfig, load_run_config
from ganzoo.runs.metrics import MetricsLog
from ganzoo.spec import SampleSpec

_DAY: Final = 24 * 3600.0  # seconds; what is older, no process is still writing


class Taken(GanzooError):
    """Something is there already where a run was to begin."""


class RunFolder:
    """A run on the disk, as training writes it.

    path: the folder. config: how to repeat it. checkpoints: its `Checkpoints`.
    """

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path, self.config = path, config
        self.checkpoints = Checkpoints(path / CHECKPOINTS)
        self.log = MetricsLog(path / METRICS_LOG)
        self._identity = _identity(path)

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> Self:
        """Make a new run folder, whole or not at all. Raises Taken where something is there
        already, GanzooError where it cannot be written."""

        def fill(folder: Path) -> None:
            (folder / GRIDS).mkdir()
            write_json(folder / CONFIG, config.model_dump(mode="json"))

        try:
            remove_leftovers(path.parent, _DAY, of=path.name)
            write_folder(path, fill, replace=False, parents=True)
        except FileExistsError:
            raise exists(path) from None
        except OSError as error:
            raise cannot_write(f"--out {path}", error) from None
        return cls(path, config)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The run in a folder. Raises GanzooError where it holds none, or a part of it is a link
        that leads out of it."""
        folder = user_path(path)
        if not is_run(folder):
            what = "is not a run folder" if folder.is_dir() else "does not exist"
            raise GanzooError(f"{folder} {what}. A run folder is what ganzoo train makes.")
        for name in (GRIDS, CHECKPOINTS, MODEL):
            held(folder / name)
        return cls(folder, load_run_config(folder / CONFIG))

    def __fspath__(self) -> str:
        return str(self.path)

    def title(self) -> str:
        """What is trained on what, in a few words."""
        source = self.config.data.source
        on = f" on {public_name(source)}" if source else ""
        return f"{self.config.architecture}{on}"

    def progress(self) -> str:
        """How far it has come, in a few words."""
        newest = self.log.newest(1)
        logged = newest[0]["step"] if newest else 0
        step = max([logged, *self.checkpoints.steps()])
        state = "finished" if self.finished else "not finished"
        return f"step {step:,} of {self.config.training.steps:,}, {state}"

    @property
    def finished(self) -> bool:
        """Whether the last step is done and the model of it written, and still there."""
        model = self.model_path
        put_back(model)
        training = model_training(model) if is_model(model) else {}
        return bool(training) and training.get("steps") == self.config.training.steps

    @property
    def complete(self) -> bool:
        """Whether it is finished, and the weights of its model are what was written."""
        if not self.finished:
            return False
        model = self.model_path
        try:
            claims = read_manifest(model) if (model / MANIFEST).exists() else {}
            for name, claim in claims.items():
                claim.check(model / name)
        except GanzooError as error:
            text = f"{error}: the run counts as not finished, and its model is written again"
            warnings.warn(text, GanzooWarning, stacklevel=2)
            return False
        return True

    def spec(self) -> SampleSpec | None:
        """What one sample is, as the newest checkpoint says; None where no checkpoint does."""
        for step in self.checkpoints.steps():
            with contextlib.suppress(GanzooError):
                state = read_json(self.checkpoints.path(step) / STATE)
                return SampleSpec.from_json(state.get("spec") if isinstance(state, dict) else None)
        return None

    def reconfigure(self, config: RunConfig) -> None:
        """Change the configuration, as ``ganzoo resume --steps`` does."""
        if config != self.config:
            write_json(self.path / CONFIG, config.model_dump(mode="json"))
            self.config = config

    @property
    def model_path(self) -> Path:
        """The model folder, written when the run is finished."""
        return self.place(MODEL)

    def place(self, name: str) -> Path:
        """A file or folder of the run, for an observer of its own. There need be nothing.

        Raises GanzooError where it is a link that leads out of the run.
        """
        return held(self.path / name)

    def sample_path(self, step: int, suffix: str) -> Path:
        return self.place(GRIDS) / f"step-{step:07d}{suffix}"

    def reals_path(self, suffix: str) -> Path:
        return self.place(GRIDS) / f"{REALS}{suffix}"

    def reals(self) -> Path | None:
        """The file of real samples, to compare those that were made with, where it was written."""
        files = [file for file in self.place(GRIDS).glob(f"{REALS}.*") if not is_link(file)]
        return min(files, default=None)

    def metrics(self) -> list[dict[str, Any]]:
        """The logged steps, in order; `log` gives them one at a time. A line that was cut short by
        a crash is left out."""
        return list(self.log)

    def samples(self) -> list[tuple[int, Path]]:
        """The files of samples that were made while training, with their steps, in order."""
        files = [f for f in self.place(GRIDS).iterdir() if f.is_file() and not is_link(f)]
        named = [(re.fullmatch(r"step-(\d+)", file.stem), file) for file in files]
        return sorted((int(match[1]), file) for match, file in named if match)

    def clean(self) -> None:
        """Remove what a killed process left half-written, and put back what it had moved aside."""
        for folder in (self.path, self.place(GRIDS), self.checkpoints.folder, self.model_path):
            remove_leftovers(folder)

    @contextlib.contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Turn an error of the disk into WorkFailed that says what is kept and how to go on.

        Raises it, too, where the folder is no longer the one that it was: it was moved.
        """
        self._check_place(what)
        try:
            yield
        except OSError as error:
            self._check_place(what)
            advice = mending(error)
            mend = f"{advice}; then" if advice else "Once that is fixed"
            raise WorkFailed(
                f"{what} could not be written to {self.path}: {error}. {self._kept()} {mend}: "
                f"{command_line('resume', self.path)}"
            ) from error

    def _check_place(self, what: str) -> None:
        if self._identity is None or _identity(self.path) == self._identity:
            return
        moved = next((p for p in _beside(self.path) if _identity(p) == self._identity), None)
        if moved is None and is_run(self.path):
            return  # some network file systems give a folder another number after a while
        now = "an unknown place" if moved is None else str(moved)
        kept = "" if moved is None else f" {RunFolder(moved, self.config)._kept()}"
        resume = command_line("resume", *([] if moved is None else [moved]))
        raise WorkFailed(
            f"{what} could not be written: {self.path} was moved to {now}, or removed, while it "
            f"trained.{kept} Go on where it is now: {resume}{' FOLDER' if moved is None else ''}"
        )

    def _kept(self) -> str:
        steps = self.checkpoints.steps()
        if not steps:
            return "No checkpoint was written yet."
        return f"The checkpoint of step {steps[0]} is kept."

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second process from training in the same folder."""
        path = self.path / LOCK
        with contextlib.ExitStack() as locks:
            try:
                locks.enter_context(locked(path))
            except Busy:
                raise GanzooError(f"{self.path}: another process is training in it") from None
            except OSError as error:
                raise cannot_write(path, error) from None
            yield


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a folder from any other, wherever it is moved; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _beside(path: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(path.parent.iterdir())
    return []


def model_step(model: Path) -> int | None:
    """The step at which a run's model folder was written; None where that is not known."""
    step = model_training(model).get("step")
    return step if isinstance(step, int) else None


def model_training(model: Path) -> dict[str, Any]:
    """What a run's model folder says of its training; empty where that is missing or damaged."""
    if not (model / TRAINING).is_file():
        return {}
    with contextlib.suppress(GanzooError):
        training = read_json(model / TRAINING)
        if isinstance(training, dict):
            return training
    return {}


def exists(path: Path) -> Taken:
    """The error for an output folder that is there already."""
    if is_run(path):
        resume = command_line("resume", path)
        advice = f"It holds a run; continue it with: {resume}, or choose another --out."
    else:
        advice = "Choose another --out, or rename it."
    return Taken(f"--out {path} exists already; nothing is written into it. {advice}")


def free_number(root: Path, name: str, after: int = 0) -> int:
    """The first N after `after` for which ``root/NAME-N`` is not there."""
    number = after + 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return number
