"""The commands that train: train, resume. Nothing here imports torch before it is needed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any, Final

import click

from ganzoo.cli.bars import say
from ganzoo.cli.base import TEXT, names_of, parse_settings
from ganzoo.entries import (
    ArchitectureEntry,
    DatasetEntry,
    ModelEntry,
    ObjectiveEntry,
    ObserverEntry,
)
from ganzoo.entry import Entry
from ganzoo.errors import GanzooError
from ganzoo.files import user_path
from ganzoo.plugins import command_line
from ganzoo.progress import bar
from ganzoo.runs.choices import choices
from ganzoo.runs.config import Schedule, read_config
from ganzoo.training import Training

if TYPE_CHECKING:
    from ganzoo.engine.observers import Observer
    from ganzoo.run import Run


OBSERVER = click.option(
    "--observer",
    "observers",
    multiple=True,
    type=TEXT,
    metavar="NAME",
    shell_complete=names_of(ObserverEntry),
    help="A plugin that follows the run, such as tensorboard. Can be given more than once.",
)


#: What the values of options are names of, for a shell that completes them.
_NAMED: Final[dict[str, tuple[type[Entry], ...]]] = {
    "data": (DatasetEntry,),
    "init": (ModelEntry,),
    "objective": (ObjectiveEntry,),
}


def _declared(command: click.Command, only: Container[str] | None = None) -> click.Command:
    """The command with a flag for each option of a run that declares one. only: for those."""
    flags = [
        click.Option(
            [choice.flag],
            type=TEXT if choice.type is str else choice.type,
            help=choice.help,
            metavar=choice.metavar,
            shell_complete=names_of(*_NAMED.get(choice.keyword, ())),
        )
        for choice in choices()
        if only is None or choice.keyword in only
    ]
    command.params[1:1] = flags
    return command


def _keys(context: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The options of training and of how often things happen; an architecture's own would need
    torch to be imported."""
    groups = (("training", Training), ("schedule", Schedule))
    keys = [f"{group}.{name}=" for group, model in groups for name in model.model_fields]
    return [key for key in keys if key.startswith(incomplete)]


def _instead(flag: str, words: str, **how: Any) -> Callable[[Any], Any]:
    """A flag that there is not, and that many type: what to type in its place."""

    def refuse(context: click.Context, option: click.Parameter, value: Any) -> None:
        if value not in (None, False):
            raise GanzooError(f"{flag}: there is no such option. {words}")

    return click.option(flag, hidden=True, expose_value=False, callback=refuse, **how)


_STEPS = (
    "The length of a run is given in steps: --steps N. A step takes one batch, so an epoch has as "
    "many steps as the data has samples, divided by --batch-size"
)


@_declared
@click.command()
@click.argument(
    "architecture",
    metavar="[ARCH]",
    required=False,
    shell_complete=names_of(ArchitectureEntry),
)
@click.argument("place", metavar="[DATA]", required=False, shell_complete=names_of(DatasetEntry))
@click.option("--lr", metavar="RATE", help="The learning rate of both players.")
@_instead("--epochs", _STEPS)
@_instead("--resume", "To go on with a run: ganzoo resume RUN", is_flag=True)
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=_keys,
    help="Any option of ganzoo info.",
)
@click.option("--out", type=TEXT, metavar="DIR", help="The run folder [runs/ARCH-DATA-N].")
@click.option(
    "--config",
    "file",
    type=TEXT,
    metavar="FILE",
    help="Options as JSON or TOML; a run's config.json.",
)
@OBSERVER
def train(
    architecture: str | None,
    place: str | None,
    lr: str | None,
    file: str | None,
    pairs: tuple[str, ...],
    observers: tuple[str, ...],
    **options: Any,
) -> None:
    """Train ARCH on DATA (the same as --data DATA); see ganzoo list and ganzoo info ARCH."""
    settings = parse_settings(pairs)
    if lr is not None:
        settings = {"training.lr": lr, **settings}
    if place is not None:
        if options["data"] not in (None, place):
            raise GanzooError(f"{place}, and --data {options['data']}: data is given twice")
        options["data"] = place
    with bar("loading torch"):
        from ganzoo import api
        from ganzoo.models.transfer import Source

    config = read_config(user_path(file)) if file else {}
    name, init = architecture or config.get("architecture"), options["init"] or config.get("init")
    if not name and isinstance(init, str):
        name = Source.of(init).architecture
    if not name:
        raise GanzooError("which architecture? ganzoo train ARCH --data DATA; see ganzoo list")
    asked = {"settings": settings, "config": config, "progress": False, **options}
    _follow(lambda shown: api.train(name, observers=[*observers, shown], **asked))


@functools.partial(_declared, only=("data", "device", "precision"))
@click.command()
@click.argument("run", metavar="RUN", type=TEXT)
@click.option("--steps", type=int, help="A new last step, to extend a finished run.")
@OBSERVER
def resume(run: str, steps: int | None, observers: tuple[str, ...], **moved: Any) -> None:
    """Go on with a run from its newest good checkpoint, also where it has been moved: with its data
    elsewhere, on another device, in another precision."""
    with bar("loading torch"):
        from ganzoo import api
        from ganzoo.run import Run

    opened = Run.open(run)
    if steps in (None, opened.config.training.steps) and opened.complete:
        click.echo(
            f"{opened.path} is finished: step {opened.config.training.steps}. To go on: "
            f"{command_line('resume', opened.path, '--steps')} N",
            err=True,
        )
        click.echo(opened.path)
        return
    asked = {"steps": steps, "progress": False, **moved}
    _follow(lambda shown: api.resume(opened, observers=[*observers, shown], **asked))


def _follow(work: Callable[[Observer], Run]) -> None:
    """Run a training with its progress shown, and say at the end where things are."""
    from ganzoo.cli.progress import follower
    from ganzoo.engine.signals import Interrupted

    observer = follower()
    try:
        run = work(observer)
    except Interrupted as stopped:
        if observer.telling:
            say(f"Stopped at step {stopped.step}; nothing is lost. Go on with:")
            say(f"  {stopped.resume}")
        sys.exit(128 + stopped.signal)
    if observer.telling:
        say(f"Samples: {run.path / 'samples'}")
        say(f"Model:   {run.model_path}")
        say(f"Next:    {command_line('sample', run.path)}")
        click.echo(str(run.path))
