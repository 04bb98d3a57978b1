"""Writes the README's table of bundled models from their folders: ``python docs/make_models.py``.

A test compares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- models: written by docs/make_models.py -->\n", "<!-- models: end -->\n"
FEATURES = "mnist-convnet"


def table() -> str:
    """The table, with a line each model; what was not measured is empty."""
    rows = [
        "| bundled model | weights | FID | precision | recall | rarest, commonest | as asked |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    bounds: dict[str, set[str]] = {"floor": set(), "ceiling": set()}
    for config in sorted(ROOT.glob("model_cards/*/config.json")):
        folder = config.parent
        metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
        size = (folder / "model.safetensors").stat().st_size / 1e6
        classes = " ".join(
            filter(None, (_cell(metrics, "rarest_class", 3), _cell(metrics, "commonest_class", 3)))
        )
        cells = [
            f"[`{folder.name}`](model_cards/{folder.name}/README.md)",
            f"{size:.1f} MB",
            _cell(metrics, "fid", 2, spread=True),
            *(_cell(metrics, name, 2) for name in ("precision", "recall")),
            classes,
            _cell(metrics, "label_agreement", 3),
        ]
        rows.append(f"| {' | '.join(cells)} |")
        for bound, found in bounds.items():
            value = metrics.get(f"fid[{FEATURES}]", {}).get(bound)
            found |= set() if value is None else {f"{value:.3g}"}
    lines = "\n".join(rows)
    floor, ceiling = (" and ".join(sorted(found, key=float)) for found in bounds.values())
    return f"{lines}\n\nReal against real has FID {floor}, noise {ceiling}.\n"


def _cell(metrics: dict[str, Any], name: str, digits: int, spread: bool = False) -> str:
    measured = metrics.get(f"{name}[{FEATURES}]")
    if measured is None:
        return ""
    more = f" ± {measured['spread']:.2g}" if spread and "spread" in measured else ""
    return f"{measured['value']:.{digits}f}{more}"


def replaced(text: str) -> str:
    """The README with the table as it is now."""
    return re.sub(
        f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", lambda _: table(), text, flags=re.DOTALL
    )


if __name__ == "__main__":
    README.write_text(replaced(README.read_text()))
