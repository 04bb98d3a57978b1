"""Writes the table of models.md from the models' folders: ``python docs/make_models.py``.

A test checks that it is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ganzoo.figure_name import FigureName
from ganzoo.models.records import Measured, read_metrics

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- models: written by docs/make_models.py -->\n", "<!-- models: end -->\n"
FEATURES = "mnist-convnet"


def table() -> str:
    """The table, one row per model; cells of what was not measured are empty."""
    rows = [
        "| bundled model | weights | FID | precision | recall | rarest, commonest | as asked |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    floors: set[str] = set()
    ceilings: set[str] = set()
    for config in sorted(ROOT.glob("model_cards/*/config.json")):
        folder = config.parent
        metrics = read_metrics(folder)
        size = (folder / "model.safetensors").stat().st_size / 1e6
        classes = " ".join(
            filter(None, (_cell(metrics, "rarest_class", 3), _cell(metrics, "commonest_class", 3)))
        )
        cells = [
            f"[`{folder.name}`](../model_cards/{folder.name}/README.md)",
            f"{size:.1f} MB",
            _cell(metrics, "fid", 2, spread=True),
            *(_cell(metrics, name, 2) for name in ("precision", "recall")),
            classes,
            _cell(metrics, "label_agreement", 3),
        ]
        rows.append(f"| {' | '.join(cells)} |")
        fid = metrics.get(str(FigureName("fid", FEATURES)))
        if fid is not None and fid.floor is not None and fid.ceiling is not None:
            floors.add(f"{fid.floor:.3g}")
            ceilings.add(f"{fid.ceiling:.3g}")
    lines = "\n".join(rows)
    floor, ceiling = (" and ".join(sorted(texts, key=float)) for texts in (floors, ceilings))
    return f"{lines}\n\nReal against real has FID {floor}, noise {ceiling}.\n"


def _cell(metrics: Mapping[str, Measured], name: str, digits: int, spread: bool = False) -> str:
    measured = metrics.get(str(FigureName(name, FEATURES)))
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
