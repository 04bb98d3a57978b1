"""A model to play with: its samples, ways between them, and what lies near one of them."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from html import escape
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar

import gradio as gr
import torch
from gradio.components import Component
from torch import Tensor

from ganzoo import GanzooError, Generator, TrainingSamples
from ganzoo_view import shown
from ganzoo_view.controls import controls, given

P = ParamSpec("P")
R = TypeVar("R")

TURNS: Final = "in turns"
NEIGHBOURS: Final = 8  # of a sample; of sound, which takes time, half as many
STOPS: Final = 9  # samples that are shown of a way, both ends included
FAR: Final = 0.25  # of the way to another latent
_AT_ONCE: Final = 1 << 20  # values that are shown at first: more would make sliders slow

#: Clicks, and the keys that stand for them, on whatever has a place.
CLICKS: Final = """
const tell = (event) => {
  const found = event.target.closest('[data-place]');
  if (found && !event.target.closest('audio')) trigger('click', {place: +found.dataset.place});
};
element.addEventListener('click', tell);
element.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); tell(event); }
});
"""

_one_at_a_time = threading.Lock()  # a network is used by one thread


def told(work: Callable[P, R]) -> Callable[P, R]:
    """What the user can mend is a message on the page, and no traceback."""

    @functools.wraps(work)
    def telling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with _one_at_a_time:
                return work(*args, **kwargs)
        except GanzooError as error:
            raise gr.Error(str(error), duration=10, print_exception=False) from None

    return telling


class Asked(NamedTuple):
    """What the controls say. label: a class, `TURNS`, or None. sampling: options by name."""

    seed: int
    number: int
    label: str | None
    sampling: dict[str, Any]


class Player:
    """Answers for one model. generator: it is used by one thread at a time."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.kind = generator.kind
        self.near = NEIGHBOURS // 2 if self.kind.preview == ".wav" else NEIGHBOURS
        self.classes = generator.spec.classes if generator.architecture.conditional else ()

    @functools.cached_property
    def training(self) -> TrainingSamples:
        """What it was trained on. Raises GanzooError where that is not found again."""
        return TrainingSamples(self.generator)

    def usual_count(self) -> int:
        """How many samples are shown at first: a square of them, fewer of large ones."""
        if not self.kind.apart:
            return 25 if self.kind.preview == ".csv" else 1000
        if self.kind.preview == ".wav":
            return 8
        return max(4, min(36, math.isqrt(_AT_ONCE // self.generator.spec.size) ** 2))

    def labels(self, asked: Asked) -> Any:
        """For `sample`: a class, or None where they take turns or there is none."""
        return None if asked.label in (None, TURNS) else asked.label

    def label_of(self, asked: Asked, place: int) -> str | None:
        """The class of the sample at a place."""
        if not self.classes:
            return None
        return self.labels(asked) or self.classes[place % len(self.classes)]

    def samples(self, asked: Asked, chosen: int | None) -> str:
        drawn = self.generator.sample(
            asked.number, asked.seed, self.labels(asked), **asked.sampling
        )
        captions = [self.label_of(asked, place) or "" for place in range(asked.number)]
        return shown.gallery(self.kind, drawn, captions if self.classes else (), chosen)

    def latent(self, asked: Asked, place: int) -> Tensor:
        return self.generator.latents(place + 1, asked.seed)[place]

    def made(self, latents: Tensor, label: str | None, asked: Asked) -> Tensor:
        return self.generator.from_latents(latents, label, **asked.sampling).cpu()

    def neighbours(self, asked: Asked, place: int, far: float) -> str:
        """The sample at a place, and what is made on the way from it to others."""
        latent = self.latent(asked, place)
        others = self.generator.latents(self.near, asked.seed + 1)
        way = self.generator.architecture.interpolate
        near = [way(latent, other, torch.tensor([far]))[0] for other in others]
        latents = torch.stack([latent, *near])
        return shown.gallery(
            self.kind, self.made(latents, self.label_of(asked, place), asked), chosen=0
        )

    def nearest(self, asked: Asked, place: int) -> tuple[str, str]:
        """What it was trained on that is nearest to the sample at a place, and of how many."""
        own = self.training
        sample = self.made(self.latent(asked, place)[None], self.label_of(asked, place), asked)
        found = own.at(own.nearest(sample, self.near)[0])
        count = len(own.samples)
        of = f"all {count:,}" if count == own.total else f"{count:,} of the {own.total:,}"
        told_of = f"The nearest of {of} samples of {own.name}, by the distance of their values."
        return shown.gallery(self.kind, torch.cat([sample, found]), chosen=0), told_of

    def walk(self, first: int, last: int, at: float, asked: Asked) -> tuple[str, str]:
        """The sample at a part of the way between two seeds, and samples from all of the way."""
        label = self.label_of(asked, 0)
        ends = [self.generator.latents(1, seed)[0] for seed in (first, last)]
        weights = torch.cat([torch.tensor([at]), torch.linspace(0, 1, STOPS)])
        way = self.generator.architecture.interpolate(ends[0], ends[1], weights)
        made = self.made(way, label, asked)
        nearest = round(at * (STOPS - 1))
        strip = shown.gallery(self.kind, made[1:], chosen=nearest)
        return shown.gallery(self.kind, made[:1]), strip if self.kind.apart else ""


def build(generator: Generator, name: str) -> None:
    """The controls and the samples of a model, in the block that is open."""
    player = Player(generator)
    about = generator.training.get("data")
    data = about.get("name") if isinstance(about, dict) else None
    shape = "×".join(map(str, generator.spec.shape))
    words = f"{generator.name}, {generator.spec.kind} {shape}" + (
        f", trained on {data}" * bool(data)
    )
    gr.HTML(f'<div class="gz-title"><h2>{escape(name)}</h2><p>{escape(words)}</p></div>')
    count = player.usual_count()
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=260, elem_classes="gz-controls"):
            seed = gr.Slider(
                0, 9999, 0, step=1, label="Seed", info="the same seed, the same samples"
            )
            dice = gr.Button("Another seed", size="sm")
            most = max(64, count)
            amount = gr.Slider(1, most, count, step=1, label="Samples")
            label = gr.Dropdown(
                [TURNS, *player.classes], value=TURNS, label="Class", visible=bool(player.classes)
            )
            options = controls(generator.architecture.Sampling)
            if generator.input_spec is not None:
                gr.HTML(
                    shown.note("It works from inputs: these are the examples that it came with.")
                )
        with gr.Column(scale=4, min_width=320):
            names = list(options)
            everything: list[Component] = [seed, amount, label, *options.values()]
            with gr.Tabs():
                with gr.Tab("Samples"):
                    _samples(player, names, everything, dice, seed)
                with gr.Tab("Walk"):
                    _walk(player, names, everything)


def _asked(names: list[str], seed: Any, count: Any, label: Any, values: tuple[Any, ...]) -> Asked:
    return Asked(int(seed or 0), max(1, int(count or 1)), label, given(names, values))


def _samples(
    player: Player,
    names: list[str],
    everything: list[Component],
    dice: gr.Button,
    seed: gr.Slider,
) -> None:
    chosen = gr.State(0)
    grid = gr.HTML(js_on_load=CLICKS, elem_classes="gz-samples", min_height=120)
    apart = player.kind.apart or player.kind.preview == ".csv"
    hint = "Click a sample to see what is near it." if apart else "What is near one of them:"
    with gr.Row(equal_height=True):
        gr.HTML(shown.note(hint))
        which = gr.Number(0, label="Sample", minimum=0, precision=0, visible=not apart, scale=0)
        far = gr.Slider(0.02, 1, FAR, step=0.01, label="How far to look", scale=1)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=280):
            gr.HTML('<h4 class="gz-head">Neighbours in latent space</h4>')
            near = gr.HTML()
        with gr.Column(min_width=280):
            gr.HTML('<h4 class="gz-head">Nearest training samples</h4>')
            found = gr.HTML(shown.note("Not looked for yet."))
            find = gr.Button("Look for them", size="sm")

    @told
    def draw(place: int, seed: Any, count: Any, label: Any, *values: Any) -> str:
        return player.samples(_asked(names, seed, count, label, values), place)

    @told
    def around(place: int, far: float, seed: Any, count: Any, label: Any, *values: Any) -> str:
        return player.neighbours(_asked(names, seed, count, label, values), int(place), float(far))

    def resembling(place: int, seed: Any, count: Any, label: Any, *values: Any) -> str:
        try:
            with _one_at_a_time:
                asked = _asked(names, seed, count, label, values)
                cells, words = player.nearest(asked, int(place))
        except GanzooError as error:
            return shown.note(f"The training data is not found again: {error}")
        return cells + shown.note(words)

    def take(event: gr.EventData) -> int:
        return int(event.place)

    usual: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    last: dict[str, Any] = {**usual, "trigger_mode": "always_last"}
    place = chosen
    gr.on([moved(c) for c in everything], draw, [place, *everything], grid, **last).then(
        around, [place, far, *everything], near, **usual
    )
    far.input(around, [place, far, *everything], near, **last)
    which.input(lambda value: int(value or 0), which, chosen, **usual).then(
        around, [place, far, *everything], near, **usual
    )
    grid.click(take, None, chosen, **usual).then(draw, [place, *everything], grid, **usual).then(
        around, [place, far, *everything], near, **usual
    )
    find.click(resembling, [place, *everything], found, api_visibility="private")
    dice.click(lambda: int(torch.randint(10_000, ())), None, seed, **usual).then(
        draw, [place, *everything], grid, **usual
    ).then(around, [place, far, *everything], near, **usual)
    opening = opened()
    opening.load(draw, [place, *everything], grid, **usual)
    opening.load(around, [place, far, *everything], near, **usual)


def moved(control: Any) -> Any:
    """The event that the user has changed a control."""
    return control.input


def opened() -> Any:
    """The page that is being built, whose event `load` is that somebody opens it."""
    return gr.context.Context.root_block


def _walk(player: Player, names: list[str], everything: list[Component]) -> None:
    with gr.Row():
        first = gr.Number(1, label="From seed", minimum=0, precision=0)
        last = gr.Number(2, label="to seed", minimum=0, precision=0)
        at = gr.Slider(0, 1, 0.5, step=0.01, label="On the way", scale=3)
    now = gr.HTML(elem_classes="gz-large")
    strip = gr.HTML()

    @told
    def walk(first: Any, last: Any, at: Any, *rest: Any) -> tuple[str, str]:
        seed, count, label, *values = rest
        asked = _asked(names, seed, count, label, tuple(values))
        return player.walk(int(first or 0), int(last or 0), float(at or 0), asked)

    inputs = [first, last, at, *everything]
    usual: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    changed = [moved(control) for control in (first, last, at, *everything[2:])]
    gr.on(changed, walk, inputs, [now, strip], trigger_mode="always_last", **usual)
    opened().load(walk, inputs, [now, strip], **usual)
