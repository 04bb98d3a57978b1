"""Folders from somebody else, with links and worse where files should be: nothing outside changes,
nothing outside is read, nothing waits, and one message says what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import FEW, call

import ganzoo
from ganzoo.files import remove_leftovers, write_bytes, write_folder
from ganzoo.home import models_home

SECRET = "what the user alone knows"


@pytest.fixture
def outside(tmp_path) -> Path:
    """A folder of the user's own, with a file."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "thesis").write_text(SECRET)
    return folder


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """End a test that waits for a pipe."""

    def late(*_: object) -> None:
        raise TimeoutError("it waits for ever")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def to_file(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "thesis")


def to_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def dangling(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "nothing")


def relative(path: Path, outside: Path) -> None:
    path.symlink_to(os.path.relpath(outside, path.parent))


def pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, outside: Path) -> None:
    path.mkdir()
    (path / "inner").write_text("x")


FORMS: list[Callable[[Path, Path], None]] = [to_file, to_folder, dangling, relative, pipe, folder]

#: All that ganzoo opens, replaces or removes in a run.
IN_A_RUN = [
    *("config.json", "metrics.jsonl", ".lock", "samples", "checkpoints", "model", "failure"),
    *("samples/step-0000006.png", "checkpoints/step-0000006", "checkpoints/damaged-step-0000004"),
    *("checkpoints/step-0000004", "checkpoints/step-0000004/manifest.json"),
    *("checkpoints/step-0000004/state.json", "checkpoints/step-0000004/networks.safetensors"),
    *("model/config.json", "model/model.safetensors", "model/manifest.json", "model/README.md"),
    *("model/training.json", "model/metrics.json", "model/samples.png", "model/.lock"),
    *(".config.json.01234567.ganzoo-tmp", "checkpoints/.step-0000002.01234567.ganzoo-old"),
    "model/notes",
]


def put(place: Path, form: Callable[[Path, Path], None], outside: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    form(place, outside)


def seen(outside: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in outside.rglob("*")}


def every(names: list[str]) -> list[object]:
    """Each name with one form, taken in turns; the other forms in the slow tests."""
    return [
        pytest.param(name, form, marks=() if (at + other) % len(FORMS) == 0 else pytest.mark.slow)
        for at, name in enumerate(names)
        for other, form in enumerate(FORMS)
    ]


@pytest.mark.filterwarnings("default::ganzoo.GanzooWarning")
@pytest.mark.parametrize(("name", "form"), every(IN_A_RUN))
def test_nothing_in_a_run_is_followed_out_of_it(trained, outside, tmp_path, name, form):
    run = tmp_path / form.__name__ / "run"
    shutil.copytree(trained, run)
    put(run / name, form, outside)
    for words in (
        ("resume", run, "--steps", 6),
        ("sample", run, "-n", 1, "-o", tmp_path / "x.png"),
        ("info", run),
    ):
        result = call(*words)
        assert result.exit_code in (0, 1, 2), (form, words, result.output)
        assert not isinstance(result.exception, OSError), (form, words, result.exception)
        assert result.output.count("Error:") == (result.exit_code != 0), result.output
        assert SECRET not in result.output
    assert seen(outside) == {"thesis": SECRET}, form
    for path in run.rglob("*"):  # nor was it copied in
        assert path.is_symlink() or not path.is_file() or SECRET.encode() not in (path.read_bytes())


IN_A_MODEL = [
    *("config.json", "model.safetensors", "manifest.json", "README.md", "training.json"),
    *("metrics.json", "samples.png", ".lock", ".metrics.json.01234567.ganzoo-tmp", "notes"),
]


@pytest.mark.filterwarnings("default::ganzoo.GanzooWarning")
@pytest.mark.parametrize(("name", "form"), every(IN_A_MODEL))
def test_nothing_in_a_model_is_followed_out_of_it(
    trained, outside, digits_npz, tmp_path, name, form, monkeypatch
):
    model = tmp_path / form.__name__
    shutil.copytree(trained / "model", model)
    put(model / name, form, outside)
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / f"home-{form.__name__}"))
    for words in (
        ("evaluate", model, "--data", digits_npz, *FEW),
        ("add", model, "copied"),
        ("publish", model, "hf://alice/linked", "--dry-run"),
        ("list", "models"),
    ):
        result = call(*words)
        assert not isinstance(result.exception, OSError), (form, words, result.exception)
        assert result.output.count("Error:") == (result.exit_code != 0), result.output
        assert SECRET not in result.output
    assert seen(outside) == {"thesis": SECRET}, form
    for path in models_home().rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_a_model_that_is_overwritten_leaves_what_is_behind_links(trained, outside, tmp_path):
    generator = ganzoo.load(trained)
    saved = generator.save(tmp_path / "saved")
    for name in ("README.md", "metrics.json", "link"):
        put(saved / name, to_file, outside)
    put(saved / "pipe", pipe, outside)
    (saved / "README.md").unlink()
    generator.save(saved, overwrite=True)
    assert seen(outside) == {"thesis": SECRET}
    assert (saved / "link").is_symlink()  # the user's own stays what it was
    link = tmp_path / "to-saved"
    link.symlink_to(saved)
    generator.save(link, overwrite=True)  # what the user names may be a link
    assert link.is_symlink()
    assert ganzoo.load(link).name == "dcgan"


def test_an_entry_of_the_registry_that_leads_out_of_it(
    trained, outside, digits_npz, tmp_path, monkeypatch
):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    own = shutil.copytree(trained / "model", outside / "model")
    before = (own / "metrics.json").read_bytes()
    models_home().mkdir(parents=True)
    (models_home() / "linked").symlink_to(own)
    (models_home() / "gone").symlink_to(outside / "nothing")
    (models_home() / "looped").symlink_to("looped")
    os.mkfifo(models_home() / "pipe")
    assert call("add", trained, "good").exit_code == 0
    listed = call("list", "models")
    assert listed.exit_code == 0
    assert "good" in listed.stdout
    assert "damaged: " in next(li for li in listed.stdout.splitlines() if "linked" in li)
    for words in (("sample", "linked", "-o", tmp_path / "x.png"), ("evaluate", "linked")):
        result = call(*words, *(("--data", digits_npz, *FEW) if words[0] == "evaluate" else ()))
        assert result.exit_code == 2
        assert "outside of its folder" in result.stderr
    assert (own / "metrics.json").read_bytes() == before
    for name in ("gone", "linked"):
        assert call("add", trained, name).exit_code == 2
        assert call("remove", name).exit_code == 0
        assert not os.path.lexists(models_home() / name)
    assert (own / "metrics.json").read_bytes() == before
    assert call("remove", "pipe").exit_code == 2


def test_what_is_replaced_or_swept_is_the_link_alone(outside, tmp_path):
    write_bytes(_link(tmp_path / "file", outside / "thesis"), b"new")
    write_folder(_link(tmp_path / "folder", outside), lambda path: write_bytes(path / "a", b"a"))
    _link(tmp_path / ".x.01234567.ganzoo-tmp", outside)
    _link(tmp_path / ".y.01234567.ganzoo-tmp", outside / "thesis")
    remove_leftovers(tmp_path)
    assert seen(outside) == {"thesis": SECRET}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "outside"]
    assert not (tmp_path / "folder").is_symlink()
    with pytest.raises(NotADirectoryError):
        write_folder(tmp_path / "file", lambda path: None)
    assert (tmp_path / "file").read_bytes() == b"new"


def _link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def test_diverging_losses_write_their_report_in_place_of_a_link(
    trained, outside, digits_npz, tmp_path
):
    for name, form in (("a", to_folder), ("b", relative), ("c", to_file), ("d", dangling)):
        run = shutil.copytree(trained, tmp_path / name)
        put(run / "failure", form, outside)
        config = json.loads((run / "config.json").read_text())
        config["training"]["generator_lr"] = config["training"]["discriminator_lr"] = 1e30
        (run / "config.json").write_text(json.dumps(config))
        result = call("resume", run, "--steps", 40)
        assert result.exit_code == 1
        assert "not finite" in result.stderr
        assert (run / "failure" / "report.json").is_file()
        assert not (run / "failure").is_symlink()
        assert seen(outside) == {"thesis": SECRET}
