"""Reports and charts of runs: one file that holds all its pictures, whoever the run is from."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import call, one_message
from PIL import Image

import ganzoo
from ganzoo import GanzooError, charts

VOID = {"meta", "img", "br", "input", "link"}


class Page(HTMLParser):
    """What a page asks for, the elements in it, and whether they are all closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: list[str] = []
        self.open: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [
            value for name, value in attrs if name in ("src", "href", "xlink:href") and value
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A run of a test's own."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def page(path: Path) -> tuple[str, Page]:
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def test_a_report_holds_all_it_shows(run, tmp_path):
    for step in (1, 2, 3):
        shutil.copy(
            run / "samples" / "step-0000004.png", run / "samples" / f"step-000000{step}.png"
        )
    out = ganzoo.Run.open(run).report(tmp_path / "r.html")
    text, found = page(out)
    assert not found.open
    assert all(link.startswith(("data:", "#")) for link in found.links)
    assert not re.search(r"url\((?!#)|@import|http-equiv=\"refresh", text)
    assert found.names.count("img") == len(ganzoo.Run.open(run).samples()) + 1 >= 5
    assert found.names.count("svg") >= 4
    assert "ganzoo train dcgan" in text and "torch-ganzoo" in text and "Not measured" in text
    assert "learning_rate" in text or "generator_lr" in text
    assert len(set(re.findall(r'id="([^"]+)"', text))) == len(re.findall(r'id="([^"]+)"', text))
    assert len(text) < 1_000_000


def test_the_command_writes_it_and_overwrites_nothing_unasked(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").write_text("mine")
    result = call("report", run)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == "report-2.html"
    assert (tmp_path / "report.html").read_text() == "mine"
    assert call("report", run, "-o", "report.html").exit_code == 0
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_a_run_that_is_not_finished_or_has_nothing_yet(run):
    shutil.rmtree(run / "model")
    text = ganzoo.Run.open(run).report(run / "r.html").read_text()
    assert "not finished" in text and "ganzoo train dcgan" in text
    (run / "metrics.jsonl").unlink()
    shutil.rmtree(run / "checkpoints")
    for file in (run / "samples").iterdir():
        file.unlink()
    text = ganzoo.Run.open(run).report(run / "r.html").read_text()
    assert "No metrics were logged yet" in text and "No samples were made yet" in text
    with pytest.raises(GanzooError, match="no line of metrics yet"):
        ganzoo.Run.open(run).plot()


def test_a_run_from_somebody_else_gets_no_word_in(run, tmp_path):
    evil = '</script><script>alert(1)</script><img src="http://evil.example/x" onerror=alert(1)>'
    config = json.loads((run / "config.json").read_text())
    config["data"]["source"] = evil
    (run / "config.json").write_text(json.dumps(config))
    record = json.loads((run / "model" / "training.json").read_text())
    record |= {"command": evil, "device": evil, "versions": {evil: evil}}
    (run / "model" / "training.json").write_text(json.dumps(record))
    figure = {"value": 1.0, "how": evil, "floor": 0.1, "data": {"name": evil}}
    metrics = {"format": 1, "metrics": {evil: figure}}
    (run / "model" / "metrics.json").write_text(json.dumps(metrics))
    line = {
        "step": 5,
        "generator_loss": 1e300,
        "fid[x]": 3.0,
        "fid[$\\frac$]": 1,
        "warnings": [evil],
    }
    with (run / "metrics.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    samples, secret = run / "samples", tmp_path / "secret.png"
    honest = len(ganzoo.Run.open(run).samples()) + 1  # and real ones
    Image.new("RGB", (9, 9)).save(secret)
    (samples / "step-0000006.png").symlink_to(secret)
    (samples / "step-0000007.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    (samples / "step-0000008.csv").write_text(f'a,"{evil}"\n1,"{evil}"\n')
    (samples / "step-0000009.txt").write_text(evil)
    with (samples / "step-0000010.png").open("wb") as huge:
        huge.truncate(1 << 30)
    text, found = page(ganzoo.Run.open(run).report(tmp_path / "r.html"))
    assert not found.open and not found.handlers
    assert all(link.startswith(("data:", "#")) for link in found.links)
    assert found.names.count("script") == 1
    assert found.names.count("img") == honest
    assert "step 6" not in text and "step 7: not shown" in text and "step 10: not shown" in text
    assert "&lt;/script&gt;" in text


def test_what_the_user_can_mend(run, tmp_path, monkeypatch):
    for args, words in {
        (run / "model",): "not a run folder",
        (tmp_path / "nowhere",): "does not exist",
        (run, "-o", tmp_path / "no" / "r.html"): "there is no folder",
        (run, "-o", tmp_path / "r.pdf"): "written as .html",
        (run, "-o", tmp_path): "written as .html",
    }.items():
        result = call("report", *args)
        assert result.exit_code == 2 and one_message(result.stderr) and words in result.stderr
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = call("report", run)
    assert result.exit_code == 2 and "torch-ganzoo[plots]" in result.stderr


def test_charts_take_logs_of_any_length():
    lines = ({"step": n, "generator_loss": float(n % 7), "fid[a]": 1.0} for n in range(10_000))
    curves = charts.Curves(lines)
    curve = curves.of["generator_loss"]
    assert len(curve.steps) < 2000
    assert (min(curve.low), max(curve.high)) == (0.0, 6.0)
    assert abs(np.mean(curve.values) - 3.0) < 0.1
    assert [panel.title for panel in curves.panels] == ["FID", "Losses"]
    figure = charts.figure(curves, "$x on y")
    assert len(figure.axes) == 2


def test_a_run_is_plotted_and_shown(trained):
    run = ganzoo.Run.open(trained)
    assert len(run.plot().axes) >= 3
    assert repr(run) == f"<Run {trained}: dcgan on digits.npz, step 4 of 4, finished>"
    shown = run._repr_html_()
    assert Page(shown).names.count("img") == 1 and "generator loss" in shown
