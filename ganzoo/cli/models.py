"""The commands on models: evaluate, add, remove, publish. Without torch until needed."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.base import TEXT, names_of, print_json, print_lines, print_table
from ganzoo.entries import DatasetEntry, ExtractorEntry, FigureEntry, ModelEntry
from ganzoo.errors import plain
from ganzoo.plugins import command_line
from ganzoo.progress import bar


@click.command()
@click.argument("model", metavar="MODEL", type=TEXT, shell_complete=names_of(ModelEntry))
@click.option(
    "--data",
    type=TEXT,
    required=True,
    shell_complete=names_of(DatasetEntry),
    help="What it should look like: unseen data.",
)
@click.option("--samples", type=int, default=10_000, show_default=True, help="For each seed.")
@click.option("--seeds", type=int, default=3, show_default=True, help="How many, for the spread.")
@click.option("--seed", type=int, default=0, show_default=True, help="The first of them.")
@click.option(
    "--features",
    type=TEXT,
    multiple=True,
    default=("auto",),
    show_default="auto",
    shell_complete=names_of(ExtractorEntry),
    help="An extractor: a name of ganzoo list, or a .safetensors of train_convnet.",
)
@click.option(
    "--figures",
    type=TEXT,
    multiple=True,
    shell_complete=names_of(FigureEntry),
    help="More to measure: a name of ganzoo list figures.",
)
@click.option(
    "--weights",
    type=TEXT,
    metavar="FILE",
    help="Of the one extractor that --features names.",
)
@click.option("--step", type=int, help="Of a run: the checkpoint of this step.")
@click.option("--device", type=TEXT, default="auto", help="auto, cpu, cuda or mps.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def evaluate(
    model: str,
    data: str,
    features: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Measure MODEL against real data: FID, KID, precision, recall, the classes it makes."""
    with bar("loading torch"):
        from ganzoo.measure import evaluate as evaluation

    figures = evaluation.evaluate(model, data, features=features, **options)
    if as_json:
        print_json(
            {name: m.model_dump(mode="json", exclude_defaults=True) for name, m in figures.items()}
        )
        return
    print_table(evaluation.table(figures))
    for note in evaluation.notes(figures):
        print_lines(plain(note))


@click.command()
@click.argument("run", metavar="RUN", type=TEXT)
@click.option(
    "-o",
    "out",
    type=TEXT,
    metavar="FILE.html",
    help="The file to write [report.html, or the next name that is free].",
)
def report(run: str, out: str | None) -> None:
    """Write a report on RUN: one HTML file with everything in it, which needs no network."""
    from ganzoo.runs.folder import RunFolder
    from ganzoo.view.report import write_report

    click.echo(str(write_report(RunFolder.open(run), out)))


@click.command()
@click.argument("model", metavar="MODEL", type=TEXT)
@click.argument("name", metavar="NAME", type=TEXT)
def add(model: str, name: str) -> None:
    """Copy MODEL into the local registry as NAME, for every command and ganzoo.load."""
    from ganzoo.models.local import add as add_model

    path = add_model(model, name)
    click.echo(f"Next: {command_line('sample', name)}", err=True)
    click.echo(str(path))


@click.command()
@click.argument("name", metavar="NAME", type=TEXT, shell_complete=names_of(ModelEntry))
def remove(name: str) -> None:
    """Remove NAME from the local registry."""
    from ganzoo.models.local import remove as remove_model

    click.echo(f"Removed {remove_model(name)}", err=True)


@click.command()
@click.argument("model", metavar="MODEL", type=TEXT, shell_complete=names_of(ModelEntry))
@click.argument("target", metavar="hf://OWNER/NAME", type=TEXT)
@click.option("--step", type=int, help="Of a run: the checkpoint of this step.")
@click.option("--private", is_flag=True, help="Make the repository private, if it is made now.")
@click.option("--revision", type=TEXT, help="A tag for the commit, or a branch that is there.")
@click.option("--create-pr", is_flag=True, help="Open a pull request instead.")
@click.option("--discriminator", is_flag=True, help="Send it along, so that --init can go on.")
@click.option("--license", type=TEXT, help="Of the weights, for the card: mit, cc-by-4.0.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
def publish(model: str, target: str, step: int | None, dry_run: bool, **options: Any) -> None:
    """Publish MODEL to the Hugging Face Hub; log in with hf auth login."""
    from ganzoo.models.publish import publish as publish_model
    from ganzoo.models.upload import PublishOptions

    asked = PublishOptions(**options)
    done = publish_model(model, target, asked, step=step, dry_run=dry_run)
    if dry_run:
        click.echo(f"Would go to {plain(done.url)}:", err=True)
        for name, size in done.files.items():
            click.echo(f"{size:>12} {name}")
        return
    if not done.changed:
        click.echo("Nothing changed; no commit was made.", err=True)
    elif not asked.create_pr:
        at = f"@{asked.revision}" if asked.revision else ""
        click.echo(f"Next: {command_line('sample', target + at)}", err=True)
    click.echo(plain(done.url))
