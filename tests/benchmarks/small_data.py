"""What ADA does where there are few images, as a table in Markdown.

    python tests/benchmarks/small_data.py --data cifar10-train.zip --against cifar10-test.zip

Trains a small network on 1,000 images of the data, the same ones for every run, without ADA and
with it (`training.ada_target`), at equal steps and over several seeds. On the way it is measured
against images that none was trained on. The table has the mean over the seeds, and in brackets the
smallest and the largest, of

- the Frechet distance and recall;
- the paper's r_v: how much higher the discriminator scores images that it was trained on than
  others, as a share of how much higher it scores them than fakes (0: it does not overfit);
- ADA's chance p.

What was trained and measured before is kept in the folder of the runs and not done again, so that
it can be broken off and run again.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from curve import Point, points_of

import ganzoo
from ganzoo.data.reading import spread_samples
from ganzoo.sources.find import find_dataset

#: A discriminator that learns faster than usual knows 1,000 images soon; with DCGAN's own rate,
#: ADA's chance stayed near 0.
SETTINGS: dict[str, dict[str, Any]] = {
    "dcgan": {"width": 32, "training.discriminator_lr": 1e-3},
    "stylegan2": {"width": 16, "latent_size": 64},
}
COLUMNS = {"fid": 2, "recall": 3, "r_v": 2, "ada_p": 2}  # and their digits


def subset(data: str, count: int, out: Path) -> Path:
    """`count` images of the data, chosen by a fixed seed, as a file."""
    path = out / f"images-{count}.npz"
    if not path.exists():
        samples = find_dataset(data).samples
        chosen = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))[:count]
        images = torch.stack([samples[int(index)] for index in chosen.sort().values])
        np.savez(path, images=images.permute(0, 2, 3, 1).numpy())
    return path


def curve(ada: bool, seed: int, data: Path, args: argparse.Namespace) -> list[Point]:
    """Train one model and measure it on the way, as far as that was not done before."""
    folder = args.out / f"{args.arch}-{'ada' if ada else 'none'}-{seed}"

    def measure(run: ganzoo.Run, step: int) -> Point:
        figures = ganzoo.evaluate(
            run, args.against, step=step, samples=args.samples, seeds=1, features=args.features
        )
        point = {name.partition("[")[0]: measured.value for name, measured in figures.items()}
        (line,) = (line for line in run.log if line["step"] == step)
        point |= {name: line[name] for name in COLUMNS if name in line}
        return {**point, "r_v": overfitting(run.path, step, data, args)}

    return points_of(
        folder.with_suffix(".json"),
        range(args.every, args.steps + 1, args.every),
        lambda: trained(ada, seed, data, folder, args),
        measure,
    )


def trained(ada: bool, seed: int, data: Path, folder: Path, args: argparse.Namespace) -> ganzoo.Run:
    """The finished run, which is begun or gone on with."""
    if folder.exists():
        return ganzoo.resume(folder, steps=args.steps, progress=False)
    settings = {**SETTINGS[args.arch], "data.image_size": args.image_size}
    settings["schedule.keep_checkpoints"] = args.steps // args.every
    if ada:
        settings["training.ada_target"] = args.ada_target
        settings["training.ada_images"] = args.ada_images
    return ganzoo.train(
        args.arch,
        data,
        steps=args.steps,
        batch_size=32,
        seed=seed,
        settings=settings,
        precision=args.precision,
        log_every=args.every // 2,
        sample_every=args.every,
        checkpoint_every=args.every,
        out=folder,
        progress=False,
    )


def overfitting(run: Path, step: int, data: Path, args: argparse.Namespace) -> float:
    """The paper's r_v (section 3, equation 1), of 1,000 images each."""
    generator = ganzoo.load(run, step=step)
    discriminator = ganzoo.load_discriminator(run, step=step)
    known, others = (
        spread_samples(generator.kind.match(find_dataset(os.fspath(source), generator.spec)), 1000)
        for source in (data, args.against)
    )
    with torch.no_grad():
        trained, unseen, made = (
            float(discriminator(samples).float().mean())
            for samples in (known[0], others[0], generator.sample(1000))
        )
    return (trained - unseen) / (trained - made)


def cell(points: list[Point], name: str) -> str:
    """A figure: mean (smallest to largest)."""
    values = [point[name] for point in points if name in point]
    texts = [f"{v:.{COLUMNS[name]}f}" for v in (statistics.fmean(values), min(values), max(values))]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", required=True, help="what the 1,000 images are of")
    parser.add_argument("--against", required=True, help="what it is compared with")
    parser.add_argument("--arch", default="dcgan", choices=list(SETTINGS))
    parser.add_argument("--image-size", type=int, default=16)
    parser.add_argument("--count", type=int, default=1000, help="images that are trained on")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--every", type=int, default=2500, help="steps between two points")
    parser.add_argument("--ada-target", type=float, default=0.6)
    parser.add_argument("--ada-images", type=int, default=50_000)
    parser.add_argument("--seeds", type=int, default=2, help="how many, from 0 on")
    parser.add_argument("--samples", type=int, default=5000, help="samples that are measured")
    parser.add_argument("--features", default="cifar-convnet", help="the extractor")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--out", type=Path, default=Path("runs/small-data"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = subset(args.data, args.count, args.out)
    tools: dict[bool, list[list[Point]]] = {False: [], True: []}
    for seed in range(args.seeds):  # a seed at a time, so that what is there can be compared
        for ada, points in tools.items():
            points.append(curve(ada, seed, data, args))
    print("| step | ADA | FID | recall | r_v | p |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in range(args.steps // args.every):
        for ada, seeds in tools.items():
            at = [points[number] for points in seeds]
            cells = [cell(at, name) for name in COLUMNS if name in at[0]]
            step, told = int(at[0]["step"]), f"{args.ada_target:g}" if ada else "none"
            print(f"| {step:,} | {told} | {' | '.join(cells)} |{'' if ada else ' |'}")


if __name__ == "__main__":
    main()
