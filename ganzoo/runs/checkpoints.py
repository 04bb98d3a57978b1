"""Checkpoints: folders that appear whole or not at all, each with a manifest of its files."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.files import read_json, remove_folder, write_folder, write_json
from ganzoo.links import held, real_folder
from ganzoo.manifest import read_manifest, write_manifest
from ganzoo.tensors import load_tensors, save_tensors

STATE: Final = "state.json"


def folder_name(step: int) -> str:
    return f"step-{step:07d}"


class Checkpoints:
    """The checkpoints of one run, in its folder ``checkpoints``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, newest first, good or not."""
        steps = []
        for path in held(self.folder).glob("step-*"):
            number = path.name.removeprefix("step-")
            # No longer than any number of steps, and no link.
            if number.isdecimal() and len(number) < 20 and path.name == folder_name(int(number)):
                steps += [int(number)] if real_folder(path) else []
        return sorted(steps, reverse=True)

    def path(self, step: int) -> Path:
        return self.folder / folder_name(step)

    def write(
        self,
        step: int,
        groups: dict[str, dict[str, Tensor]],
        values: dict[str, Any],
        keep: int,
        best: int | None = None,
    ) -> Path:
        """Write a checkpoint and remove all but the newest `keep` and that of the step `best`.

        Raises OSError, with the checkpoints before untouched, where it cannot be written.
        """
        path = self.path(step)

        def fill(folder: Path) -> None:
            for name, tensors in groups.items():
                save_tensors(tensors, folder / f"{name}.safetensors")
            write_json(folder / STATE, values)
            write_manifest(folder)

        with contextlib.suppress(FileExistsError):
            held(self.folder).mkdir()  # without the run's folder, which may have been moved
        write_folder(path, fill)
        self.prune(keep, best)
        return path

    def prune(self, keep: int, best: int | None = None) -> None:
        """Remove all but the newest `keep` and that of the step `best`."""
        for old in self.steps()[keep:]:
            if old != best:
                with contextlib.suppress(OSError):
                    remove_folder(self.path(old))

    def read(self, step: int) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """The tensors and values of a checkpoint. Raises GanzooError where it is damaged."""
        path = self.path(step)
        check_manifest(path)
        groups = {file.stem: load_tensors(file) for file in sorted(path.glob("*.safetensors"))}
        values = read_json(path / STATE)
        if not isinstance(values, dict):
            raise GanzooError(f"{path / STATE}: not the state of a run")
        return groups, values

    def newest_good(self, set_aside: bool = False) -> int | None:
        """The newest step whose checkpoint is whole, with a warning for each damaged newer one.

        set_aside: rename damaged ones, so that a resumed run can write those steps again.
        """
        for step in self.steps():
            try:
                check_manifest(self.path(step))
            except GanzooError as error:
                if not self.path(step).exists():
                    continue  # a training has just removed it
                warnings.warn(
                    f"{error}; the checkpoint of step {step} is not used",
                    GanzooWarning,
                    stacklevel=2,
                )
                if set_aside:
                    aside = self.path(step).with_name(f"damaged-{folder_name(step)}")
                    if os.path.lexists(aside):
                        remove_folder(aside)
                    self.path(step).rename(aside)
            else:
                return step
        return None


def check_manifest(folder: Path) -> None:
    """Raise GanzooError where a file of a checkpoint is missing or not what was written."""
    files = read_manifest(folder)
    for name, entry in files.items():
        entry.check(folder / name)
    for needed in (STATE, "networks.safetensors"):
        if needed not in files:
            raise GanzooError(f"{folder / needed} is missing")
