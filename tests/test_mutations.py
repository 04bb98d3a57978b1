"""Model folders mutated at random: a GanzooError at most, and no code run."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from architectures import Labelled
from harm import Harm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ganzoo
from ganzoo import Architecture, GanzooError, GanzooWarning

FORBIDDEN = {"pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"}


seen: list[str] = []


watching = False


def watch(event: str, args: Any) -> None:
    if watching and event in FORBIDDEN:
        seen.append(event)


sys.addaudithook(watch)


def use(path: Path, architecture: type[Architecture] | None = None) -> None:
    """Do with a model folder what a user does."""
    generator = ganzoo.load(path, architecture=architecture)
    samples = generator.sample(2, seed=1)
    generator.kind.render(samples, generator.kind.suffixes[0])
    assert generator.card and repr(generator)


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
    max_examples=1000,
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
