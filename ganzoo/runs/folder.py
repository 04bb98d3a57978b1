"""A run folder: its configuration, metrics, sample grids, checkpoints and model."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

from ganzoo.errors import GanzooError, WorkFailed, cannot_write
from ganzoo.files import (
    read_json,
    remove_leftovers,
    user_path,
    write_bytes,
    write_folder,
    write_json,
)
from ganzoo.layout import CHECKPOINTS, CONFIG, GRIDS, METRICS_LOG, MODEL, TRAINING, is_run
from ganzoo.locks import Busy, locked
from ganzoo.plugins import command_line
from ganzoo.runs.checkpoints import STATE, Checkpoints
from ganzoo.runs.config import RunConfig, load_run_config
from ganzoo.spec import SampleSpec

LOCK: Final = ".lock"


class Taken(GanzooError):
    """Something is there already where a run was to begin."""


class RunFolder:
    """A run on the disk, as training writes it.

    path: the folder. config: how to repeat it. checkpoints: its `Checkpoints`.
    """

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path, self.config = path, config
        self.checkpoints = Checkpoints(path / CHECKPOINTS)

    @classmethod
    def create(cls, path: Path, config: RunConfig) -> Self:
        """Make a new run folder, whole or not at all. Raises Taken where something is there
        already, GanzooError where it cannot be written."""

        def fill(folder: Path) -> None:
            (folder / GRIDS).mkdir()
            write_json(folder / CONFIG, config.model_dump(mode="json"))

        try:
            write_folder(path, fill, replace=False)
        except FileExistsError:
            raise exists(path) from None
        except OSError as error:
            raise cannot_write(f"--out {path}", error) from None
        return cls(path, config)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """The run in a folder. Raises GanzooError where it holds none."""
        folder = user_path(path)
        if not is_run(folder):
            what = "is not a run folder" if folder.is_dir() else "does not exist"
            raise GanzooError(f"{folder} {what}. A run folder is what ganzoo train makes.")
        return cls(folder, load_run_config(folder / CONFIG))

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def finished(self) -> bool:
        """Whether the last step is done and the model of it written."""
        training = model_training(self.model_path)
        return bool(training) and training.get("steps") == self.config.training.steps

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
        return self.path / MODEL

    def sample_path(self, step: int, suffix: str) -> Path:
        return self.path / GRIDS / f"step-{step:07d}{suffix}"

    def metrics(self) -> list[dict[str, Any]]:
        """The logged steps, in order. A line that was cut short by a crash is left out."""
        lines: list[dict[str, Any]] = []
        if not (self.path / METRICS_LOG).is_file():
            return lines  # not there yet, or something that would never end
        with contextlib.suppress(FileNotFoundError):
            for text in (self.path / METRICS_LOG).read_text("utf-8", "replace").splitlines():
                with contextlib.suppress(ValueError):
                    line = json.loads(text, parse_constant=_no_constant)
                    if isinstance(line, dict) and isinstance(line.get("step"), int):
                        lines.append(line)
        return lines

    def samples(self) -> list[tuple[int, Path]]:
        """The files of samples that were made while training, with their steps, in order."""
        named = [(re.fullmatch(r"step-(\d+)", f.stem), f) for f in (self.path / GRIDS).iterdir()]
        return sorted((int(match[1]), file) for match, file in named if match)

    def clean(self) -> None:
        """Remove what a killed process left half-written."""
        for folder in (self.path, self.path / GRIDS, self.checkpoints.folder):
            remove_leftovers(folder)

    def log(self, line: dict[str, Any]) -> None:
        """Append one object to metrics.jsonl."""
        with (self.path / METRICS_LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")

    def forget_metrics_after(self, step: int) -> None:
        """Drop the lines that a resumed run will write again."""
        kept = [line for line in self.metrics() if line["step"] <= step]
        content = "".join(json.dumps(line) + "\n" for line in kept)
        write_bytes(self.path / METRICS_LOG, content.encode())

    @contextlib.contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Turn an error of the disk into WorkFailed that says what is kept and how to go on."""
        try:
            yield
        except OSError as error:
            steps = self.checkpoints.steps()
            kept = (
                f"The checkpoint of step {steps[0]} is kept."
                if steps
                else "No checkpoint was written yet."
            )
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            mend = "Make room on that disk, then" if full else "When that is mended"
            raise WorkFailed(
                f"{what} could not be written to {self.path}: {error}. {kept} {mend}: "
                f"{command_line('resume', self.path)}"
            ) from error

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second process from training in the same folder."""
        path = self.path / LOCK
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(path))
            except Busy:
                raise GanzooError(f"{self.path}: another process is training in it") from None
            except OSError as error:
                if path.is_symlink():
                    raise GanzooError(f"{path} is a symbolic link, which is not followed") from None
                raise cannot_write(path, error) from None
            yield


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


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
        advice = f"It holds a run: go on with it by: {resume}, or choose another --out."
    else:
        advice = "Choose another --out, or rename it."
    return Taken(f"--out {path} exists already; nothing is written into it. {advice}")


def free_number(root: Path, name: str, after: int = 0) -> int:
    """The first N after `after` for which ``root/NAME-N`` is not there."""
    number = after + 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return number
