"""The command that measures how fast an architecture trains here. No torch before it is needed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.base import TEXT, parse_settings, print_json, print_table

if TYPE_CHECKING:
    from ganzoo.engine.benchmark import Benchmark, Speed


@click.command("bench")
@click.argument("architecture", metavar="ARCH", type=TEXT)
@click.option("--data", type=TEXT, metavar="DATA", help="What to train on [random images].")
@click.option("--image-size", type=int, metavar="N", help="Pixels of an image's side.")
@click.option("--batch-size", type=int, metavar="N", help="Samples a step [the recipe's].")
@click.option("--device", type=TEXT, help="auto, cpu, cuda or mps.")
@click.option("--precision", type=TEXT, help="Only this one: fp32, bf16 or fp16.")
@click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Any option of ganzoo info."
)
@click.option("--seconds", type=click.FloatRange(0.1, 600), default=5.0, help="A candidate's [5].")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def bench(
    architecture: str, pairs: tuple[str, ...], seconds: float, as_json: bool, **options: Any
) -> None:
    """Measure how fast ARCH trains on this machine, and where the time goes.

    Nothing is kept. Without --data it trains on random colour images of 32 pixels.
    """
    settings = parse_settings(pairs)
    from ganzoo import api

    result = api.benchmark(architecture, settings=settings, seconds=seconds, **options)
    if as_json:
        print_json(_as_json(result))
    else:
        _show(result)


def _as_json(result: Benchmark) -> dict[str, Any]:
    speeds = [asdict(s) | {"of_peak": s.of_peak(result.batch_size)} for s in result.speeds]
    return {**asdict(result), "speeds": speeds, "fastest": result.fastest.name}


def _show(result: Benchmark) -> None:
    click.echo(
        f"{result.architecture}, {result.samples}, batch {result.batch_size}, on {result.device}, "
        f"{result.threads} threads, torch {result.torch}"
    )
    if result.reason:
        click.echo(f"The step is not captured: {result.reason}")
    head = ["computed as", "samples/s", "lowest to highest", "memory", "TFLOP/s", "of the peak"]
    rows = [head, *(_row(speed, result.batch_size) for speed in result.speeds)]
    click.echo()
    print_table(rows)
    click.echo()
    shown = [speed for speed in result.speeds if speed.parts]
    names = list(shown[0].parts) if shown else []
    shares = [[f"{s.parts[name]:.1%}" for name in names] for s in shown]
    print_table(
        [
            ["time of a step", *names],
            *([s.name, *row] for s, row in zip(shown, shares, strict=True)),
        ]
    )
    click.echo(f"\nFastest: {result.fastest.name}")


def _row(speed: Speed, batch_size: int) -> list[str]:
    memory = "" if speed.memory is None else f"{speed.memory / 2**20:,.0f} MiB"
    reached = speed.operations * speed.samples_per_second / batch_size
    return [
        speed.name,
        f"{speed.samples_per_second:,.4g}",
        f"{speed.lowest:,.4g} to {speed.highest:,.4g}",
        memory,
        f"{reached / 1e12:.3g} of {speed.peak / 1e12:.3g}",
        f"{speed.of_peak(batch_size):.0%}",
    ]
