"""Charts of a run, from its lines of metrics: losses, scores, health and quality over steps.

matplotlib draws them; it comes with the extra ``plots``. The colours are Okabe and Ito's, which
people see apart who see few colours.
"""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ganzoo.errors import GanzooError, plain
from ganzoo.figure_name import FigureName

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS: Final = 600  # of a curve; of more lines, neighbours become one point
_QUALITY: Final = 6  # curves of quality at most
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
INK, GRID = "#24292f", "#d0d7de"


@dataclass
class Curve:
    """A figure over steps. Of many lines, a point is the mean of some that follow each other, with
    the least and the most among them."""

    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, step: float, value: float) -> None:
        """One more line's figure."""
        for values, one in zip(self._all(), (step, value, value, value), strict=True):
            values.append(one)
        if len(self.steps) >= 2 * _POINTS:
            self._halve()

    def _halve(self) -> None:
        pairs = range(0, len(self.steps) - 1, 2)
        self.steps = [(self.steps[i] + self.steps[i + 1]) / 2 for i in pairs]
        self.values = [(self.values[i] + self.values[i + 1]) / 2 for i in pairs]
        self.low = [min(self.low[i : i + 2]) for i in pairs]
        self.high = [max(self.high[i : i + 2]) for i in pairs]

    def _all(self) -> tuple[list[float], ...]:
        return self.steps, self.values, self.low, self.high


@dataclass(frozen=True)
class Panel:
    """One chart. lines: the figures in it by their names in ``metrics.jsonl``, each with a label
    and a colour. about: what to look for, in a sentence. floor: of the figure, where it is known.
    """

    title: str
    about: str
    lines: Mapping[str, tuple[str, str]]
    logarithmic: bool = False
    floor: float | None = None


PANELS: Final = (
    Panel(
        "Losses",
        "Each player's loss. They oppose each other, so neither has to fall.",
        {
            "discriminator_loss": ("discriminator", BLUE),
            "generator_loss": ("generator", ORANGE),
        },
    ),
    Panel(
        "Scores",
        "How often the discriminator ranks a real sample above a fake: 0.5 is a guess, 1 never "
        "wrong.",
        {"health_separation": ("real above fake", BLUE)},
    ),
    Panel(
        "Variety",
        "How far apart fakes are, as a share of real samples' distance, and how many pairs are "
        "near duplicates.",
        {
            "health_diversity": ("diversity of fakes", ORANGE),
            "health_fake_duplicates": ("duplicates, fake", GREEN),
            "health_real_duplicates": ("duplicates, real", BLUE),
        },
    ),
    Panel(
        "Gradients",
        "The norm of each player's gradient, on a logarithmic scale.",
        {
            "health_discriminator_gradient": ("discriminator", BLUE),
            "health_generator_gradient": ("generator", ORANGE),
        },
        logarithmic=True,
    ),
    Panel(
        "Augmentation",
        "The share of samples that each augmentation is done to, and how far the discriminator "
        "knows its real samples by heart: 0 is a guess, 1 always right (ADA).",
        {"ada_p": ("augmented", ORANGE), "ada_sign": ("sign of real scores", BLUE)},
    ),
)


class Curves:
    """The curves of a run, gathered from its lines in memory that does not grow with their number.

    panels: those that have something to show, the first figure of quality in front. floors: of
    figures of quality, real samples against real ones.
    """

    def __init__(
        self, lines: Iterable[Mapping[str, Any]], floors: Mapping[str, float] | None = None
    ) -> None:
        self.of: dict[str, Curve] = {}
        known = {name for panel in PANELS for name in panel.lines}
        quality: dict[str, FigureName] = {}
        for line in lines:
            for name, value in line.items():
                if not isinstance(value, int | float) or isinstance(value, bool):
                    continue
                if name not in known and name not in quality:
                    figure = FigureName.parse(name)
                    if figure is None or len(quality) == _QUALITY:
                        continue
                    quality[name] = figure
                if abs(value) < 1e30:  # a larger one is damage, and nothing can be drawn of it
                    self.of.setdefault(name, Curve()).add(line["step"], value)
        measured = [
            Panel(
                _title(figure.name),
                f"In the features of {figure.features}.",
                {name: (figure.name, PINK)},
                floor=(floors or {}).get(name),
            )
            for name, figure in quality.items()
        ]
        self.panels = [
            panel
            for panel in (*measured[:1], *PANELS, *measured[1:])
            if any(name in self.of for name in panel.lines)
        ]


def _title(figure: str) -> str:
    """A figure's name as a title: FID, Rarest class."""
    return figure.upper() if len(figure) <= 3 else figure.replace("_", " ").capitalize()


def check_matplotlib() -> None:
    """Raise GanzooError where matplotlib, which draws the charts, is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise GanzooError(
            "charts are drawn by matplotlib, which is not installed: pip install "
            "'torch-ganzoo[plots]'"
        )


def figure(curves: Curves, title: str = "") -> Figure:
    """All charts of a run in one figure. It belongs to the caller: no window is opened, and pyplot
    does not know it. Raises GanzooError where there is nothing to draw."""
    check_matplotlib()
    from matplotlib.figure import Figure

    if not curves.panels:
        raise GanzooError("nothing to draw: the run has no line of metrics yet")
    columns = min(2, len(curves.panels))
    rows = -(-len(curves.panels) // columns)
    drawn = Figure((5.2 * columns, 3.0 * rows + 0.4), layout="constrained", facecolor="white")
    if title:
        drawn.suptitle(plain(title), fontsize=12, color=INK, parse_math=False)
    for place, panel in enumerate(curves.panels):
        axes = drawn.add_subplot(rows, columns, place + 1)
        _draw(axes, panel, curves)
        axes.set_title(panel.title, loc="left", fontsize=11, fontweight="bold", color=INK)
    return drawn


def svg(curves: Curves, panel: Panel, number: int) -> str:
    """One chart as SVG for a page: its text is the page's, and its colours are CSS variables
    ``--ink``, ``--grid`` and ``--blue`` and so on. number: another one for each chart of a page."""
    check_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    drawn = Figure((5.4, 2.7), layout="constrained")
    drawn.patch.set_alpha(0)
    _draw(drawn.add_subplot(), panel, curves)
    buffer = io.StringIO()
    # A salt of its own keeps the names in one chart apart from those in another.
    options: Any = {"svg.fonttype": "none", "svg.hashsalt": f"ganzoo-{number}"}
    with matplotlib.rc_context(options):
        drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    whole = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", whole[whole.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # groups' names, which are the same in each chart
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    text = text.replace("<svg ", f'<svg role="img" aria-label="{panel.title}" ', 1)
    names = {INK: "ink", GRID: "grid", BLUE: "blue", ORANGE: "orange", GREEN: "green", PINK: "pink"}
    for colour, name in names.items():
        text = text.replace(colour, f"var(--{name})")
    return re.sub(r"font: ([\d.]+px) [^;\"]+", r"font: \1 system-ui, sans-serif", text)


def _draw(axes: Axes, panel: Panel, curves: Curves) -> None:
    axes.patch.set_alpha(0)
    shown = {name: how for name, how in panel.lines.items() if name in curves.of}
    for name, (label, colour) in shown.items():
        curve = curves.of[name]
        single = len(curve.steps) < 20
        axes.plot(
            curve.steps,
            curve.values,
            color=colour,
            linewidth=1.6,
            label=label,
            marker="o" if single else "",
            markersize=3.5,
        )
        if curve.low != curve.high:
            axes.fill_between(curve.steps, curve.low, curve.high, color=colour, alpha=0.2, lw=0)
    if panel.floor is not None:
        axes.axhline(panel.floor, color=INK, linewidth=1, linestyle="--", label="real against real")
    if panel.logarithmic and any(min(curves.of[name].values) > 0 for name in shown):
        axes.set_yscale("log")
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.set_xlabel("step", fontsize=9, color=INK)
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    axes.xaxis.set_major_locator(_whole_steps())
    axes.margins(x=0.02)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    if len(shown) > 1 or panel.floor is not None:
        axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="best")


def _whole_steps() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(6, integer=True)
