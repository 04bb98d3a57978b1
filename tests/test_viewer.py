"""``ganzoo view`` and ``ganzoo space``: what the pages show, in a browser, and what is refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator

import pytest
import torch
from conftest import call, set_options
from ganzoo_view import shown
from ganzoo_view.controls import controls, given
from ganzoo_view.follow import Followed, curves, grid_at
from ganzoo_view.page import app
from ganzoo_view.play import Asked, Player
from ganzoo_view.watch import _head, _sheet
from starlette.testclient import TestClient

import ganzoo
from ganzoo.kinds import kind_of
from ganzoo.spec import SampleSpec

CHROMIUM = shutil.which("chromium")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
WAVE = {"width": 4, "latent_size": 4}


@contextlib.contextmanager
def server(page: object) -> Iterator[str]:
    """The address of a page that is served."""
    import uvicorn
    from ganzoo_view.serve import bound

    with bound("127.0.0.1", None) as listening:
        config = uvicorn.Config(page, log_level="error", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        running.should_exit = True
        thread.join(10)


@pytest.fixture
def followed(trained, tmp_path) -> Followed:
    shutil.copytree(trained, tmp_path / "run")
    return Followed(ganzoo.RunFolder.open(tmp_path / "run"), "run")


def test_samples_are_shown_as_their_kind_says():
    picture = kind_of(SampleSpec("image", (1, 8, 8)))
    cells = shown.gallery(picture, torch.zeros(3, 1, 8, 8), ["<b>", "b", "c"], chosen=1)
    assert cells.count("data:image/png;base64,") == 3
    assert cells.count("gz-pixels") == 3
    assert cells.count("gz-chosen") == 1
    assert "&lt;b&gt;" in cells
    sound = kind_of(SampleSpec("audio", (1, 64), details={"sample_rate": 8000}))
    assert shown.gallery(sound, torch.zeros(2, 1, 64)).count("<audio controls") == 2
    points = kind_of(SampleSpec("points", (2,), None, None))
    assert shown.gallery(points, torch.zeros(9, 2)).count("<img") == 1
    array = kind_of(SampleSpec("array", (6,)))
    assert 'download="samples.npz"' in shown.gallery(array, torch.zeros(2, 6))
    table = shown.shown(b'name,size\n"<i>",3\n', ".csv")
    assert "<td>&lt;i&gt;</td><td>3</td>" in table


def test_options_of_sampling_become_controls():
    from ganzoo_stylegan2.networks import StyleGAN2

    made = controls(StyleGAN2.Sampling)
    slider = made["truncation"]
    assert (slider.minimum, slider.maximum, slider.value) == (0, 1, 1.0)
    assert {"mix_seed", "mix_layer"} <= made.keys()
    assert given(["truncation", "text"], (0.5, "")) == {"truncation": 0.5}


def test_a_model_answers():
    player = Player(ganzoo.load("projection-mnist"))
    asked = Asked(3, 4, "7", {})
    cells = player.samples(asked, None)
    assert cells.count("<figcaption>7</figcaption>") == 4
    assert player.samples(asked._replace(seed=4), None) != cells
    near = player.neighbours(asked, 1, 0.2)
    assert near.count("<img") == 9
    now, strip = player.walk(1, 2, 0.0, asked)
    assert strip.count("<img") == 9
    assert now != player.walk(1, 2, 1.0, asked)[0]


def test_the_nearest_training_samples_are_found_again(trained, digits_npz):
    player = Player(ganzoo.load(trained))
    cells, words = player.nearest(Asked(0, 4, None, {}), 2)
    assert cells.count("<img") == 9
    assert "nearest of all" in words
    own = player.training
    assert own.nearest(own.at(torch.tensor([5])), 1).tolist() == [[5]]


def test_a_run_is_followed_until_it_is_gone(followed):
    assert "step 4 of 4 · finished" in followed.head()
    frame, colours = curves([followed], ("generator_loss", "discriminator_loss"))
    assert frame["step"].max() == 4
    assert set(frame["series"]) == set(colours) == {"generator", "discriminator"}
    assert "step 4<" in grid_at(followed, -1)
    shutil.rmtree(followed.run.path)
    for said in (_head(followed), _sheet(followed, -1)):
        assert "is gone: it was removed or moved" in said


@pytest.mark.parametrize(
    "path",
    [
        *("gradio_api/file=/etc/passwd", "gradio_api/file=config.json", "file=/etc/passwd"),
        *("gradio_api/file/etc/passwd", "static/../../../etc/passwd", "monitoring"),
        *("assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "gradio_api/proxy=http://127.0.0.1/x"),
        *("docs", "openapi.json", "gradio_api/runs"),
    ],
)
def test_nothing_but_the_page_is_served(pages, path):
    assert pages.get(f"http://127.0.0.1/{path}").status_code == 404


@pytest.fixture(scope="module")
def pages(trained) -> TestClient:
    run = Followed(ganzoo.RunFolder.open(trained), "run")
    return TestClient(app([run], [("digits", ganzoo.load("dcgan-mnist"))]), "http://127.0.0.1")


def test_files_are_neither_taken_nor_given(pages, trained):
    refused = pages.post("/gradio_api/upload", files={"files": b"x"})
    assert refused.status_code == 404
    for name in (str(trained / "config.json"), "/etc/passwd"):
        assert pages.get(f"/gradio_api/file={name}").status_code == 404
    assert pages.get("/", headers={"host": "evil.example"}).status_code == 400
    page = pages.get("/")
    assert page.status_code == 200
    assert "fonts.googleapis" not in page.text


def test_what_is_wrong_is_one_message(trained, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = call("view", "dcgan-mnist", "--port", port)
        assert (said.exit_code, said.output.count("\n")) == (2, 1)
        assert f"--port {port}: cannot be listened on" in said.output
    said = call("view", "nobody")
    assert (said.exit_code, "unknown model 'nobody'" in said.output) == (2, True)
    said = call("view", "--host", "no.such.host.invalid", "dcgan-mnist")
    assert (said.exit_code, "there is no such address" in said.output) == (2, True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    said = call("space", "dcgan-mnist", "-o", tmp_path / "full")
    assert (said.exit_code, "is not an empty folder" in said.output) == (2, True)
    said = call("space", "dcgan-mnist", "-o", "hf://spaces/nobody")
    assert (said.exit_code, "hf://spaces/OWNER/NAME" in said.output) == (2, True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = call("view", "dcgan-mnist")
    assert (said.exit_code, "torch-ganzoo[view]" in said.output) == (2, True)


def test_a_space_is_published_in_one_commit(hub):
    for _ in range(2):
        said = call("space", "vanilla-mnist", "-o", "hf://spaces/alice/digits")
        assert said.exit_code == 0, said.output
    assert said.output.strip() == f"{hub.url}/spaces/alice/digits"
    files = hub.files("spaces/alice/digits")
    assert {"app.py", "requirements.txt", "README.md", "model/model.safetensors"} <= set(files)
    assert b"sdk: gradio" in files["README.md"]
    posted = [p for method, p in hub.requests if method == "POST" and "/commit/" in p]
    assert len(posted) == 1  # nothing has changed the second time


def test_a_space_that_others_made_is_left_alone(hub):
    hub.create("spaces/alice/theirs")
    hub.commit("spaces/alice/theirs", {"app.py": b"print()"})
    said = call("space", "vanilla-mnist", "-o", "hf://spaces/alice/theirs")
    assert (said.exit_code, "ganzoo did not make" in said.output) == (2, True)
    assert hub.files("spaces/alice/theirs")["app.py"] == b"print()"


def test_a_space_runs_from_its_folder(tmp_path):
    """In an environment that has what the requirements name, and no ganzoo."""
    assert call("space", "vanilla-mnist", "-o", tmp_path / "space").exit_code == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    requirements = (tmp_path / "space" / "requirements.txt").read_text()
    assert "gradio" in requirements
    assert "torch-ganzoo" not in requirements
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    # The other packages of this environment, without its .pth files and so without this clone.
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GRADIO_SERVER_PORT": str(port)}
    running = subprocess.Popen([python, "app.py"], cwd=tmp_path / "space", env=home)
    try:
        assert answers(port, 60)
    finally:
        running.terminate()
        running.wait(20)


def answers(port: int, seconds: float) -> bool:
    from urllib.request import urlopen

    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/") as page:
            return b"gradio" in page.read()
        time.sleep(0.2)
    return False


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_in_a_browser(tmp_path, digits_npz):
    """A run that trains advances, a slider changes pixels, sound plays, nothing is in the
    browser's console."""
    from playwright.sync_api import sync_playwright

    small = ("--steps", 4, "--log-every", 1, "--sample-every", 1, "--checkpoint-every", 4)
    dcgan = set_options({"width": 4, "training.batch_size": 8})
    run = tmp_path / "run"
    said = call("train", "dcgan", "--data", digits_npz, "--out", run, *small, *dcgan)
    assert said.exit_code == 0, said.output
    sound = tmp_path / "sound"
    options = set_options({**WAVE, "training.batch_size": 8})
    said = call("train", "wavegan", "--data", "plucks", "--out", sound, *small, *options)
    assert said.exit_code == 0, said.output
    runs = [Followed(ganzoo.RunFolder.open(run), "run")]
    models = [("digits", ganzoo.load("dcgan-mnist")), ("sound", ganzoo.load(sound))]
    with server(app(runs, models)) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page()
        wrong: list[str] = []
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        own = (address, "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(own) else wrong.append(r.url))
        page.goto(address)
        page.get_by_text("step 4 of 4").wait_for()
        went = subprocess.Popen(
            [sys.executable, "-m", "ganzoo", "resume", run, "--steps", "12"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        page.get_by_text("step 12 of 12").wait_for(timeout=60_000)
        page.locator(".gz-sheet figcaption", has_text="step 12").wait_for()
        assert went.wait(30) == 0
        page.get_by_role("tab", name="digits").click()
        first = page.locator(".gz-samples img").first
        before = first.get_attribute("src")
        page.get_by_label("range slider for Seed").first.fill("7")
        page.wait_for_function(
            "before => document.querySelector('.gz-samples img').src != before", arg=before
        )
        page.locator(".gz-samples .gz-cell").nth(3).click()
        page.locator(".gz-samples .gz-cell.gz-chosen[data-place='3']").wait_for()
        page.get_by_role("tab", name="sound").click()
        played = page.locator("audio:visible").first
        played.evaluate("sound => sound.play()")
        page.wait_for_function(
            "[...document.querySelectorAll('audio')].some(sound => sound.currentTime > 0)"
        )
        browser.close()
    assert not wrong, wrong
