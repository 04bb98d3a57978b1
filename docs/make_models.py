"""Writes the table of models.md from the models' folders: ``python docs/make_models.py``.

A test checks that it is up to date.
"""

from __future__ import annotations

import re
from pathlib import Path

from ganzoo.figure_name import FigureName
from ganzoo.models.records import Measured, read_metrics

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- models: written by docs/make_models.py -->\n", "<!-- models: end -->\n"


def table() -> str:
    """The table, one row per model; cells of what was not measured are empty."""
    rows = [
        "| bundled model | weights | FID, times that of real ones | recall "
        "| rarest, commonest class | as asked |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for config in sorted(ROOT.glob("model_cards/*/config.json")):
        folder = config.parent
        size = (folder / "model.safetensors").stat().st_size / 1e6
        measured = _by_figure(folder)
        cells = [
            f"[`{folder.name}`](../model_cards/{folder.name}/README.md)",
            f"{size:.1f} MB",
            ", ".join(_times(each) for each in measured.get("fid", ())),
            _cells(measured, "recall", 2),
            "; ".join(
                f"{least.value:.3f} {most.value:.3f}"
                for least, most in zip(
                    measured.get("rarest_class", ()),
                    measured.get("commonest_class", ()),
                    strict=True,
                )
            ),
            _cells(measured, "label_agreement", 3),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _by_figure(folder: Path) -> dict[str, list[Measured]]:
    """What was measured of a bundled model, by figure: once in the features of each extractor of
    its data, in their order."""
    figures: dict[str, list[Measured]] = {}
    for name, measured in read_metrics(folder).items():
        figure = FigureName.parse(name)
        if figure is not None:
            figures.setdefault(figure.name, []).append(measured)
    return figures


def _times(measured: Measured) -> str:
    """How many times the figure of real samples against real ones it is."""
    return f"{measured.value / measured.floor:.1f}" if measured.floor else ""


def _cells(measured: dict[str, list[Measured]], name: str, digits: int) -> str:
    return ", ".join(f"{each.value:.{digits}f}" for each in measured.get(name, ()))


def replaced(text: str) -> str:
    """The page with an up-to-date table."""
    return re.sub(
        f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", lambda _: table(), text, flags=re.DOTALL
    )


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text()))
