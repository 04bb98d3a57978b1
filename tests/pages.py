"""Runs what a page of the documentation tells its reader to type."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Protocol

from conftest import ROOT, call

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: What is made smaller in a command or in Python, so that a page takes seconds.
SHORTER = (
    (r"(--steps |\bsteps=)[\d_]+", r"\g<1>2"),
    (r"(resume.*steps[ =])2", r"\g<1>3"),
    (r"--step \d+", "--step 2"),
    (r"--samples \d+", "--samples 300"),
    (r"--frames \d+", "--frames 2"),
    (r"(--set |\b)width=\d+", r"\g<1>width=8"),
    (r"(train r3gan .*width=)8", r"\g<1>16"),  # its groups have 16 channels
    (r"^(ganzoo train (?:dcgan|wgan-gp|sngan) (?!.*width=).*)", r"\g<1> --set width=8"),
    # One extractor of the data instead of three.
    (r"^(ganzoo evaluate (?!.*--features).* --data mnist-5k.*)", r"\g<1> --features mnist-convnet"),
    (r"(ganzoo\.evaluate\(.*\"mnist-5k\", .*)\)", r'\g<1>, features="mnist-convnet")'),
    # To find the fastest precision takes longer than a few steps.
    (r"^(ganzoo (?:--plugin \S+ )?train (?!.*--precision).*)", r"\g<1> --precision fp32"),
)


class Runner(Protocol):
    """Runs a line of a console, and a block of Python, in a folder."""

    def console(self, line: str, folder: Path) -> None: ...

    def python(self, code: str, folder: Path) -> None: ...


class Processes:
    """Each in a process of its own. programs: where `python`, `ganzoo`, `pip` and `pytest` are."""

    def __init__(self, programs: Path, environment: dict[str, str]) -> None:
        self.programs = programs
        self.env = {**environment, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    def console(self, line: str, folder: Path) -> None:
        if line == "pytest":  # check-plugin has just tried two processes
            line = "pytest -k 'not processes'"
        run(["bash", "-c", line], folder, self.env, line)

    def python(self, code: str, folder: Path) -> None:
        run([str(self.programs / "python"), "-c", code], folder, self.env, code)


class Here:
    """In this process, whose working directory is the folder. What installs is only looked up."""

    def console(self, line: str, folder: Path) -> None:
        program, *words = shlex.split(line, comments=True)
        if program == "make":
            assert f"\n{words[0]}:" in (ROOT / "Makefile").read_text(), line
        elif program == "pip":
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
            (extras,) = re.findall(r"\.\[(.+)\]", line)
            assert set(extras.split(",")) <= set(project["optional-dependencies"]), line
        else:
            assert program == "ganzoo", line
            done = call(*words)
            assert done.exit_code == 0, f"{line}\n{done.output}"

    def python(self, code: str, folder: Path) -> None:
        file = folder / "block.py"
        file.write_text(code)
        before = set(sys.modules)
        sys.path.insert(0, str(folder))
        try:
            runpy.run_path(str(file))
        finally:
            sys.path.remove(str(folder))
            for name in set(sys.modules) - before:
                if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == folder:
                    del sys.modules[name]


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, file name or "", and content of each block."""
    return [(m[1], m[2] or "", m[3]) for m in BLOCK.finditer(page.read_text())]


def commands_of(page: Path) -> list[str]:
    """Each line that begins with a call of ganzoo, whether it is run or only shown."""
    lines = [line for _, _, content in blocks(page) for line in content.splitlines()]
    return [line for line in lines if re.match(r"\$ (torchrun .* -m )?ganzoo ", line)]


def run_page(page: Path, folder: Path, runner: Runner) -> None:
    """Do all that `page` says, in its order, with fewer steps.

    A block of Python with a file name is written there, one without is run; of a console, each
    line is run.
    """
    for language, name, content in blocks(page):
        if language == "python" and name:
            (folder / name).write_text(content)
        elif language == "python":
            runner.python(shorter(content), folder)
        elif language == "console":
            for line in content.splitlines():
                assert line.startswith("$ "), line
                command = shorter(line[2:])
                if command.startswith("cd "):
                    folder = folder / shlex.split(command)[1]
                else:
                    runner.console(command, folder)
        elif language == "toml":
            tomllib.loads(content)
        else:
            assert language == "text", f"a block of {language} is not run"


def shorter(text: str) -> str:
    """A command, or Python, that does the same in less time."""
    for pattern, replacement in SHORTER:
        text = re.sub(pattern, replacement, text)
    return text


def run(command: list[str], folder: Path, env: dict[str, str], shown: str) -> str:
    """Run a command that must succeed; what it wrote to standard output."""
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, f"{shown}\n{ran.stdout[-2000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout
