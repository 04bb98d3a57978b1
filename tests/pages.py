"""Runs what a page of the documentation tells its reader to type."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, file name or "", and content of each block."""
    return [(m[1], m[2] or "", m[3]) for m in BLOCK.finditer(page.read_text())]


def run_page(
    page: Path,
    folder: Path,
    programs: Path,
    environment: dict[str, str],
    shell: Callable[[str], object] | None = None,
) -> None:
    """Do all that `page` says, in its order, with fewer steps.

    A block of Python with a file name is written there, one without is run; of a console, each
    line is run. programs: where `python`, `ganzoo`, `pip` and `pytest` are. shell: runs a line,
    instead of a shell that is started for it.
    """
    env = {**environment, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    for language, name, content in blocks(page):
        if language == "python" and name:
            (folder / name).write_text(content)
        elif language == "python":
            code = re.sub(r"steps=[\d_]+", "steps=4", content)
            run([str(programs / "python"), "-c", code], folder, env, content)
        elif language == "console":
            for line in content.splitlines():
                assert line.startswith("$ "), line
                command = re.sub(r"--steps \d+", "--steps 4", line[2:])
                if command == "pytest":  # check-plugin has just tried two processes
                    command = "pytest -k 'not processes'"
                if command.startswith("cd "):
                    folder = folder / shlex.split(command)[1]
                elif shell is not None:
                    shell(command)
                else:
                    run(["bash", "-c", command], folder, env, line)
        elif language == "toml":
            tomllib.loads(content)
        else:
            assert language == "text", f"a block of {language} is not run"


def run(command: list[str], folder: Path, env: dict[str, str], shown: str) -> str:
    """Run a command that must succeed; what it wrote to standard output."""
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, f"{shown}\n{ran.stdout[-2000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout
