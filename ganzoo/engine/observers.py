"""The life of a run, for whoever wants to follow it: a progress bar, a tracker."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from ganzoo.entries import ObserverEntry
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.plugins import catalogue
from ganzoo.runs.folder import RunFolder


class Observer:
    """Told of what happens in a run. Every method may be overridden; none has to be.

    Of several processes, only the first one's observers are told. A plugin's observer is made
    without arguments, anew for each run; what it raises is reported once and stops nothing. What
    an observer raises that was given as an object to `ganzoo.train` ends the training: that is
    how a search for hyperparameters gives a run up.
    """

    def started(self, run: RunFolder, step: int) -> None:
        """Training begins (step 0), or goes on after `step`. What was told of later steps before
        will be told again."""

    def stepped(self, step: int) -> None:
        """A step is done. Called often: it must be quick and read nothing from the device."""

    def logged(self, line: dict[str, Any]) -> None:
        """A line of metrics was written, with step, seconds, losses, their terms and health."""

    def warned(self, step: int, message: str) -> None:
        """The game shows a sickness, which `message` names; told once a run for each."""

    def sampled(self, step: int, path: Path) -> None:
        """A file of samples was written: a grid of pictures, a scatter plot, sound, rows."""

    def checkpointed(self, step: int, path: Path) -> None:
        """A checkpoint was written; a resumed run goes on from here."""

    def evaluated(self, step: int, figures: Mapping[str, float]) -> None:
        """The model of `step` was measured: figures by their names in ``metrics.json``."""

    def finished(self, run: RunFolder) -> None:
        """The run is done and its model is in ``run.model_path``."""

    def ended(self, run: RunFolder) -> None:
        """Training is over, whether finished, interrupted or failed: close what is open."""


class Guarded(Observer):
    """A plugin's observer, whose faults are reported once and stop nothing."""

    def __init__(self, name: str, observer: Observer) -> None:
        self.name, self.observer = name, observer
        self.reported = False

    def started(self, run: RunFolder, step: int) -> None:
        self._tell(self.observer.started, run, step)

    def stepped(self, step: int) -> None:
        self._tell(self.observer.stepped, step)

    def logged(self, line: dict[str, Any]) -> None:
        self._tell(self.observer.logged, dict(line))

    def warned(self, step: int, message: str) -> None:
        self._tell(self.observer.warned, step, message)

    def sampled(self, step: int, path: Path) -> None:
        self._tell(self.observer.sampled, step, path)

    def checkpointed(self, step: int, path: Path) -> None:
        self._tell(self.observer.checkpointed, step, path)

    def evaluated(self, step: int, figures: Mapping[str, float]) -> None:
        self._tell(self.observer.evaluated, step, figures)

    def finished(self, run: RunFolder) -> None:
        self._tell(self.observer.finished, run)

    def ended(self, run: RunFolder) -> None:
        self._tell(self.observer.ended, run)

    def _tell(self, event: Callable[..., None], *args: Any) -> None:
        try:
            event(*args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, too: no tracker may end a training
            if not self.reported:
                self.reported = True
                warnings.warn(
                    f"observer {self.name}: {event.__name__} raised {type(error).__name__}: "
                    f"{one_line(error)}. The training goes on; this is said once",
                    GanzooWarning,
                    stacklevel=4,
                )


def make_observers(names: Iterable[str], needed: Container[str]) -> list[Observer]:
    """The observers of plugins called `names`, for one run.

    Raises GanzooError where one of `needed` is not installed or cannot be made; another one is
    warned of.
    """
    made: list[Observer] = []
    for name in dict.fromkeys(names):
        try:
            made.append(Guarded(name, _make(name)))
        except GanzooError as error:
            if name in needed:
                raise
            warnings.warn(
                f"the run goes on without its observer {name}: {error}", GanzooWarning, stacklevel=2
            )
    return made


def _make(name: str) -> Observer:
    observer: type[Observer] = catalogue().find(ObserverEntry, name).load()
    try:
        return observer()
    except GanzooError:
        raise
    except Exception as error:
        raise GanzooError(
            f"observer {name!r} cannot be made: {type(error).__name__}: {one_line(error)}"
        ) from error
