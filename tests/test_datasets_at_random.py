"""Images at random: what is written is what is read, or what is told."""

from __future__ import annotations

import io
import random
import re
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from ganzoo import Dataset, GanzooError, GanzooWarning
from ganzoo.data.reading import read_all
from ganzoo.sources.find import find_dataset
from ganzoo.sources.options import make_data

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
NAMES = ("cat", "Grün", "a b", "7", "10", "2", "x.y", "UPPER", "owl-1", "été")
TOLD = {
    "deep": r"(\d+) of \d+ images have more than 8 bits a channel: (\S+) is .* and (\S+) as white",
    "left": "left out, since they do not end as images do",
    "stray": "left out, since it lies beside the folders",
    "unlabelled": "it is read without labels",
    "splits": "are taken as splits",
    "table": "labels are read from",
    "gaps": "are the classes, called by their numbers",
    "broken": r"\d+ of \d+ samples cannot be read",
    "unit": "its values lie from 0 to 1",
}


@dataclass
class Written:
    """What was written: of each name of a sample what its pixels should be, (C, H, W), from 0 to 1,
    its class, and what has to be told."""

    path: Path
    values: dict[str, np.ndarray] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    options: dict[str, Any] = field(default_factory=dict)


def picture(rng: random.Random, mode: str, size: int) -> tuple[Image.Image, np.ndarray]:
    """A picture, and what is seen of it: deep values as they are, others from 0 to 1."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    if mode in ("I;16", "I", "F"):
        high = rng.choice([200, 4095, 65535]) if mode == "I;16" else rng.choice([3, 10**6])
        deep = numbers.integers(0, high + 1, (size, size))
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray(deep.astype(kind)), deep.astype(np.float64)[None]
    channels = {"1": 1, "L": 1, "P": 3}.get(mode, len(mode))
    pixels = numbers.integers(0, 256, (size, size, channels), np.uint8)
    if mode == "1":
        made = Image.fromarray((pixels[..., 0] > 127).astype(np.uint8) * 255).convert("1")
    elif mode == "P":
        made = Image.fromarray(pixels).quantize(16)
    elif mode == "CMYK":
        made = Image.frombytes("CMYK", (size, size), pixels.tobytes())
    else:
        made = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    seen = made
    if mode in ("LA", "RGBA"):
        white = Image.new("RGBA", made.size, "white")
        seen = Image.alpha_composite(white, made.convert("RGBA"))
    grey = mode in ("1", "L", "LA")
    array = np.asarray(seen.convert("L" if grey else "RGB")).reshape(size, size, -1)
    return made, array.transpose(2, 0, 1) / 255


def in_folders(rng: random.Random, root: Path) -> Written:
    """Pictures of one mode and size in a folder or a zip, with all that may lie there."""
    written = Written(root / "d")
    mode, size, count = rng.choice(MODES), rng.randint(4, 20), rng.randint(2, 8)
    end = ".tif" if mode in ("CMYK", "I", "F") else rng.choice([".png", ".tif", ".PNG"])
    classes = rng.sample(NAMES, rng.randint(2, 4)) if rng.random() < 0.6 else []
    splits = rng.choice([(), ("train", "test"), ("Training", "valid")])
    files: dict[str, bytes] = {}
    for number in range(count * max(1, len(classes)) * max(1, len(splits))):
        made, seen = picture(rng, mode, size)
        parts = [splits[number % len(splits)]] if splits else []
        kind = classes[number // max(1, len(splits)) % len(classes)] if classes else ""
        name = "/".join([*parts, *([kind] if kind else []), f"{number}{end}"])
        content = io.BytesIO()
        made.save(content, "TIFF" if end == ".tif" else "PNG")
        files[name], written.values[name] = content.getvalue(), seen
        if kind:
            written.classes[name] = kind
    written.told |= {"splits"} if splits else set()
    _disturb(rng, written, files, bool(classes), bool(splits), end)
    _store(rng, written, files)
    high = max((float(seen.max()) for seen in written.values.values()), default=0.0)
    low = min((float(seen.min()) for seen in written.values.values()), default=0.0)
    if mode in ("I;16", "I", "F"):
        if (low, high) != (0.0, 65535.0):
            written.told.add("deep")
        written.values = {
            name: (seen - low) / (high - low) for name, seen in written.values.items()
        }
    return written


def _disturb(
    rng: random.Random,
    written: Written,
    files: dict[str, bytes],
    classes: bool,
    splits: bool,
    end: str,
) -> None:
    """Add what may lie beside: other files, a stray picture, a broken one, a table of labels."""
    if rng.random() < 0.3:
        files["notes.txt"] = b"hello"
        written.told.add("left")
    if rng.random() < 0.3 and len(files) > 4:
        broken = rng.choice(list(written.values))
        files[broken] = rng.choice([b"", b"no image", files[broken][:30]])
        del written.values[broken]
        written.told.add("broken")
    if rng.random() < 0.3 and not splits:
        if classes:
            made, _ = picture(rng, "L", 4)
            content = io.BytesIO()
            made.save(content, "PNG")
            files["stray.png"] = content.getvalue()
            written.told.add("stray")
            return
        labels = {name: rng.choice(["5", "8", "11"]) for name in written.values}
        lines = [f"{name},{label}" for name, label in labels.items()]
        if len(lines) == len([name for name in files if name.endswith(end)]):
            files["labels.csv"] = "\n".join(["file,label", *lines]).encode()
            written.classes = labels
            written.told.add("table")


def _store(rng: random.Random, written: Written, files: dict[str, bytes]) -> None:
    if rng.random() < 0.5:
        for name, content in files.items():
            (written.path / name).parent.mkdir(parents=True, exist_ok=True)
            (written.path / name).write_bytes(content)
        return
    written.path = written.path.with_suffix(".zip")
    slash, top = rng.choice(["/", "\\"]), rng.choice(["", "top/"])
    kind = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(written.path, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr((top + name).replace("/", slash), content)
    written.values = {top + name: seen for name, seen in written.values.items()}
    written.classes = {top + name: kind for name, kind in written.classes.items()}


def _labels(rng: random.Random, written: Written, count: int) -> list[int]:
    known = rng.choice([[0, 1], [0, 1, 2], [1, 2, 3], [4, 9], [250, 3]])
    labels = [known[number % len(known)] for number in range(count)]
    if sorted(set(labels)) != list(range(len(set(labels)))):
        written.told.add("gaps")
    written.classes = {str(number): str(label) for number, label in enumerate(labels)}
    return labels


def in_idx(rng: random.Random, root: Path) -> Written:
    point = rng.choice(["-", "."])
    written = Written(root / f"train-images{point}idx3-ubyte")
    count, size = rng.randint(2, 9), rng.randint(4, 12)
    images = np.random.default_rng(rng.randrange(2**32)).integers(
        0, 256, (count, size, size), np.uint8
    )
    head = struct.pack(">4B3I", 0, 0, 8, 3, count, size, size)
    written.path.write_bytes(head + images.tobytes())
    if rng.random() < 0.7:
        labels = _labels(rng, written, count)
        beside = root / f"train-labels{rng.choice('-.')}idx1-ubyte"
        beside.write_bytes(struct.pack(">4BI", 0, 0, 8, 1, count) + bytes(labels))
    written.values = {str(number): image[None] / 255 for number, image in enumerate(images)}
    return written


def in_npz(rng: random.Random, root: Path) -> Written:
    written = Written(root / "x.npz")
    count, size, channels = rng.randint(2, 9), rng.randint(5, 12), rng.choice([1, 3, 4])
    images = np.random.default_rng(rng.randrange(2**32)).integers(
        0, 256, (count, channels, size, size), np.uint8
    )
    if channels == 4:
        written.options = {"channels": 4}
    stored: np.ndarray = images.transpose(0, 2, 3, 1) if rng.random() < 0.5 else images
    stored = stored.reshape(count, size, size) if channels == 1 else stored
    form = rng.choice(["bytes", "signed", "unit"])
    if form != "bytes":
        stored = (stored / 255).astype(rng.choice([np.float32, np.float64]))
        stored = stored * 2 - 1 if form == "signed" else stored
        written.told |= {"unit"} if form == "unit" else set()
    arrays: dict[str, Any] = {rng.choice(["images", "x", "data"]): stored}
    if rng.random() < 0.6:
        labels = _labels(rng, written, count)
        arrays["labels"] = np.array(labels, rng.choice([np.uint8, np.int64, np.float32]))
        if rng.random() < 0.3:
            arrays["labels"] = np.array([f"c{label}" for label in labels])
            written.classes = {k: f"c{label}" for k, label in written.classes.items()}
            written.told.discard("gaps")
    np.savez(written.path, **arrays)
    written.values = {str(number): image / 255 for number, image in enumerate(images)}
    return written


def read(written: Written) -> tuple[Dataset, list[str], list[str]]:
    """The data set in memory, the names of its samples, and what was told."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = make_data({"source": str(written.path), **written.options})
        lazy = find_dataset(options)
        whole = read_all(lazy)
    names = [str(number) for number in range(len(lazy))]
    if not isinstance(lazy.samples, torch.Tensor):
        names = [lazy.samples.name(number) for number in range(len(lazy))]
        names = [name for name in names if name in written.values]
    told = [str(w.message) for w in caught if issubclass(w.category, GanzooWarning)]
    return whole, names, told  # without what Pillow says of broken files


def check(written: Written) -> None:
    dataset, names, texts = read(written)
    told = {kind for kind, text in TOLD.items() if any(re.search(text, line) for line in texts)}
    assert told == written.told, texts
    assert all(any(re.search(text, line) for text in TOLD.values()) for line in texts), texts
    assert len(dataset) == len(names) == len(written.values)
    assert isinstance(dataset.samples, torch.Tensor)
    pixels = dataset.samples.float().numpy()
    pixels = pixels / 255 if dataset.samples.dtype == torch.uint8 else (pixels + 1) / 2
    for number, name in enumerate(names):
        assert pixels[number].shape == written.values[name].shape
        assert np.abs(pixels[number] - written.values[name]).max() < 0.6 / 255, name
    if not written.classes:
        assert dataset.labels is None
        return
    assert dataset.labels is not None
    found = [dataset.classes[label] for label in dataset.labels.tolist()]
    assert found == [written.classes[name] for name in names]


MAKERS: tuple[Callable[[random.Random, Path], Written], ...] = (
    *(in_folders, in_folders, in_folders),
    *(in_idx, in_npz),
)


def campaign(seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        written = rng.choice(MAKERS)(rng, Path(folder))
        try:
            check(written)
        except GanzooError as error:  # refused, which must be for all being broken
            assert not written.values, error


OPTIONS: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
    "database": None,
}


@settings(max_examples=60, derandomize=True, **OPTIONS)
@given(st.integers(0, 2**32))
def test_what_is_written_is_what_is_read(seed):
    campaign(seed)


@pytest.mark.slow
@settings(max_examples=2000, **OPTIONS)
@given(st.integers(0, 2**32))
def test_what_is_written_is_what_is_read_of_2000(seed):
    campaign(seed)
