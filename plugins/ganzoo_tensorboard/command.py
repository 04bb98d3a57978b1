"""``ganzoo tensorboard RUN...``: for runs that were trained without it."""

from __future__ import annotations

import os

import click

from ganzoo import RunFolder
from ganzoo_tensorboard.follow import FOLDER, TensorBoard


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
def tensorboard(runs: tuple[str, ...]) -> None:
    """Write what runs have recorded so far, from their own files, to RUN/tensorboard.

    What is there already is replaced.
    """
    # All are opened first, so that a mistyped name is reported before anything is written.
    folders = [RunFolder.open(run) for run in runs]
    for run in folders:
        with run.lock():  # a training with --observer tensorboard writes there too
            write(run)
        click.echo(str(run.place(FOLDER)))
    click.echo(
        f"Next: tensorboard --logdir {os.path.commonpath([run.path.resolve() for run in folders])}",
        err=True,
    )


def write(run: RunFolder) -> None:
    """A run's metrics and samples as events, as if it had been followed."""
    board = TensorBoard()
    steps = [line["step"] for line in run.log.newest(1)] + [step for step, _ in run.samples()]
    board.started(run, max(steps, default=0))
    board.ended(run)
