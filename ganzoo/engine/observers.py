"""The life of a run, for whoever wants to follow it: a progress bar, a tracker."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVarTuple

from ganzoo.chance import aside
from ganzoo.entries import ObserverEntry
from ganzoo.errors import GanzooError, GanzooWarning, one_line
from ganzoo.plugins import catalogue
from ganzoo.runs.folder import RunFolder


class Observer:
    """Follows a run: a method is called for each event. Override those that you need.

    Of several processes, only the first one calls its observers. A plugin's observer is made
    without arguments, anew for each run; what it raises is reported once and stops nothing. What
    an observer raises that was given as an object to `ganzoo.train` ends the training: that is
    how a search for hyperparameters gives a run up.
    """

    def started(self, run: RunFolder, step: int) -> None:
        """Training begins (step 0), or goes on after `step`: later steps that were already
        reported will be reported again."""

    def noted(self, message: str) -> None:
        """Something was decided that is worth knowing, such as where decoded samples are kept."""

    def stepped(self, step: int) -> None:
        """A step is done. Called often: it must be quick and read nothing from the device."""

    def logged(self, line: dict[str, Any]) -> None:
        """A line of metrics was written, with step, seconds, losses, their terms and health."""

    def warned(self, step: int, message: str) -> None:
        """The game shows a problem, which `message` names; each is reported once a run."""

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


Arguments = TypeVarTuple("Arguments")


class Observers:
    """All that follow one run. plugins: by their names. objects: that the caller gave.

    What an object raises goes through; what a plugin's observer raises is reported once.
    """

    def __init__(
        self, plugins: Mapping[str, Observer] | None = None, objects: Iterable[Observer] = ()
    ) -> None:
        self._all: list[tuple[str | None, Observer]] = [*(plugins or {}).items()]
        self._all += [(None, observer) for observer in objects]
        self._reported: set[str] = set()

    @classmethod
    def make(
        cls, names: Iterable[str], observers: Iterable[Observer | str], needed: Container[Any]
    ) -> Self:
        """Those of plugins called `names`, and the objects among `observers`.

        Raises GanzooError where one of `needed` is not installed or cannot be made, or where an
        object is not an observer; for another name there is a warning.
        """
        objects = [observer for observer in observers if not isinstance(observer, str)]
        for observer in objects:
            if not isinstance(observer, Observer):
                raise GanzooError(
                    f"observer {observer!r}: it takes a name or a ganzoo.Observer object"
                )
        return cls(_plugins(names, needed), objects)

    @contextlib.contextmanager
    def following(self, run: RunFolder, step: int) -> Iterator[None]:
        """Tell all of the start at `step`, and each that began of the end, whatever happens."""
        with contextlib.ExitStack() as began:
            for name, observer in self._all:
                self._tell(name, observer, "started", run, step)
                began.callback(self._tell, name, observer, "ended", run)
            yield

    def tell(self, event: Callable[[Observer, *Arguments], None], *args: *Arguments) -> None:
        """Tell all of an event, which is a method of `Observer`."""
        for name, observer in self._all:
            self._tell(name, observer, event.__name__, *args)

    def _tell(self, name: str | None, observer: Observer, event: str, *args: object) -> None:
        told = getattr(observer, event)
        if getattr(told, "__func__", None) is getattr(Observer, event):
            return
        # What one observer does to a line of metrics, the next one does not see.
        own = [dict(arg) if isinstance(arg, dict) else arg for arg in args]
        if name is None:
            with aside():  # what it draws at random is the caller's chance, not the run's
                told(*own)
            return
        try:
            with aside():
                told(*own)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, too: no tracker may end a training
            if name not in self._reported:
                self._reported.add(name)
                warnings.warn(
                    f"observer {name}: {event} raised {type(error).__name__}: "
                    f"{one_line(error)}. The training goes on; this is reported once",
                    GanzooWarning,
                    stacklevel=4,
                )


def _plugins(names: Iterable[str], needed: Container[str]) -> dict[str, Observer]:
    observers: dict[str, Observer] = {}
    for name in names:
        try:
            observers[name] = _make(name)
        except GanzooError as error:
            if name in needed:
                raise
            warnings.warn(
                f"the run goes on without its observer {name}: {error}", GanzooWarning, stacklevel=2
            )
    return observers


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
