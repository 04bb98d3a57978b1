"""TensorBoard: follows a run while it trains, and shows runs that were trained without it."""

from collections.abc import Iterator

from ganzoo import CommandEntry, ObserverEntry, hookimpl


@hookimpl
def ganzoo_observers() -> Iterator[ObserverEntry]:
    yield ObserverEntry(
        "tensorboard",
        "ganzoo_tensorboard.follow:TensorBoard",
        "losses, samples and figures for TensorBoard, in the run's folder tensorboard",
    )


@hookimpl
def ganzoo_commands() -> Iterator[CommandEntry]:
    yield CommandEntry(
        "tensorboard",
        "ganzoo_tensorboard.command:tensorboard",
        "Write what runs have recorded so far for TensorBoard.",
    )
