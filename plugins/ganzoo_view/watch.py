"""Runs to watch: where each is, its curves, and its samples beside real ones."""

from __future__ import annotations

import html
from typing import Any, Final

import gradio as gr

from ganzoo import FigureName, GanzooError
from ganzoo_view import play, shown
from ganzoo_view.follow import Followed, curves, grid_at, keys

EVERY: Final = 2.0  # seconds between two looks at the runs
LOSSES: Final = ("generator_loss", "discriminator_loss")
SCORES: Final = ("health_separation",)
USUAL: Final = "health_diversity"  # the further figure, where no quality is measured

_usual: Final[dict[str, Any]] = {"show_progress": "hidden", "api_visibility": "private"}


def build(runs: list[Followed]) -> None:
    """The page of runs, in the block that is open."""
    heads = gr.HTML(elem_classes="gz-heads")
    gr.HTML('<h4 class="gz-head">Samples</h4>')
    newest = gr.Slider(1, 2, 2, step=1, label="Grid of samples", info="the last follows the run")
    sheets = gr.HTML(elem_classes="gz-sheets")
    gr.HTML('<h4 class="gz-head">Curves</h4>')
    choices = [name for name in keys(runs) if name not in LOSSES]
    first = next((n for n in choices if n == USUAL or FigureName.parse(n)), None)
    with gr.Row():
        losses = _plot("Losses")
        scores = _plot("Separation: how often a real sample scores above a fake")
    with gr.Row():
        quality = gr.Dropdown(choices, value=first, label="Another figure")
    figure = _plot("")
    seen = gr.State(None)

    def draw(place: float, last: float, chosen: str | None) -> tuple[Any, ...]:
        counts = [_count(run) for run in runs]
        most = max([2, *counts])
        at_end = place >= last
        position = most if at_end else int(place)
        names = [name for name in keys(runs) if name not in LOSSES]
        if chosen not in names:
            chosen = USUAL if USUAL in names else next(iter(names), None)
        return (
            "".join(_head(run) for run in runs),
            gr.Slider(minimum=1, maximum=most, value=position),
            "".join(_sheet(run, -1 if at_end else position - 1) for run in runs),
            _curve(runs, LOSSES),
            _curve(runs, SCORES),
            gr.Dropdown(choices=names, value=chosen),
            _curve(runs, (chosen,) if chosen else ()),
            (tuple(run.signature() for run in runs), most),
        )

    everything = [heads, newest, sheets, losses, scores, quality, figure, seen]

    def look(before: Any, place: float, chosen: str | None) -> tuple[Any, ...]:
        now = tuple(run.signature() for run in runs)
        if before is not None and now == before[0]:
            return ("".join(_head(run) for run in runs), *[gr.skip()] * (len(everything) - 1))
        return draw(place, before[1] if before else 0, chosen)

    def move(before: Any, place: float) -> str:
        at_end = before is not None and place >= before[1]
        return "".join(_sheet(run, -1 if at_end else int(place) - 1) for run in runs)

    play.opened().load(look, [seen, newest, quality], everything, **_usual)
    gr.Timer(EVERY).tick(look, [seen, newest, quality], everything, **_usual)
    newest.input(move, [seen, newest], sheets, trigger_mode="always_last", **_usual)
    quality.input(lambda name: _curve(runs, (name,)), quality, figure, **_usual)


def _plot(label: str) -> gr.LinePlot:
    return gr.LinePlot(
        x="step", y="value", color="series", label=label or None, height=260, y_title=" ",
        x_title="step", color_title=" ", show_label=bool(label), min_width=320, tooltip="all",
    )  # fmt: skip


def _curve(runs: list[Followed], wanted: tuple[str, ...]) -> gr.LinePlot:
    frame, colours = curves(runs, wanted)
    return gr.LinePlot(value=frame, color_map=colours)


def _count(run: Followed) -> int:
    try:
        return len(run.grids())
    except (GanzooError, OSError):
        return 0


def _head(run: Followed) -> str:
    try:
        return run.head()
    except (GanzooError, OSError) as error:
        text = html.escape(str(error))
        return f'<div class="gz-card gz-gone"><h3>{html.escape(run.name)}</h3><p>{text}</p></div>'


def _sheet(run: Followed, place: int) -> str:
    """Real samples beside fakes, of one run."""
    try:
        reals, fakes = run.reals(), grid_at(run, place)
        real = shown.file(reals) if reals is not None else ""
    except (GanzooError, OSError) as error:
        return shown.note(f"{run.name}: {error}")
    caption = "<figcaption>real</figcaption>"
    beside = f'<figure class="gz-sheet">{real}{caption}</figure>' if real else ""
    return (
        f'<section class="gz-pair" style="--hue:{run.colours[0]}"><h4>{html.escape(run.name)}</h4>'
        f"<div>{beside}{fakes}</div></section>"
    )
