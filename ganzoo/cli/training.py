"""The commands that train: train, resume. Nothing here imports torch before it is needed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.base import TEXT
from ganzoo.errors import GanzooError
from ganzoo.files import pasted, user_path

if TYPE_CHECKING:
    from ganzoo.models.publish import Run


def _settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    from ganzoo.options import parse

    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise GanzooError(f"--set {pair}: it takes KEY=VALUE, such as --set width=64")
        settings[key] = parse(value)
    return settings


OBSERVER = click.option(
    "--observer",
    "observers",
    multiple=True,
    type=TEXT,
    metavar="NAME",
    help="A plugin that follows the run, such as tensorboard. Can be given more than once.",
)


@click.command()
@click.argument("architecture", metavar="ARCH", required=False)
@click.option("--data", type=TEXT, help="A data set (mnist, mnist:test, mnist-5k) or a path.")
@click.option("--steps", type=int, help="Generator updates in the whole run.")
@click.option("--batch-size", type=int, help="Real samples a step, over all processes.")
@click.option(
    "--objective", type=TEXT, help="The adversarial loss; each goes with each architecture."
)
@click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Any option of ganzoo info."
)
@click.option("--device", type=TEXT, help="auto, cpu, cuda or mps.")
@click.option("--precision", type=TEXT, help="auto, fp32, bf16 or fp16.")
@click.option("--seed", type=int, help="Of weights, data order and latents.")
@click.option("--out", type=TEXT, metavar="DIR", help="The run folder [runs/ARCH-DATA-N].")
@click.option("--image-size", type=int, help="Height and width in pixels.")
@click.option(
    "--config",
    "file",
    type=TEXT,
    metavar="FILE",
    help="Options as JSON or TOML; a run's config.json.",
)
@click.option("--init", type=TEXT, metavar="MODEL", help="A model whose weights to start from.")
@click.option("--log-every", type=int, help="Steps between lines of metrics.")
@click.option("--sample-every", type=int, help="Steps between sample grids.")
@click.option("--checkpoint-every", type=int, help="Steps between checkpoints.")
@click.option("--evaluate-every", type=int, help="Steps between measurements of the generator.")
@click.option("--keep", type=TEXT, help="The step that becomes the model: last, or best.")
@OBSERVER
def train(
    architecture: str | None,
    file: str | None,
    pairs: tuple[str, ...],
    observers: tuple[str, ...],
    **options: Any,
) -> None:
    """Train ARCH on data; see ganzoo list and ganzoo info ARCH."""
    settings = _settings(pairs)
    from ganzoo import api
    from ganzoo.runs.config import read_config

    config = read_config(user_path(file)) if file else {}
    name = architecture or config.get("architecture")
    if not name:
        raise GanzooError("which architecture? ganzoo train ARCH --data DATA; see ganzoo list")
    given = {"settings": settings, "config": config, **options}
    _follow(lambda bar: api.train(name, observers=[*observers, bar], **given))


@click.command()
@click.argument("run", metavar="RUN", type=TEXT)
@click.option("--steps", type=int, help="A new last step, to extend a finished run.")
@OBSERVER
def resume(run: str, steps: int | None, observers: tuple[str, ...]) -> None:
    """Go on with a run from its newest good checkpoint."""
    from ganzoo import api
    from ganzoo.models.publish import Run

    opened = Run.open(run)
    if opened.finished and steps in (None, opened.config.training.steps):
        click.echo(
            f"{opened.path} is finished: step {opened.config.training.steps}. To go on: ganzoo "
            f"resume {pasted(opened.path)} --steps N",
            err=True,
        )
        click.echo(opened.path)
        return
    _follow(lambda bar: api.resume(opened, steps=steps, observers=[*observers, bar]))


def _follow(work: Any) -> None:
    """Run a training with its progress shown, and say at the end where things are."""
    from ganzoo.cli.progress import progress
    from ganzoo.engine.signals import Interrupted

    try:
        with progress() as observer:
            run: Run = work(observer)
    except Interrupted as stopped:
        if observer.telling:
            click.echo(f"Stopped at step {stopped.step}; nothing is lost. Go on with:", err=True)
            click.echo(f"  ganzoo resume {pasted(stopped.run)}", err=True)
        sys.exit(128 + stopped.signal)
    if observer.telling:
        click.echo(f"Samples: {run.path / 'samples'}", err=True)
        click.echo(f"Model:   {run.model_path}", err=True)
        click.echo(f"Next:    ganzoo sample {pasted(run.path)}", err=True)
        click.echo(str(run.path))
