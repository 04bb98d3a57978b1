"""What the observers of tracking programs have in common."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, ClassVar

from ganzoo.engine.observers import Observer
from ganzoo.errors import GanzooError
from ganzoo.figure_name import FigureName
from ganzoo.files import read_json, write_json
from ganzoo.runs.folder import RunFolder


class Tracker(Observer):
    """An observer that sends what a run records to a tracking program.

    It is made only if the program's client is installed; raises GanzooError otherwise.
    """

    #: The package to import, which is also the name of the extra of ganzoo that installs it.
    package: ClassVar[str]
    #: The ends of files of samples that are pictures.
    pictures: ClassVar[tuple[str, ...]] = (".png", ".jpg", ".webp")

    def __init__(self) -> None:
        if importlib.util.find_spec(self.package) is None:
            raise GanzooError(
                f"{self.package} is not installed: pip install 'torch-ganzoo[{self.package}]'"
            )

    @staticmethod
    def figures(line: Mapping[str, Any]) -> dict[str, float]:
        """The numbers of a line of metrics but its step, by names with a group before a slash:
        ``generator/loss``, ``health/diversity``, ``measured/fid[...]``, ``speed/seconds``."""
        return {
            _grouped(name): value
            for name, value in line.items()
            if name != "step" and isinstance(value, int | float)  # warnings are texts
        }

    @staticmethod
    def measured(figures: Mapping[str, float]) -> dict[str, float]:
        """Of the figures of an evaluation, those that no line of metrics has."""
        return {
            f"measured/{name}": value
            for name, value in figures.items()
            if FigureName.parse(name) is None
        }

    def remembered(self, run: RunFolder) -> str | None:
        """The id under which the tracking program knows a run, if it was tracked before."""
        file = run.place(f"{self.package}.json")
        found = read_json(file).get("id") if file.is_file() else None
        return found if isinstance(found, str) else None

    def remember(self, run: RunFolder, identity: str) -> None:
        """Keep the id in the run's folder, so that a resumed run continues the tracked one."""
        write_json(run.place(f"{self.package}.json"), {"id": identity})


def _grouped(name: str) -> str:
    for group in ("discriminator", "generator", "health"):
        if name.startswith(f"{group}_"):
            return f"{group}/{name.removeprefix(f'{group}_')}"
    return f"measured/{name}" if FigureName.parse(name) else f"speed/{name}"
