"""The house: imports run down the floors, and the picture shows the rooms that there are."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_run_down_the_floors():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_picture_shows_the_rooms_that_there_are():
    floors = runpy.run_path(str(ROOT / "docs" / "make_rooms.py"))["floors"]()
    drawn = re.findall(r'font-weight="600"[^>]*>(\w+)<', (ROOT / "docs" / "rooms.svg").read_text())
    assert sorted(drawn) == sorted(name for floor in floors for name in floor), (
        "run: python docs/make_rooms.py"
    )
