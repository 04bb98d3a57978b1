"""Families on CIFAR-10 after equally many images, as a table in Markdown.

    python tests/benchmarks/colour.py --data cifar10-train.zip --against cifar10-test.zip

Trains each family with networks of one width until its discriminator has seen so many real images,
and measures it on the way, against images that none was trained on, in the features of every
extractor of --features. The table has a line for each family and point, and in it for each
extractor

- the Frechet distance, divided by that of one half of the real images against the other;
- recall;
- of a class-conditional family the share of samples that show the class that was asked for,
  divided by that of real images.

What was trained and measured before is kept in the folder of the runs and not done again, so that
it can be broken off, and gone on with by a larger --images.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curve import Point, points_of

import ganzoo

#: One update of the discriminator a step, so that a step costs each family the same images.
FAST = {
    "training.discriminator_steps": 1,
    "training.generator_lr": 1e-3,
    "training.discriminator_lr": 1e-3,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "dcgan": {},
    "wgan-gp": FAST,
    "sngan": FAST,
    "projection": FAST,
}
COLUMNS = ("FID", "recall", "as asked")


def curve(name: str, args: argparse.Namespace) -> list[Point]:
    """Train one family and measure it on the way, as far as that was not done before."""
    folder = args.out / name

    def measure(run: ganzoo.Run, step: int) -> Point:
        figures = ganzoo.evaluate(
            run, args.against, step=step, samples=args.samples, seeds=1, features=args.features
        )
        return point_of(figures, args.features)

    return points_of(
        folder.with_suffix(".json"),
        [images // args.batch_size for images in range(args.every, args.images + 1, args.every)],
        lambda: trained(name, folder, args),
        measure,
    )


def trained(name: str, folder: Path, args: argparse.Namespace) -> ganzoo.Run:
    """The finished run, which is begun or gone on with."""
    steps = args.images // args.batch_size
    if folder.exists():
        return ganzoo.resume(folder, steps=steps, progress=False)
    every = args.every // args.batch_size
    settings = {**FAMILIES[name], "width": args.width, "data.image_size": 32, "training.flip": True}
    settings["schedule.keep_checkpoints"] = steps // every
    return ganzoo.train(
        name,
        args.data,
        steps=steps,
        batch_size=args.batch_size,
        settings=settings,
        precision=args.precision,
        sample_every=every,
        checkpoint_every=every,
        out=folder,
        progress=False,
    )


def point_of(figures: Mapping[str, Any], extractors: list[str]) -> Point:
    """What the table shows of the figures, by column and extractor."""
    point = {}
    for extractor in extractors:
        fid, recall = figures[f"fid[{extractor}]"], figures[f"recall[{extractor}]"]
        agreement = figures.get(f"label_agreement[{extractor}]")
        point[f"FID {extractor}"] = fid.value / fid.floor
        point[f"recall {extractor}"] = recall.value
        if agreement is not None:
            point[f"as asked {extractor}"] = agreement.value / agreement.floor
    return point


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--data", required=True, help="what is trained on")
    parser.add_argument("--against", required=True, help="what it is compared with")
    parser.add_argument("--images", type=int, default=50_000_000, help="for each family")
    parser.add_argument("--every", type=int, default=10_000_000, help="images between two points")
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--samples", type=int, default=50_000, help="samples that are measured")
    parser.add_argument("--features", nargs="+", default=["cifar-convnet", "cifar-resnet"])
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--out", type=Path, default=Path("runs/colour"))
    args = parser.parse_args()
    for name in args.families:
        if name not in FAMILIES:
            parser.error(f"{name!r} is none of {', '.join(FAMILIES)}")
    for name in ("images", "every"):
        if getattr(args, name) % args.batch_size:
            parser.error(f"--{name} is {getattr(args, name)}, not a multiple of {args.batch_size}")
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"| family | images | {' | '.join(COLUMNS)} |")
    print(f"| {' | '.join(['---'] * (2 + len(COLUMNS)))} |")
    for name in args.families or FAMILIES:
        for point in curve(name, args):
            cells = (
                ", ".join(
                    f"{point[key]:.2f}"
                    for extractor in args.features
                    if (key := f"{column} {extractor}") in point
                )
                for column in COLUMNS
            )
            print(
                f"| `{name}` | {int(point['step']) * args.batch_size:,} | {' | '.join(cells)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
