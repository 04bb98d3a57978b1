"""A run as Python has it: looked at in a notebook, plotted, reported on, published."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo import html
from ganzoo.architecture import Architecture
from ganzoo.charts import Curves, figure
from ganzoo.errors import GanzooError
from ganzoo.models.publish import publish
from ganzoo.models.upload import Published, PublishOptions
from ganzoo.runs.folder import RunFolder
from ganzoo.runs.timelapse import FPS, timelapse
from ganzoo.view.grids import element, newest_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Run(RunFolder):
    """A run on the disk. `ganzoo.train` and `ganzoo.resume` return one; `ganzoo.load` takes one.

    path: the folder. config: how to repeat it. checkpoints: its `Checkpoints`. A notebook shows
    its newest samples, losses and steps.
    """

    def plot(self) -> Figure:
        """Charts of losses, scores, health and quality over steps, as a figure of matplotlib.

        ``run.plot().savefig("run.png")`` keeps it. Raises GanzooError where matplotlib (the extra
        ``plots``) is not installed, or where no metrics were logged yet.
        """
        return figure(Curves(self.log), str(self.path))

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write a report on the run: one HTML file that holds everything and needs no network.

        path: the file; a report that is there is replaced. Without it, ``report.html`` where you
        are, or the next name that is free. Returns the file. Raises GanzooError where matplotlib
        (the extra ``plots``) is not installed, and where the file cannot be written.
        """
        from ganzoo.view.report import write_report

        return write_report(self, path)

    def timelapse(
        self,
        path: str | os.PathLike[str] | None = None,
        fps: float = FPS,
        scale: int | None = None,
    ) -> Path:
        """Write the pictures of samples that were made while it trained, one after another with
        the step below, and return the file: .gif, .webp or .mp4.

        path: None: timelapse.gif, or timelapse-2.gif and so on where that is there. fps: pictures
        a second. scale: how many times larger they are; None: small ones are enlarged. Raises
        GanzooError where the run has no pictures, or no such file can be written.
        """
        return timelapse(self, path, fps, scale)

    def publish(
        self,
        name: str,
        *,
        step: int | None = None,
        private: bool = False,
        revision: str | None = None,
        create_pr: bool = False,
        dry_run: bool = False,
        discriminator: bool = False,
        license: str | None = None,
        token: str | None = None,
        architecture: type[Architecture] | None = None,
    ) -> Published:
        """Publish the run's model as ``hf://owner/name``, in one commit, or none if it is there.

        step: the step whose checkpoint is wanted. private: of a repository that is made now.
        revision: a branch that is there, or a tag for the commit. create_pr: as a pull request.
        dry_run: only tell which files would go. discriminator: send it along, so that others can
        go on training. license: an identifier of the Hub's. token: instead of the one that was
        logged in with. architecture: the class, where no installed plugin offers it.

        Raises GanzooError for what the caller can mend, WorkFailed where the Hub fails; the
        model there is then as it was before, or the message says what of it was done.
        """
        options = PublishOptions(private, revision, create_pr, token, license, discriminator)
        return publish(self, name, options, step=step, dry_run=dry_run, architecture=architecture)

    def __repr__(self) -> str:
        return f"<Run {self.path}: {self.title()}, {self.progress()}>"

    def _repr_html_(self) -> str:
        try:
            newest, grid = self.log.newest(1), newest_grid(self)
            rows: list[tuple[str, object]] = [("run", self.path), ("step", self.progress())]
        except (GanzooError, OSError) as error:  # it was moved, or is damaged
            return f"<p>{html.text(self)}: {html.text(error)}</p>"
        for key in ("generator_loss", "discriminator_loss", "samples_per_second"):
            for line in newest:
                if isinstance(line.get(key), int | float):
                    rows.append((key.replace("_", " "), f"{line[key]:.4g}"))
        picture = "" if grid is None else element(grid[1], f"samples of step {grid[0]}")
        table = html.table(rows, sides=True)
        return f"<div><strong>{html.text(self.title())}</strong>{table}{picture}</div>"
