"""``ganzoo view`` and ``ganzoo space``. Without Gradio and torch until needed."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ganzoo import GanzooError, RunFolder, list_models, load

if TYPE_CHECKING:
    from ganzoo import Generator
    from ganzoo_view.follow import Followed

_MOST: Final = 8  # runs of the folder ./runs, the newest ones


@click.command()
@click.argument("names", metavar="[RUN|MODEL]...", nargs=-1)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="To listen on [7860, or the next free]."
)
@click.option("--open", "opened", is_flag=True, help="Open it in a browser.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other machines in."
)
def view(names: tuple[str, ...], port: int | None, opened: bool, host: str) -> None:
    """Watch runs while they train, and play with models, in a browser.

    Without a name: the runs in the folder runs, or, where there are none, the bundled models.
    """
    needs_gradio()
    if opened:
        _needs_browser()
    from ganzoo_view.page import LOCAL, app
    from ganzoo_view.serve import bound, serve

    with bound(host, port) as listening:  # before anything is loaded: a taken port is told at once
        runs, models = _found(names)
        hosts = LOCAL if host in LOCAL else ("*",)
        serve(app(runs, models, hosts), listening, host, opened)


def needs_gradio() -> None:
    """Raise GanzooError where Gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise GanzooError("gradio is not installed: pip install 'torch-ganzoo[view]'")


def _needs_browser() -> None:
    import webbrowser

    try:
        webbrowser.get()
    except webbrowser.Error:
        raise GanzooError(
            "--open: no browser is found here. Leave --open out, and open the address yourself"
        ) from None


def _found(names: tuple[str, ...]) -> tuple[list[Followed], list[tuple[str, Generator]]]:
    """Runs and models. Of a run that has one already, its model too."""
    from ganzoo_view.follow import Followed

    runs: list[Followed] = []
    models: list[tuple[str, Generator]] = []
    for name in names or _usual():
        run = _run(name)
        if run is None:
            models.append((name, load(name)))
            continue
        runs.append(Followed(run, _short(name, names), len(runs)))
        with contextlib.suppress(GanzooError):  # it has no checkpoint yet, or a broken one
            models.append((runs[-1].name, load(name)))
    return runs, models


def _run(name: str) -> RunFolder | None:
    with contextlib.suppress(GanzooError):
        return RunFolder.open(name)
    return None  # a model, or what `load` says about it


def _short(name: str, names: tuple[str, ...]) -> str:
    """The last part of a run's path, where that tells it from the others."""
    last = Path(name).name
    return name if sum(Path(other).name == last for other in names) > 1 else last or name


def _usual() -> list[str]:
    """What is shown when nothing is named."""
    folder = Path("runs")
    found = [path for path in folder.iterdir() if _run(str(path))] if folder.is_dir() else []
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[:_MOST]
    names = [str(path) for path in newest] or list_models()
    if not names:
        raise GanzooError("nothing to view: name a run or a model (ganzoo list)")
    return names


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("-o", "out", metavar="DIR|hf://spaces/OWNER/NAME", help="Where to [MODEL-space].")
@click.option("--private", is_flag=True, help="Make the Space private, if it is made now.")
def space(model: str, out: str | None, private: bool) -> None:
    """Make a Space of the Hub that serves MODEL: its app, requirements and card.

    A folder is run with: pip install -r requirements.txt && python app.py
    """
    from ganzoo_view.space import make_space

    click.echo(make_space(model, out, private))
