"""The commands that make files to look at or listen to: sample, interpolate,
project, timelapse."""

from __future__ import annotations

from typing import Any

import click

from ganzoo.cli.bars import say
from ganzoo.cli.base import TEXT, names_of, parse_seeds, parse_settings
from ganzoo.entries import ModelEntry
from ganzoo.errors import GanzooError
from ganzoo.progress import bar

_STEP = click.option("--step", type=int, help="Of a run: the checkpoint of this step.")
_SET = click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of sampling (ganzoo info).",
)
_TRUNCATION = click.option(
    "--truncation", type=float, help="Short for --set truncation=, where the model has it."
)
_WHERE = click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the samples must be, where the model can be asked: a column of a table and what "
    "stands in it.",
)
_COLUMNS = click.option("--columns", type=int, help="Pictures in a row.")
_DEVICE = click.option(
    "--device", type=TEXT, default="auto", show_default=True, help="auto, cpu, cuda or mps."
)


@click.command()
@click.argument("model", metavar="MODEL", type=TEXT, shell_complete=names_of(ModelEntry))
@click.option("-n", "count", type=int, help="How many samples [64, or one for each input].")
@click.option("--seed", type=int, help="Of the latents [0].")
@click.option("--seeds", type=TEXT, metavar="0-35", help="One sample a seed: 0-35, or 1,5,9-12.")
@click.option(
    "--label", type=TEXT, help="A class, by number or name [each: in a picture, a row a class]."
)
@_STEP
@click.option(
    "--input",
    "source",
    type=TEXT,
    metavar="FILE|DATA",
    help="What to work from, for a model that does: a file, a folder or a data set.",
)
@_WHERE
@_SET
@_TRUNCATION
@click.option("--scale", type=int, default=1, help="Pixels a side for each pixel [1].")
@_COLUMNS
@_DEVICE
@click.option("--format", type=TEXT, help="Of the files in DIR/: png, jpg, webp, npy, npz, ...")
@click.option(
    "-o",
    "out",
    type=TEXT,
    metavar="FILE|DIR/",
    help="One file for all samples, or a folder for a file each [a new file samples].",
)
def sample(
    model: str,
    count: int | None,
    seed: int | None,
    seeds: str | None,
    label: str | None,
    step: int | None,
    source: str | None,
    conditions: tuple[str, ...],
    pairs: tuple[str, ...],
    truncation: float | None,
    device: str,
    out: str | None,
    **shown: Any,
) -> None:
    """Sample from MODEL into files: a run or model folder, a name of ganzoo list, hf://...

    A conditional model makes each of its classes; a picture has a row a class.
    """
    options = _sampling(pairs, truncation)
    if conditions:
        options["where"] = _conditions(conditions)
    if seeds is not None and seed is not None:
        raise GanzooError("--seed and --seeds: give one of them")
    generator = _load(model, step, device)
    path = generator.sample_to(
        out,
        count,
        seed or 0,
        label,
        None if source is None else generator.read_inputs(source),
        None if seeds is None else parse_seeds(seeds),
        **shown,
        **options,
    )
    click.echo(str(path))


@click.command()
@click.argument("model", metavar="MODEL", type=TEXT, shell_complete=names_of(ModelEntry))
@click.option(
    "--seeds", type=TEXT, required=True, metavar="1,5,9", help="Where it leads: two or more."
)
@click.option("--frames", type=int, help="From each seed to the next [30; of sound and tables 8].")
@click.option("-n", "walks", type=int, help="Walks side by side [1; of points 256].")
@click.option("--label", "labels", type=TEXT, help="A class, by number or name [all of them].")
@_STEP
@_SET
@_TRUNCATION
@click.option("--scale", type=int, help="Pixels a side for each pixel [as is seen well].")
@_COLUMNS
@click.option("--fps", type=float, default=25.0, show_default=True, help="Frames a second.")
@_DEVICE
@click.option(
    "-o",
    "out",
    type=TEXT,
    metavar="FILE|DIR/",
    help="A .gif, .webp or .mp4 of pictures, a .wav of sound, a .csv of a table; or a folder for a "
    "file each frame [a new file walk].",
)
def interpolate(
    model: str,
    seeds: str,
    step: int | None,
    pairs: tuple[str, ...],
    truncation: float | None,
    device: str,
    out: str | None,
    **options: Any,
) -> None:
    """Walk from seed to seed through MODEL's latent space, and back to the first: a closed loop.

    The way is a great circle, or as the architecture says. A conditional model shows each class on
    the same walk unless --label is given.
    """
    sampling, stops = _sampling(pairs, truncation), parse_seeds(seeds)
    generator = _load(model, step, device)
    click.echo(str(generator.save_walk(stops, out, **options, **sampling)))


@click.command()
@click.argument("model", metavar="MODEL", type=TEXT, shell_complete=names_of(ModelEntry))
@click.argument("image", metavar="IMAGE", type=TEXT)
@click.option("--steps", type=int, default=300, show_default=True, help="Of gradient descent.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of where it begins.")
@click.option("--label", type=TEXT, help="A class, by number or name [the one that suits best].")
@click.option(
    "--features",
    type=TEXT,
    default="auto",
    show_default=True,
    help="The extractor that samples are compared by beside their values; none: none.",
)
@_STEP
@_SET
@_TRUNCATION
@click.option("--scale", type=int, default=1, help="Pixels a side for each pixel [1].")
@_DEVICE
@click.option(
    "-o",
    "out",
    type=TEXT,
    metavar="FILE",
    help="For each image beside what was found [a new file projected]; the latents are written "
    "beside it, as .npz.",
)
def project(
    model: str,
    image: str,
    features: str,
    step: int | None,
    pairs: tuple[str, ...],
    truncation: float | None,
    device: str,
    scale: int,
    out: str | None,
    **options: Any,
) -> None:
    """Find the latent of MODEL whose sample is nearest to IMAGE: a file, a folder or a data set."""
    sampling, chosen = _sampling(pairs, truncation), None if features == "none" else features
    generator = _load(model, step, device)
    with bar("loading torch"):
        from ganzoo.sampler.projection import check_place
    check_place(generator.kind, out, scale, source=image)
    found = generator.project(image, features=chosen, **options, **sampling)
    for path in found.save(generator, out, scale):
        click.echo(str(path))
    errors = zip(found.error.tolist(), found.start.tolist(), strict=True)
    for number, (error, start) in enumerate(errors):
        of = "" if found.labels is None else f", as {found.labels[number]}"
        say(f"mean squared error {error:.4g}, of the nearest drawn sample {start:.4g}{of}")


@click.command()
@click.argument("run", metavar="RUN", type=TEXT)
@click.option("--fps", type=float, default=10.0, show_default=True, help="Pictures a second.")
@click.option("--scale", type=int, help="Pixels a side for each pixel [as is seen well].")
@click.option(
    "-o", "out", type=TEXT, metavar="FILE", help="A .gif, .webp or .mp4 [a new file timelapse.gif]."
)
def timelapse(run: str, out: str | None, fps: float, scale: int | None) -> None:
    """Show RUN's pictures of samples one after another, as they became better."""
    with bar("loading torch"):
        from ganzoo.runs.folder import RunFolder
        from ganzoo.runs.timelapse import timelapse as make
    click.echo(str(make(RunFolder.open(run), out, fps, scale)))


def _load(model: str, step: int | None, device: str) -> Any:
    with bar("loading torch"):
        from ganzoo.devices import find_device
        from ganzoo.models.load import load
    return load(model, step=step, device=find_device(device))


def _conditions(pairs: tuple[str, ...]) -> dict[str, str]:
    """What samples must be, by name. Raises GanzooError for what is not NAME=VALUE."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise GanzooError(f"--where {pair}: it takes NAME=VALUE, such as cylinders=4")
        if found.setdefault(name.strip(), value.strip()) != value.strip():
            raise GanzooError(f"--where {pair}: {name.strip()} is given twice")
    return found


def _sampling(pairs: tuple[str, ...], truncation: float | None) -> dict[str, Any]:
    """The options of sampling that were given."""
    options = parse_settings(pairs)
    if truncation is not None:
        options["truncation"] = truncation
    return options
