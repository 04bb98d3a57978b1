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
        "| bundled model | weights | FID | of real ones | precision | recall | rarest, commonest "
        "| as asked |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for config in sorted(ROOT.glob("model_cards/*/config.json")):
        folder = config.parent
        size = (folder / "model.safetensors").stat().st_size / 1e6
        measured = _by_figure(folder)
        fid = measured.get("fid")
        cells = [
            f"[`{folder.name}`](../model_cards/{folder.name}/README.md)",
            f"{size:.1f} MB",
            _cell(fid, 2, spread=True),
            "" if fid is None or fid.floor is None else f"{fid.floor:.3f}",
            *(_cell(measured.get(name), 2) for name in ("precision", "recall")),
            " ".join(_cell(measured.get(n), 3) for n in ("rarest_class", "commonest_class")),
            _cell(measured.get("label_agreement"), 3),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _by_figure(folder: Path) -> dict[str, Measured]:
    """What was measured of a bundled model, each in the features of its own data alone."""
    figures = ((FigureName.parse(name), m) for name, m in read_metrics(folder).items())
    return {figure.name: m for figure, m in figures if figure is not None}


def _cell(measured: Measured | None, digits: int, spread: bool = False) -> str:
    if measured is None:
        return ""
    more = f" ± {measured.spread:.2g}" if spread and measured.spread is not None else ""
    return f"{measured.value:.{digits}f}{more}"


def replaced(text: str) -> str:
    """The page with an up-to-date table."""
    return re.sub(
        f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", lambda _: table(), text, flags=re.DOTALL
    )


if __name__ == "__main__":
    PAGE.write_text(replaced(PAGE.read_text()))
