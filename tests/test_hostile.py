"""Model folders that somebody damaged or made to harm: an error that says so, and nothing else."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import Labelled
from conftest import call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

import ganzoo
from ganzoo import Architecture, GanzooError, GanzooWarning

FORBIDDEN = {"pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"}
seen: list[str] = []
watching = False


def watch(event: str, args: Any) -> None:
    if watching and event in FORBIDDEN:
        seen.append(event)


sys.addaudithook(watch)


@pytest.fixture(scope="module")
def models(trained, digits, tmp_path_factory) -> dict[str, Path]:
    """A model folder of each of several forms."""
    root = tmp_path_factory.mktemp("models")
    small = {"widths": [4, 4], "latent_size": 3, "training.batch_size": 8}
    ganzoo.train("vanilla", digits[0][:50], steps=1, settings=small, out=root / "v")
    ganzoo.train("vanilla", "ring", steps=1, settings=small, out=root / "r")
    critic = {"width": 4, "training.batch_size": 8, "data.image_size": 8}
    ganzoo.train("wgan-gp", digits[0][:50], steps=1, settings=critic, out=root / "w")
    labels = torch.arange(50) % 3
    ganzoo.train(Labelled, digits[0][:50], labels=labels, steps=1, out=root / "l")
    return {
        "dcgan": trained / "model",
        **{name: root / name[0] / "model" for name in ("vanilla", "ring", "wgan-gp", "labelled")},
    }


@pytest.fixture
def folder(trained, tmp_path) -> Path:
    """A copy of a good model folder, to be damaged."""
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


def use(path: Path, architecture: type[Architecture] | None = None) -> None:
    """Do with a model folder what a user does."""
    generator = ganzoo.load(path, architecture=architecture)
    samples = generator.sample(2, seed=1)
    generator.kind.render(samples, generator.kind.suffixes[0])
    assert generator.card and repr(generator)


def edit(path: Path, **changes: Any) -> None:
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, **changes}))


def weights(path: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(path / "model.safetensors")
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    change(tensors)
    save_file(tensors, path / "model.safetensors")


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


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
        "no name of a distribution",
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
        "text that is none",
    ),
    "another kind": (lambda path: edit(path, spec={**spec_of(path), "kind": "video"}), "not video"),
    "linked weights": (linked("model.safetensors"), "outside of the model folder"),
    "linked card": (linked("README.md"), "outside of the model folder"),
    "a folder for a card": (
        lambda path: [(path / "README.md").unlink(), (path / "README.md").mkdir()],
        "is no file",
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
    with pytest.raises(GanzooError, match="is no file"):
        ganzoo.load(folder)


def test_a_link_is_never_published(hub, folder):
    linked("samples.png")(folder)
    refused = call("publish", folder, "hf://alice/linked")
    assert refused.exit_code == 2
    assert "outside of the model folder" in refused.stderr
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
    generator = ganzoo.load(folder)
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
    size = (folder / "model.safetensors").stat().st_size
    assert size > 60 << 20
    taken, error = memory_taken(trained, folder)
    assert error == ""
    assert taken < 1.3 * size


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["../x", "dcgan", "vanilla", "points", "image", "array", "\x1b[2J", "hf://a/b"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def replace_in(data: st.DataObject, value: Any, depth: int = 0) -> Any:
    """`value` with something in it replaced, removed or added."""
    if isinstance(value, dict) and value and depth < 4 and data.draw(st.integers(0, 7 - depth)):
        deeper = [key for key in value if isinstance(value[key], dict)]
        key = data.draw(st.sampled_from(sorted(value) + 3 * sorted(deeper)))
        action = data.draw(st.sampled_from(["inside"] * 8 + ["remove", "add"]))
        if action == "remove":
            return {k: v for k, v in value.items() if k != key}
        if action == "add":
            return {**value, data.draw(st.text(max_size=6)): data.draw(json_values)}
        return {**value, key: replace_in(data, value[key], depth + 1)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        index = data.draw(st.integers(0, len(value) - 1))
        return [*value[:index], replace_in(data, value[index], depth + 1), *value[index + 1 :]]
    if isinstance(value, int) and data.draw(st.booleans()):
        return value + data.draw(st.integers(-4, 4))
    return data.draw(json_values)


def mutate(data: st.DataObject, folder: Path) -> None:
    """Damage one file of a model folder in one of many ways."""
    names = ["config.json"] * 6 + ["model.safetensors"] * 4
    names += ["metrics.json", "training.json", "README.md"]
    file = folder / data.draw(st.sampled_from(names))
    content = file.read_bytes()
    ways = ["flip", "cut", "insert", "remove", "folder", "link", "pickle"]
    way = data.draw(st.sampled_from(ways + ["inside"] * 12))
    if way == "inside" and file.suffix == ".json":
        changed = replace_in(data, json.loads(content))
        file.write_text(json.dumps(changed), encoding="utf-8")
    elif way == "inside" and file.suffix == ".safetensors":
        length = int.from_bytes(content[:8], "little")
        header = json.dumps(replace_in(data, json.loads(content[8 : 8 + length]))).encode()
        file.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    elif way in ("flip", "inside"):
        at = data.draw(st.integers(0, min(len(content) - 1, 4000)))
        changed_byte = bytes([content[at] ^ data.draw(st.integers(1, 255))])
        file.write_bytes(content[:at] + changed_byte + content[at + 1 :])
    elif way == "cut":
        file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    elif way == "insert":
        at = data.draw(st.integers(0, len(content)))
        file.write_bytes(content[:at] + data.draw(st.binary(max_size=50)) + content[at:])
    else:
        file.unlink()
        if way == "folder":
            file.mkdir()
        elif way == "link":
            file.symlink_to(data.draw(st.sampled_from(["/etc/passwd", file.name, "../../x", "/"])))
        elif way == "pickle":
            file.write_bytes(pickle.dumps(Harm(folder / "harm")))


@settings(
    max_examples=2500,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=True,
)
@given(data=st.data())
def test_no_mutated_folder_does_more_than_raise_a_ganzoo_error(models, tmp_path_factory, data):
    global watching
    form = data.draw(st.sampled_from(sorted(models)))
    folder = tmp_path_factory.getbasetemp() / "mutated"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(models[form], folder)
    mutate(data, folder)
    watching = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GanzooWarning)
            use(folder, Labelled if form == "labelled" else None)
    except GanzooError as error:
        assert str(error)
    finally:
        watching = False
    assert seen == []
    assert not (folder / "harm").exists()
