"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ganzoo.entries import DatasetEntry, KindEntry, ModelEntry, ObjectiveEntry
from ganzoo.hookspecs import hookimpl


@hookimpl
def ganzoo_objectives() -> Iterator[ObjectiveEntry]:
    where = "ganzoo.objectives"
    yield ObjectiveEntry("minimax", f"{where}:Minimax", "the value function of Goodfellow 2014")
    yield ObjectiveEntry("non-saturating", f"{where}:NonSaturating", "Goodfellow 2014, section 3")
    yield ObjectiveEntry("least-squares", f"{where}:LeastSquares", "Mao 2017")
    yield ObjectiveEntry("hinge", f"{where}:Hinge", "Lim and Ye 2017")
    yield ObjectiveEntry("wasserstein", f"{where}:Wasserstein", "Arjovsky 2017, Gulrajani 2017")


@hookimpl
def ganzoo_datasets() -> Iterator[DatasetEntry]:
    named = "ganzoo.data.named"
    both = ("train", "test")
    yield DatasetEntry(
        "mnist", f"{named}:mnist", "70,000 handwritten digits, 28x28 grey", both, "ylecun/mnist"
    )
    yield DatasetEntry(
        "fashion-mnist",
        f"{named}:fashion_mnist",
        "70,000 clothes, 28x28",
        both,
        "zalando-datasets/fashion_mnist",
    )
    yield DatasetEntry(
        "cifar10", f"{named}:cifar10", "60,000 colour pictures, 32x32", both, "uoft-cs/cifar10"
    )
    yield DatasetEntry(
        "mnist-5k",
        f"{named}:mnist_5k",
        "5,000 digits of mnist:train, no download",
        ("train",),
        "ylecun/mnist",
    )
    points = "ganzoo.data.points"
    yield DatasetEntry("ring", f"{points}:ring", "8 Gaussians on a circle, 2-D points")
    yield DatasetEntry("grid", f"{points}:grid", "25 Gaussians on a square grid, 2-D points")


@hookimpl
def ganzoo_models() -> Iterator[ModelEntry]:
    # In a wheel they are inside the package, in a clone beside it.
    inside = Path(__file__).with_name("model_cards")
    folder = inside if inside.is_dir() else Path(__file__).parents[1] / "model_cards"
    for model in sorted(folder.glob("*/config.json")):
        yield ModelEntry(model.parent.name, model.parent)


@hookimpl
def ganzoo_kinds() -> Iterator[KindEntry]:
    yield KindEntry("image", "ganzoo.kinds.image:Image", "pictures, as a grid in a PNG")
    yield KindEntry("points", "ganzoo.kinds.points:Points", "2-D points, as a scatter plot")
    yield KindEntry("array", "ganzoo.kinds:Kind", "anything else, as numbers in an .npz")
