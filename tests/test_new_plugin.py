"""ganzoo new-plugin: what it writes works at once, in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import call
from pages import run

ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def test_it_is_found_trained_tested_and_missed_when_it_is_gone(author, tmp_path):
    """As its README says it, untouched."""

    def shell(command: str, folder: Path = tmp_path) -> str:
        env = {**ENVIRONMENT, "PATH": f"{author}{os.pathsep}{os.environ['PATH']}"}
        return run(["bash", "-c", command], folder, env, command)

    assert shell("ganzoo new-plugin tidy-gan") == "ganzoo-tidy-gan\n"
    package = tmp_path / "ganzoo-tidy-gan"
    ruff = f"{sys.executable} -m ruff"  # as it comes, without options of ganzoo's
    shell(f"{ruff} check --isolated --extend-select I .", package)
    shell(f"{ruff} format --isolated --check .", package)
    shell("pip install -q -e '.[dev]'", package)
    rows = json.loads(shell("ganzoo list tidy-gan --json"))
    assert [(row["kind"], row["origin"]) for row in rows] == [
        ("architecture", "ganzoo-tidy-gan 0.1.0")
    ]
    train = "ganzoo train tidy-gan --data mnist-5k --steps 3 --out run"
    assert shell(train) == "run\n"
    tested = shell("pytest -q", package)
    assert " passed" in tested
    assert "failed" not in tested
    shell("ganzoo sample run/model -o before.png")

    shell("pip uninstall -q -y ganzoo-tidy-gan")
    assert json.loads(shell("ganzoo list tidy-gan --json")) == []
    for model in ("run", "run/model"):
        told = subprocess.run(
            [author / "ganzoo", "sample", model], cwd=tmp_path, capture_output=True, text=True
        )
        assert told.returncode == 2
        assert "pip install ganzoo-tidy-gan" in told.stderr
        assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dcgan", "is an architecture of torch-ganzoo"),
        ("tensorboard", "ganzoo_tensorboard is installed already"),
        ("My GAN", "small letters"),
        ("../up", "small letters"),
        ("-x", "No such option"),
        ("x" * 60, "small letters"),
        ("", "is empty"),
    ],
)
def test_names_that_it_does_not_take(name, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = call("new-plugin", name)
    assert told.exit_code == 2
    assert text in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ganzoo-mine").mkdir()
    (tmp_path / "ganzoo-mine" / "thesis.txt").write_text("years of work")
    told = call("new-plugin", "mine")
    assert told.exit_code == 2
    assert "exists already" in told.stderr
    assert [file.name for file in (tmp_path / "ganzoo-mine").iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    assert call("new-plugin", "mine", tmp_path / "empty").exit_code == 0
    assert (tmp_path / "empty" / "ganzoo_mine" / "networks.py").is_file()
    assert call("new-plugin", "mine", "deep/er/mine").exit_code == 0
    assert (tmp_path / "deep/er/mine/pyproject.toml").is_file()


def test_odd_names_give_modules_that_import(tmp_path):
    names = ["7", "class", "a-b_c.d", "none", "test"]
    packages = []
    for name in names:
        out = tmp_path / name
        assert call("new-plugin", name, out).exit_code == 0
        (package,) = [path for path in out.iterdir() if path.name.startswith("ganzoo_")]
        assert package.name.isidentifier()
        packages.append(package)
        for file in out.rglob("*.py"):
            compile(file.read_text(), str(file), "exec")
    code = "".join(
        f"import {package.name} as p\n"
        "print(*(e.load().__name__ for e in p.ganzoo_architectures()))\n"
        for package in packages
    )
    paths = os.pathsep.join([*(str(package.parent) for package in packages), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths}
    classes = run([sys.executable, "-c", code], tmp_path, environment, code).split()
    assert len(classes) == len(names)
    assert all(name.isidentifier() for name in classes)
