"""Model folders that somebody damaged or made to harm: one message that says so."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import call
from harm import Harm
from safetensors.torch import load_file, save_file
from torch import Tensor

import ganzoo
from ganzoo import GanzooError, GanzooWarning
from ganzoo.models.load import find_architecture


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    """A copy of a good model folder, to be damaged."""
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


def edit(path: Path, **changes: Any) -> None:
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, **changes}))


def weights(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    (path / "manifest.json").unlink(missing_ok=True)  # else it is only said that they changed
    tensors = load_file(path / "model.safetensors")
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    change(tensors)
    save_file(tensors, path / "model.safetensors")


def first_tensor(tensors: dict[str, Tensor]) -> str:
    return next(name for name in tensors if tensors[name].dim() == 4)


def pickled(path: Path) -> None:
    (path / "model.safetensors").write_bytes(pickle.dumps(Harm(path.parent / "harm")))


def terabytes(path: Path) -> None:
    header = json.dumps(
        {"1.weight": {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 1 << 42]}}
    ).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def long_header(path: Path) -> None:
    (path / "model.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")


def linked(name: str) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        secret = path.parent / "secret"
        secret.write_text("secret")
        (path / name).unlink()
        (path / name).symlink_to(f"../{secret.name}")

    return link


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickle": (pickled, "cannot be read as safetensors"),
    "terabytes": (terabytes, "cannot be read as safetensors"),
    "long header": (long_header, "cannot be read as safetensors"),
    "truncated": (
        lambda path: os.truncate(path / "model.safetensors", 999),
        "cannot be read as safetensors",
    ),
    "empty": (lambda path: os.truncate(path / "model.safetensors", 0), "cannot be read as safe"),
    "extra tensor": (
        lambda path: weights(path, lambda t: t.update(evil=torch.zeros(3))),
        "evil is too much",
    ),
    "missing tensor": (
        lambda path: weights(path, lambda t: t.pop(first_tensor(t))),
        "is missing",
    ),
    "wrong shape": (
        lambda path: weights(path, lambda t: t.update({first_tensor(t): torch.zeros(2, 2)})),
        "is (2, 2), not",
    ),
    "integers": (
        lambda path: weights(path, lambda t: t.update({k: t[k].long() for k in [first_tensor(t)]})),
        "torch.int64, not torch.float32",
    ),
    "unknown field": (lambda path: edit(path, run_this="rm"), "'run_this'"),
    "unknown option": (lambda path: edit(path, options={"widht": 4}), "'width'"),
    "newer format": (lambda path: edit(path, format=2), "pip install --upgrade torch-ganzoo"),
    "no format": (lambda path: edit(path, format="1"), "no format version"),
    "nobody's architecture": (
        lambda path: edit(
            path, architecture="biggan", plugin={"distribution": "ganzoo-big", "version": "2"}
        ),
        "pip install ganzoo-big",
    ),
    "no name of a distribution": (
        lambda path: edit(path, architecture="x", plugin={"distribution": "x; rm -rf ~"}),
        "not the name of a distribution",
    ),
    "absurd width": (lambda path: edit(path, options={"width": 10**9}), "at most 1024"),
    "absurd shape": (
        lambda path: edit(path, spec={"kind": "image", "shape": [1, 10**9, 10**9]}),
        "not a sample spec",
    ),
    "deep": (
        lambda path: (path / "config.json").write_text(
            '{"format":1,"x":' + "[" * 900 + "]" * 900 + "}"
        ),
        "nested too deep",
    ),
    "half a letter": (
        lambda path: (path / "config.json").write_text('{"format": 1, "architecture": "\\ud800"}'),
        "invalid number or text",
    ),
    "another kind": (lambda path: edit(path, spec={**spec_of(path), "kind": "video"}), "not video"),
    "linked weights": (linked("model.safetensors"), "outside of its folder"),
    "linked card": (linked("README.md"), "outside of its folder"),
    "a folder for a card": (
        lambda path: [(path / "README.md").unlink(), (path / "README.md").mkdir()],
        "is not a file",
    ),
    "metrics": (lambda path: (path / "metrics.json").write_text('{"metrics": [1]}'), "metrics"),
    "training": (lambda path: (path / "training.json").write_text('{"step": "x"}'), "step"),
}


def spec_of(path: Path) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads((path / "config.json").read_text())["spec"]
    return spec


@pytest.mark.parametrize("form", HOSTILE)
def test_a_hostile_folder_gets_one_message(folder, form):
    harm, words = HOSTILE[form]
    harm(folder)
    result = call("sample", folder, "-o", folder.parent / "grid.png")
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (folder.parent / "grid.png").exists()
    assert not (folder.parent / "harm").exists()


def test_a_pipe_in_place_of_a_file_does_not_wait(folder):
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    with pytest.raises(GanzooError, match="is not a file"):
        ganzoo.load(folder)


def test_a_link_is_never_published(hub, folder):
    linked("samples.png")(folder)
    refused = call("publish", folder, "hf://alice/linked")
    assert refused.exit_code == 2
    assert "outside of its folder" in refused.stderr
    assert hub.requests == []


def test_weights_that_are_not_finite_load_with_a_warning_and_are_not_published(hub, folder):
    weights(folder, lambda t: t[first_tensor(t)].fill_(torch.nan))
    with pytest.warns(GanzooWarning, match="not finite"):
        generator = ganzoo.load(folder)
    assert generator.sample(1).isnan().any()
    with pytest.warns(GanzooWarning):
        refused = call("publish", folder, "hf://alice/nan")
    assert refused.exit_code == 2
    assert hub.requests == []


def test_a_card_full_of_html_and_terminal_codes_is_text(folder):
    card = (folder / "README.md").read_text()
    evil = "<script>alert(1)</script>\x1b]0;owned\x07\x1b[2J <img src=x onerror=alert(1)>"
    (folder / "README.md").write_text(card + evil)
    edit(folder, plugin={"distribution": "<b>x</b>|`", "version": "1", "module": "m"})
    shown = call("info", folder)
    assert shown.exit_code == 0
    assert "\x1b" not in shown.stdout and "\x07" not in shown.stdout
    with pytest.raises(GanzooError, match="is of another plugin"):
        ganzoo.load(folder)
    generator = ganzoo.load(folder, architecture=find_architecture("dcgan"))
    assert "<script>" in generator.card  # a plain text, which nobody renders
    saved = generator.save(folder.parent / "saved")
    ours = (saved / "README.md").read_text().partition("<!-- ganzoo: end -->")[0]
    assert "<b>" not in ours


MEMORY = """
import resource, sys, torch, ganzoo
ganzoo.load(sys.argv[1])  # what imports and a small model take
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ganzoo.load(sys.argv[2])
except ganzoo.GanzooError as error:
    print(error, file=sys.stderr)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def memory_taken(small: Path, large: Path) -> tuple[int, str]:
    """How much more memory, in bytes, loading `large` takes than `small` does at its most."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, small, large], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout), done.stderr


def test_absurd_sizes_fail_before_memory_is_taken(trained, folder):
    spec = {**spec_of(folder), "shape": [3, 256, 256]}
    edit(folder, options={"width": 1024, "latent_size": 4096}, spec=spec)  # 5 GB if it were built
    taken, error = memory_taken(trained, folder)
    assert "do not fit its configuration" in error
    assert taken < 100 << 20


def test_weights_are_in_memory_once(trained, models, tmp_path):
    folder = Path(shutil.copytree(models["vanilla"], tmp_path / "large"))
    edit(folder, options={"widths": [4096, 4096], "latent_size": 3})
    tensors = load_file(folder / "model.safetensors")
    wide = {}
    for name, tensor in tensors.items():
        shape = [4096 if length == 4 else length for length in tensor.shape]
        wide[name] = torch.zeros(shape, dtype=tensor.dtype)
    save_file(wide, folder / "model.safetensors")
    (folder / "manifest.json").unlink()
    size = (folder / "model.safetensors").stat().st_size
    assert size > 60 << 20
    taken, error = memory_taken(trained, folder)
    assert error == ""
    assert taken < 1.3 * size
