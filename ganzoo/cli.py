"""The command line: parse, call, print. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.errors import GanzooError, GanzooWarning, memory_message, plain
from ganzoo.plugins import add_plugin_file, catalogue
from ganzoo.version import __version__

if TYPE_CHECKING:
    from ganzoo.registry.run import Run


class Commands(click.Group):
    """Turns errors that a user can understand into one message and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanzooError as error:
            click.echo(f"Error: {plain(str(error))}", err=True)
            ctx.exit(error.exit_status)
        except KeyboardInterrupt:
            ctx.exit(130)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output left; there is no one to tell
            ctx.exit(1)
        except (OSError, MemoryError, RuntimeError) as error:
            message = str(error) if isinstance(error, OSError) else memory_message(error)
            if message is None:
                raise  # a fault of ganzoo's or a plugin's: its traceback is needed
            click.echo(f"Error: {message}", err=True)
            ctx.exit(1 if getattr(error, "errno", None) in (errno.ENOSPC, errno.EIO) else 2)


def main() -> None:
    """The entry point of ``ganzoo`` and ``python -m ganzoo``."""
    warnings.formatwarning = _one_line  # type: ignore[assignment]
    warnings.simplefilter("always", GanzooWarning)
    # Its own warnings and retries; what came of them is told in one message.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    # Until training listens, Ctrl-C ends the process: an import that it breaks into may be
    # swallowed and leave half a module behind.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        commands(prog_name="ganzoo")
    except SystemExit as done:
        if "TORCHELASTIC_RUN_ID" in os.environ:
            # Under torchrun, gloo's threads now and then abort Python while it winds up, and a
            # finished run would end as a failed one. All is written; leave without winding up.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(done.code if isinstance(done.code, int) else 1)
        raise


def _one_line(message: Any, category: Any, *place: Any) -> str:
    if issubclass(category, GanzooWarning):
        return f"Warning: {plain(str(message))}\n"
    return _formatwarning(message, category, *place)


_formatwarning = warnings.formatwarning


class Filled(click.ParamType):  # type: ignore[type-arg]
    """A text that is not empty: an empty one is a shell variable that was not set."""

    name = "text"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        if not str(value):
            raise GanzooError(f"{param.opts[0]} is empty")
        if not str(value).isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise GanzooError(f"{param.opts[0]} {str(value)!r} is no text in UTF-8")
        return str(value)


TEXT = Filled()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ganzoo")
@click.option(
    "--plugin",
    "files",
    multiple=True,
    metavar="FILE.py",
    help="Use a plugin that is not installed. Can be given more than once.",
)
def commands(files: tuple[str, ...]) -> None:
    """Train, sample and share GANs. Each architecture is a plugin."""
    for file in dict.fromkeys(files):
        add_plugin_file(file)


def _json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def _warn_of_plugins() -> None:
    for plugin in catalogue().plugins:
        for problem in plugin.problems:
            click.echo(f"Warning: plugin {plugin.name}: {problem} (see: ganzoo plugins)", err=True)
        if plugin.slow:
            click.echo(
                f"Warning: plugin {plugin.name} took {plugin.seconds:.1f} s to import; its hooks "
                "should import its networks only when they are used",
                err=True,
            )


@commands.command("list")
@click.argument("pattern", default="*")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--remote", is_flag=True, help="Also the Hub's models that are tagged ganzoo.")
def list_(pattern: str, as_json: bool, remote: bool) -> None:
    """List models, architectures, data sets and objectives, and where each comes from."""
    from ganzoo.listing import rows

    found, failure = rows(pattern, remote)
    _warn_of_plugins()
    if as_json:
        _json(found)
    else:
        for row in found:
            line = f"{row['name']:<16} {row['kind']:<13} {row['summary']:<46} {row['origin']}"
            click.echo(plain(line))
        if not found:
            click.echo(f"Nothing is called {pattern!r}. All: ganzoo list", err=True)
    if failure is not None:
        raise failure


@commands.command()
@click.argument("name", type=TEXT)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def info(name: str, as_json: bool) -> None:
    """Show an architecture's options, or a model's card."""
    from ganzoo.describe import describe, text

    described = describe(name)
    if as_json:
        _json(described)
    elif described.get("card") and sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        from ganzoo.registry.own_text import body

        # Without the metadata, which is for the Hub.
        Console().print(Markdown(plain(body(described["card"])), hyperlinks=False))
    else:
        click.echo(plain(text(described)))


def _settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    from ganzoo.options import parse

    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise GanzooError(f"--set {pair}: it takes KEY=VALUE, such as --set width=64")
        settings[key] = parse(value)
    return settings


@commands.command()
@click.argument("architecture", metavar="ARCH", required=False)
@click.option(
    "--data", type=TEXT, help="A data set (mnist, mnist:test, mnist-5k) or a path to images."
)
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
def train(
    architecture: str | None, file: str | None, pairs: tuple[str, ...], **options: Any
) -> None:
    """Train ARCH on data; see ganzoo list and ganzoo info ARCH."""
    settings = _settings(pairs)
    from ganzoo import api
    from ganzoo.engine.config import read_config

    config = read_config(Path(file)) if file else {}
    name = architecture or config.get("architecture")
    if not name:
        raise GanzooError("which architecture? ganzoo train ARCH --data DATA; see ganzoo list")
    _follow(lambda o: api.train(name, settings=settings, config=config, observers=o, **options))


@commands.command()
@click.argument("run", metavar="RUN", type=TEXT)
@click.option("--steps", type=int, help="A new last step, to extend a finished run.")
def resume(run: str, steps: int | None) -> None:
    """Go on with a run from its newest good checkpoint."""
    from ganzoo import api
    from ganzoo.registry.run import Run

    opened = Run.open(run)
    if opened.finished and steps in (None, opened.config.training.steps):
        click.echo(
            f"{run} is finished: step {opened.config.training.steps}. To go on: ganzoo resume "
            f"{run} --steps N",
            err=True,
        )
        click.echo(run)
        return
    _follow(lambda observers: api.resume(opened, steps=steps, observers=observers))


def _follow(work: Any) -> None:
    """Run a training with its progress shown, and say at the end where things are."""
    from ganzoo.engine.signals import Interrupted
    from ganzoo.progress import progress

    try:
        with progress() as observer:
            run: Run = work([observer])
    except Interrupted as stopped:
        if observer.telling:
            click.echo(f"Stopped at step {stopped.step}; nothing is lost. Go on with:", err=True)
            click.echo(f"  ganzoo resume {stopped.run}", err=True)
        sys.exit(128 + stopped.signal)
    if observer.telling:
        click.echo(f"Pictures: {run.path / 'samples'}", err=True)
        click.echo(f"Model:    {run.model_path}", err=True)
        click.echo(f"Next:     ganzoo sample {run.path} -o grid.png", err=True)
        click.echo(str(run.path))


@commands.command()
@click.argument("model", metavar="MODEL", type=TEXT)
@click.option("-n", "count", type=int, default=64, show_default=True, help="How many samples.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents.")
@click.option("--label", type=TEXT, help="A class, by number or name, for a conditional model.")
@click.option("--step", type=int, help="Of a run: the checkpoint of this step.")
@click.option("-o", "out", type=TEXT, metavar="FILE", help="The file to write [samples.png].")
def sample(
    model: str, count: int, seed: int, label: str | None, step: int | None, out: str | None
) -> None:
    """Sample from MODEL into a file: a run or model folder, a name of ganzoo list, hf://..."""
    from ganzoo.registry.find import load

    generator = load(model, step=step)
    samples = generator.sample(count, seed, label)
    click.echo(str(generator.save_samples(samples, out or f"samples{generator.kind.suffixes[0]}")))


@commands.command()
@click.argument("model", metavar="MODEL", type=TEXT)
@click.argument("name", metavar="NAME", type=TEXT)
def add(model: str, name: str) -> None:
    """Copy MODEL into the local registry as NAME, for every command and ganzoo.load."""
    from ganzoo.registry.local import add as add_model

    path = add_model(model, name)
    click.echo(f"Next: ganzoo sample {name}", err=True)
    click.echo(str(path))


@commands.command()
@click.argument("name", metavar="NAME", type=TEXT)
def remove(name: str) -> None:
    """Remove NAME from the local registry."""
    from ganzoo.registry.local import remove as remove_model

    click.echo(f"Removed {remove_model(name)}", err=True)


@commands.command()
@click.argument("model", metavar="MODEL", type=TEXT)
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
    from ganzoo.registry.publish import publish as publish_model
    from ganzoo.registry.upload import Wanted

    wanted = Wanted(**options)
    done = publish_model(model, target, wanted, step=step, dry_run=dry_run)
    if dry_run:
        click.echo(f"Would go to {done.url}:", err=True)
        for name, size in done.files.items():
            click.echo(f"{size:>12} {name}")
        return
    if not done.changed:
        click.echo("Nothing changed; no commit was made.", err=True)
    elif not wanted.create_pr:
        at = f"@{wanted.revision}" if wanted.revision else ""
        click.echo(f"Next: ganzoo sample {target}{at}", err=True)
    click.echo(done.url)


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def plugins(as_json: bool) -> None:
    """Show what is installed, what each plugin provides, and what is broken and why."""
    found = catalogue().plugins
    if as_json:
        _json(
            [
                {
                    "name": plugin.name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "module": plugin.module,
                    "hooks": plugin.hooks,
                    "entries": [entry.name for entry in plugin.entries],
                    "problems": plugin.problems,
                    "import_seconds": round(plugin.seconds, 4),
                }
                for plugin in found
            ]
        )
        return
    for plugin in found:
        state = "broken" if plugin.problems else "ok"
        names = ", ".join(entry.name for entry in plugin.entries) or "nothing"
        click.echo(f"{plugin.name:<16} {state:<7} {plugin.origin or plugin.module:<24} {names}")
        for problem in plugin.problems:
            click.echo(f"    {problem}")
