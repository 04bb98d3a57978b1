"""Weights & Biases follows a run while it trains."""

from collections.abc import Iterator

from ganzoo import ObserverEntry, hookimpl


@hookimpl
def ganzoo_observers() -> Iterator[ObserverEntry]:
    yield ObserverEntry(
        "wandb",
        "ganzoo_wandb.follow:WeightsAndBiases",
        "losses, samples and figures for Weights & Biases; WANDB_MODE=offline needs no account",
    )
