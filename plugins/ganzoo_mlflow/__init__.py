"""MLflow follows a run while it trains."""

from collections.abc import Iterator

from ganzoo import ObserverEntry, hookimpl


@hookimpl
def ganzoo_observers() -> Iterator[ObserverEntry]:
    yield ObserverEntry(
        "mlflow",
        "ganzoo_mlflow.follow:MLflow",
        "losses, samples and figures for MLflow, at MLFLOW_TRACKING_URI",
    )
