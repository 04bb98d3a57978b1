"""Draws rooms.svg, the picture in architecture.md, from the imports and lines of the code.

python docs/make_rooms.py            # draws it anew; needs import-linter, which brings grimp
python docs/make_rooms.py --table    # prints lines and imports, room by room, and draws nothing

The floors are those that import-linter holds, in pyproject.toml. A room is a package or a module of
``ganzoo``; its width stands for its lines of code.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).parent.parent
PICTURE: Final = Path(__file__).with_name("rooms.svg")

#: What passes through the house, room by room.
WAYS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "a training step": (
        "#1f6feb",
        ("engine", "data", "architecture", "objectives", "game", "runs"),
    ),
    "loading a model": ("#d1571b", ("models", "plugins", "architecture", "tensors", "sampler")),
}

#: Neighbouring floors that are drawn as one storey, by the room that a storey begins with.
STOREYS: Final[dict[str, str]] = {
    "cli": "what a person calls",
    "engine": "training and measuring",
    "models": "models and runs",
    "kinds": "samples and data",
    "architecture": "what an author writes",
    "core_entries": "plugins",
    "options": "ground",
}

WIDTH: Final = 1120
MARGIN: Final = 24
TITLE: Final = 196  # pixels left of the rooms, for the storeys' names
STOREY: Final = 92
HEIGHT: Final = 52
GAP: Final = 14


@dataclass(frozen=True)
class Room:
    """A package or module of ganzoo, with its place in the picture (pixels)."""

    name: str
    lines: int
    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def floors() -> list[list[str]]:
    """The rooms of each floor, the top one first, as import-linter has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    return [[name.strip() for name in layer.split(":")] for layer in contract["layers"]]


def storeys() -> dict[str, list[str]]:
    """The rooms of each storey, by its title."""
    rooms: dict[str, list[str]] = {}
    title = ""
    for name in (name for floor in floors() for name in floor):
        title = STOREYS.get(name, title)
        rooms.setdefault(title, []).append(name)
    return rooms


def sources(room: str) -> list[Path]:
    package = ROOT / "ganzoo" / room
    return sorted(package.rglob("*.py")) if package.is_dir() else [package.with_suffix(".py")]


def line_count(room: str) -> int:
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in sources(room))


def place_rooms() -> dict[str, Room]:
    """Every room with its place; each storey is as wide as the picture, shared by lines of code."""
    rooms = {}
    for level, names in enumerate(storeys().values()):
        counts = {name: line_count(name) for name in names}
        free = WIDTH - TITLE - MARGIN - GAP * (len(names) - 1)
        narrow = 26 + 8.2 * max(len(name) for name in names)
        narrow = min(narrow, free / len(names))
        spare = free - narrow * len(names)
        x: float = TITLE
        for name in names:
            width = narrow + spare * counts[name] / sum(counts.values())
            rooms[name] = Room(name, counts[name], x, MARGIN + level * STOREY, width)
            x += width + GAP
    return rooms


def imports() -> Counter[tuple[str, str]]:
    """How many modules of one room import from another."""
    graph = grimp.build_graph("ganzoo")
    arrows: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            importer, source = (
                name.partition(".")[2].partition(".")[0] for name in (module, imported)
            )
            if importer and source and importer != source and importer != "__main__":
                arrows[importer, source] += 1
    return arrows


def draw() -> str:
    """The picture as SVG."""
    rooms = place_rooms()
    height = MARGIN + STOREY * len(storeys()) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for level, title in enumerate(storeys()):
        y = MARGIN + level * STOREY
        parts.append(
            f'<text x="{MARGIN}" y="{y + 28}" fill="#57606a" font-style="italic">'
            f"{escape(title)}</text>"
        )
    parts += [_arrow(rooms[importer], rooms[source], n) for (importer, source), n in arrows()]
    parts += [_box(room) for room in rooms.values()]
    for order, (colour, way) in enumerate(WAYS.values()):
        parts.append(_way([rooms[name] for name in way], colour, order))
    parts += _legend(height)
    return "\n".join([*parts, "</svg>"]) + "\n"


def arrows() -> list[tuple[tuple[str, str], int]]:
    """The imports that are drawn: those between neighbouring storeys, the ground left out, for
    every room stands on it."""
    level = {name: at for at, names in enumerate(storeys().values()) for name in names}
    ground = len(storeys()) - 1
    return [
        ((importer, source), count)
        for (importer, source), count in sorted(imports().items())
        if level[source] - level[importer] == 1 and level[source] != ground
    ]


def _box(room: Room) -> str:
    x, y = room.middle, room.y + HEIGHT / 2
    return (
        f'<rect x="{room.x:.1f}" y="{room.y:.1f}" width="{room.width:.1f}" height="{HEIGHT}" '
        'rx="6" fill="#f6f8fa" stroke="#57606a"/>'
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-weight="600" fill="#24292f">'
        f"{escape(room.name)}</text>"
    )


def _arrow(importer: Room, source: Room, count: int) -> str:
    """A line from the floor of one room to the ceiling of another, thicker for more modules."""
    x, y, to_x, to_y = importer.middle, importer.y + HEIGHT, source.middle, source.y
    half = (y + to_y) / 2
    return (
        f'<path d="M{x:.1f},{y:.1f} C{x:.1f},{half:.1f} {to_x:.1f},{half:.1f} '
        f'{to_x:.1f},{to_y:.1f}" fill="none" stroke="#8c959f" opacity="0.6" '
        f'stroke-width="{min(0.8 + 0.2 * count, 3):.1f}"/>'
    )


def _way(rooms: list[Room], colour: str, order: int) -> str:
    """A coloured line through rooms, with its number in each: on the left or the right."""
    corners = [
        (room.x + 13 if order == 0 else room.x + room.width - 13, room.y + HEIGHT - 12)
        for room in rooms
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    numbers = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{colour}"/><text x="{x:.1f}" '
        f'y="{y + 4:.1f}" text-anchor="middle" font-size="11" fill="#ffffff">{number}</text>'
        for number, (x, y) in enumerate(corners, 1)
    )
    return (
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" opacity="0.7"/>'
        f"{numbers}"
    )


def _legend(height: int) -> list[str]:
    y, parts = height - 16, []
    for order, (title, (colour, _)) in enumerate(WAYS.items()):
        x = TITLE + 190 * order
        parts.append(f'<circle cx="{x + 8}" cy="{y - 5}" r="6" fill="{colour}"/>')
        parts.append(f'<text x="{x + 22}" y="{y}" fill="#24292f">{escape(title)}</text>')
    x = TITLE + 190 * len(WAYS)
    note = "grey: imports from one storey to the next; wider rooms have more lines"
    parts.append(f'<text x="{x}" y="{y}" fill="#57606a" font-size="12">{escape(note)}</text>')
    return parts


def table() -> str:
    """Lines, files and imports of each room, the top floor first."""
    arrows = imports()
    rows = [f"{'room':<14}{'lines':>7}{'files':>7}  imports from"]
    for names in floors():
        for name in names:
            below = sorted(source for importer, source in arrows if importer == name)
            rows.append(
                f"{name:<14}{line_count(name):>7}{len(sources(name)):>7}  {', '.join(below)}"
            )
    return "\n".join(rows)


if __name__ == "__main__":
    if "--table" in sys.argv:
        print(table())
    else:
        PICTURE.write_text(draw(), encoding="utf-8")
