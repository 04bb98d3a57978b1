"""What each option of the stability toolkit does to a small DCGAN, as a table in Markdown.

    python tests/benchmarks/toolkit.py

Trains DCGAN on 5,000 digits with each option alone, over two seeds, measures each model and
prints the table of docs/stability.md: the mean over the seeds, and in brackets the smallest and
the largest. What was trained and measured before is kept in the folder of the runs and not done
again, so that it can be broken off and run again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import ganzoo

SETTINGS: dict[str, Any] = {"width": 16, "data.image_size": 16}
METRICS = ("fid[mnist-convnet]", "recall[mnist-convnet]")

#: By the name of a row's folder: what it is, and its options.
TOOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing": ("nothing of it", {}),
    "real-label": ("smoothed real labels, Salimans 2016", {"objective.real_label": 0.9}),
    "flip-labels": ("swapped labels", {"objective.flip_labels": 0.05}),
    "noise": (
        "noise on what the discriminator sees, Sonderby 2016",
        {"training.instance_noise": 0.1},
    ),
    "augment": (
        "differentiable augmentation, Zhao 2020",
        {"training.augment": ["color", "translation", "cutout"]},
    ),
    "augment-grey": ("the same without colour", {"training.augment": ["translation", "cutout"]}),
    "replay": ("replay of old fakes, Shrivastava 2017", {"training.replay": 0.25}),
    "dropout": ("dropout in the generator", {"generator_dropout": 0.25}),
    "r1": (
        "the penalty R1, Mescheder 2018",
        {"objective.penalty": "r1", "objective.penalty_weight": 1},
    ),
    "stddev": ("minibatch standard deviation, Karras 2018", {"minibatch_stddev": True}),
}


def measure(model: Path, against: str, samples: int) -> dict[str, float]:
    """The figures of a model: the one place that knows how ganzoo measures."""
    figures = ganzoo.evaluate(model, against, samples=samples, seeds=1)
    return {name: figures[name].value for name in METRICS}


def figures_of(tool: str, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Train and measure one model, unless that was done before."""
    folder = args.out / f"{tool}-{seed}"
    kept = args.out / f"{tool}-{seed}.json"
    # Beside the figures stands what they depend on, so that others are measured anew.
    recipe = {
        "steps": args.steps,
        "data": args.data,
        "against": args.against,
        "samples": args.samples,
        "precision": args.precision,
        "settings": SETTINGS | TOOLS[tool][1],
    }
    if kept.exists():
        content = json.loads(kept.read_text())
        if content["recipe"] == recipe:
            return content["figures"]
        sys.exit(f"{kept} is of another recipe: give another --out, or remove it and {folder}")
    if folder.exists():
        run = ganzoo.resume(folder)
    else:
        run = ganzoo.train(
            "dcgan",
            args.data,
            steps=args.steps,
            seed=seed,
            settings=recipe["settings"],
            precision=args.precision,
            sample_every=args.steps,
            out=folder,
        )
    figures = measure(run.model_path, args.against, args.samples)
    kept.write_text(json.dumps({"recipe": recipe, "figures": figures}, indent=2) + "\n")
    return figures


def option(settings: dict[str, Any]) -> str:
    """Options as they are typed."""
    parts = []
    for key, value in settings.items():
        plain = isinstance(value, float | str)
        text = value if plain else json.dumps(value, separators=(",", ":"))
        parts.append(f"`{key}={text}`")
    return " ".join(parts)


def cell(figures: list[dict[str, float]]) -> str:
    """FID and recall: mean (smallest to largest)."""
    texts = []
    for name, digits in zip(METRICS, (2, 3), strict=True):
        values = [each[name] for each in figures]
        mean, low, high = (
            f"{value:.{digits}f}" for value in (statistics.fmean(values), min(values), max(values))
        )
        texts.append(mean if len(values) == 1 else f"{mean} ({low} to {high})")
    return f"{texts[0]}, {texts[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seeds", type=int, default=2, help="how many, from 0 on")
    parser.add_argument("--samples", type=int, default=2000, help="samples that are measured")
    parser.add_argument("--data", default="mnist-5k", help="what is learned")
    parser.add_argument("--against", default="mnist:test", help="what it is compared with")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--only", nargs="+", default=list(TOOLS), choices=list(TOOLS))
    parser.add_argument("--out", type=Path, default=Path("runs/toolkit"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| what it is | the option | FID, recall on MNIST with 5,000 images |", flush=True)
    print("| --- | --- | --- |")
    for tool in args.only:
        what, settings = TOOLS[tool]
        figures = [figures_of(tool, seed, args) for seed in range(args.seeds)]
        print(f"| {what} | {option(settings)} | {cell(figures)} |", flush=True)


if __name__ == "__main__":
    main()
