"""Tables and sounds at random: what is written is what is read, or what is told."""

from __future__ import annotations

import csv
import io
import random
import tempfile
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ganzoo import Dataset, GanzooError
from ganzoo.kinds import kind_of
from ganzoo.sources.find import find_dataset

WORDS = ["red", "Grün", "blå", "café", "a b", "x,y", "p;q", 'say "hi"', "two\nlines", "-", "NA"]
MISSING = {"", "NA"}
Cells = list[str]
Maker = Callable[[random.Random, int], Cells]


def whole(rng: random.Random, rows: int) -> Cells:
    size = 10 ** rng.randint(1, 12)
    return [str(rng.randint(-size, size)) for _ in range(rows)]


def floats(rng: random.Random, rows: int) -> Cells:
    digits, size = rng.randint(1, 9), 10 ** rng.randint(-3, 9)
    return [f"{rng.gauss(0, size):.{digits}f}" for _ in range(rows)]


def written_as_floats(rng: random.Random, rows: int) -> Cells:
    return [f"{rng.randint(0, 90)}.0" for _ in range(rows)]


def mostly_zero(rng: random.Random, rows: int) -> Cells:
    return ["0" if rng.random() < 0.8 else str(rng.randint(1, 10**4)) for _ in range(rows)]


def padded(rng: random.Random, rows: int) -> Cells:
    return [f"{rng.randint(0, 99999):05}" for _ in range(rows)]


def large(rng: random.Random, rows: int) -> Cells:
    return [str(2**60 + rng.randint(0, 10**6)) for _ in range(rows)]


def words(rng: random.Random, rows: int) -> Cells:
    known = rng.sample(WORDS, rng.randint(1, len(WORDS)))
    return [rng.choice(known) for _ in range(rows)]


def names(rng: random.Random, rows: int) -> Cells:
    return [f"{rng.choice('ABC')}-{rng.randint(0, 10**6)}x" for _ in range(rows)]


def truths(rng: random.Random, rows: int) -> Cells:
    return [rng.choice(["True", "False"]) for _ in range(rows)]


def dates(rng: random.Random, rows: int) -> Cells:
    form = rng.choice(["{y}-{m:02}-{d:02}", "{d}.{m}.{y}", "{y}/{m:02}/{d:02} {h:02}:{n:02}"])
    return [
        form.format(
            y=rng.randint(1970, 2030),
            m=rng.randint(1, 12),
            d=rng.randint(1, 28),
            h=rng.randint(0, 23),
            n=rng.randint(0, 59),
        )
        for _ in range(rows)
    ]


def nothing(rng: random.Random, rows: int) -> Cells:
    return [""] * rows


MAKERS: list[Maker] = [whole, floats, written_as_floats, mostly_zero, padded, large, words, names]
MAKERS += [truths, dates, nothing]
TABLES = st.fixed_dictionaries(
    {
        "makers": st.lists(st.sampled_from(MAKERS), min_size=1, max_size=6),
        "gaps": st.lists(st.booleans(), min_size=6, max_size=6),
        "rows": st.integers(1, 400),
        "delimiter": st.sampled_from(",;\t|"),
        "encoding": st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"]),
        "newline": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        "comma": st.booleans(),
        "seed": st.integers(0, 2**32),
    }
)


def read(path: Path) -> tuple[Dataset, str]:
    """The data set and all that was told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        dataset = find_dataset(str(path))
    return dataset, "\n".join(str(warning.message) for warning in told)


def check_table(drawn: dict[str, Any]) -> None:
    rng = random.Random(drawn["seed"])
    rows, delimiter = drawn["rows"], drawn["delimiter"]
    comma = drawn["comma"] and delimiter != ","
    header = [f"{maker.__name__} {place}" for place, maker in enumerate(drawn["makers"])]
    columns = [maker(rng, rows) for maker in drawn["makers"]]
    for cells, gaps in zip(columns, drawn["gaps"], strict=False):
        if gaps:
            cells[:] = ["" if rng.random() < 0.2 else cell for cell in cells]
    shown = [
        [cell.replace(".", ",") for cell in cells] if comma and "float" in name else cells
        for name, cells in zip(header, columns, strict=True)
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=delimiter, quoting=drawn["quoting"], lineterminator=drawn["newline"]
    )
    writer.writerow(header)
    writer.writerows(zip(*shown, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(text.getvalue().encode(drawn["encoding"]))
        try:
            dataset, told = read(path)
        except GanzooError as error:  # of one column that is left out
            assert len(header) == 1 or "none of its columns" in str(error)
            return
    details = {column["name"]: column for column in dataset.details["columns"]}
    assert len(dataset) == rows
    kind = kind_of(dataset.spec)
    same = list(csv.DictReader(io.StringIO(kind.render(dataset.samples, ".csv").decode())))
    noise = torch.rand(50, dataset.spec.size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    made = list(csv.DictReader(io.StringIO(kind.render(noise, ".csv").decode())))
    if len(header) > 1:
        assert ("between its cells" in told) is (delimiter != ","), told
    for name, cells in zip(header, columns, strict=True):
        if name not in details:
            assert "left out: column" in told and repr(name) in told
            assert len(set(cells)) > 256
            continue
        back = [row[name] for row in same]
        domain = {"" if cell in MISSING else cell for cell in cells}
        drawn_anew = [row[name] for row in made if row[name]]
        if any(cell == "NA" for cell in cells):
            assert "times 'NA'" in told
        column = details[name]
        if column["type"] == "number":
            numbers = [float(cell) for cell in cells if cell]
            low, high = min(numbers), max(numbers)
            off = 1e-5 * max(high - low, abs(high), abs(low))
            for a, b in zip(back, cells, strict=True):
                assert bool(a) == bool(b)
                assert not a or abs(float(a) - float(b)) <= off
            assert all(low - off <= float(cell) <= high + off for cell in drawn_anew)
            if all(number.is_integer() for number in numbers):
                assert all(float(cell).is_integer() for cell in drawn_anew)
            assert all(("." in cell) is ("." in "".join(cells)) for cell in drawn_anew)
        elif drawn["encoding"] == "cp1252" and "cp1252" not in told and "encoding" in told:
            continue  # another encoding was guessed, and told
        else:
            spelled = ["" if cell in MISSING else cell for cell in cells]
            if comma and "float" in name:
                spelled = [cell.replace(".", ",") for cell in spelled]
                domain = set(spelled)
            if column["type"] == "category":
                assert back == spelled
                assert set(drawn_anew) <= domain
            else:  # a float32 tells 16 million moments apart
                form = column["format"].replace("%-", "%")
                there = [datetime.strptime(cell, form) for cell in spelled if cell]
                here = [datetime.strptime(cell, form) for cell in back if cell]
                off = (max(there) - min(there)) / 5e6
                assert all(abs(a - b) <= off for a, b in zip(here, there, strict=True))
                assert [bool(cell) for cell in back] == [bool(cell) for cell in spelled]
                anew = [datetime.strptime(cell, form) for cell in drawn_anew]
                assert all(min(there) <= moment <= max(there) for moment in anew)


SOUNDS = st.fixed_dictionaries(
    {
        "files": st.lists(
            st.fixed_dictionaries(
                {
                    "form": st.sampled_from(
                        [
                            ("WAV", "PCM_U8"),
                            ("WAV", "PCM_16"),
                            ("WAV", "PCM_24"),
                            ("WAV", "PCM_32"),
                            ("WAV", "FLOAT"),
                            ("WAVEX", "PCM_24"),
                            ("FLAC", "PCM_16"),
                        ]
                    ),
                    "rate": st.sampled_from([8000, 8000, 8000, 16000, 22050]),
                    "channels": st.integers(1, 3),
                    "frames": st.integers(150, 3000).map(lambda n: 2 * n),  # no byte fills up
                    "damage": st.sampled_from(["", "", "", "", "cut", "empty", "noise", "piped"]),
                    "loud": st.sampled_from([0.0, 0.5, 0.5, 0.5, 4.0]),
                    "folder": st.sampled_from(["", "a", "b"]),
                }
            ),
            min_size=1,
            max_size=6,
        ),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def check_sounds(drawn: dict[str, Any]) -> None:
    rng = np.random.default_rng(drawn["seed"])
    good: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "sounds"
        for place, file in enumerate(drawn["files"]):
            form, subtype = file["form"]
            path = folder / file["folder"] / f"{place}.{'flac' if form == 'FLAC' else 'wav'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            time = np.arange(file["frames"]) / file["rate"]
            tone = np.sin(2 * np.pi * rng.uniform(100, 1000) * time + rng.uniform(0, 6))
            values = np.clip(file["loud"] * tone, -1, 1)
            values = np.repeat(values[:, None], file["channels"], 1)
            soundfile.write(path, values, file["rate"], format=form, subtype=subtype)
            content = path.read_bytes()
            if file["damage"] == "cut":
                path.write_bytes(content[: len(content) // 2])
            elif file["damage"] == "empty":
                path.write_bytes(b"")
            elif file["damage"] == "noise":
                path.write_bytes(rng.bytes(len(content)))
            else:
                if file["damage"] == "piped" and form != "FLAC":
                    size = b"\xff\xff\xff\xff" if place % 2 else bytes(4)
                    at = content.index(b"data") + 4
                    path.write_bytes(content[:4] + size + content[8:at] + size + content[at + 4 :])
                good[str(path.relative_to(folder))] = file | {"values": values[:, 0]}
        try:
            dataset, told = read(folder)
        except GanzooError as error:
            assert not good, error
            return
    count, length = len(drawn["files"]), dataset.spec.shape[-1]
    order = sorted(good, key=Path)
    assert len(dataset) == len(good)
    assert (f"{count - len(good)} of {count} files left out" in told) is (len(good) < count)
    rate = dataset.details["sample_rate"]
    assert ("resampled" in told) is any(file["rate"] != rate for file in good.values())
    assert ("several channels" in told) is any(file["channels"] > 1 for file in good.values())
    assert ("silent" in told) is any(file["loud"] == 0 for file in good.values())
    assert ("clipped" in told) is any(file["loud"] == 4 for file in good.values())
    inside = [name for name in order if "/" in name]
    assert ("no classes" in told) is (0 < len(inside) < len(order))
    if len(inside) == len(order):
        assert dataset.classes == tuple(sorted({name[0] for name in order}))
    for name, sample in zip(order, dataset.samples, strict=True):
        file, row = good[name], sample[0].numpy()
        frames = -(-file["frames"] * rate // file["rate"])
        assert not row[frames:].any()
        if file["rate"] == rate:
            off = row[: len(file["values"])] - file["values"][:length]
            assert np.abs(off).max() < (0.01 if file["form"][1] == "PCM_U8" else 1e-3)
        if frames > length / 0.9:
            assert "are cut after" in told
        if 2 * frames < length:
            assert "less than half" in told


QUICK = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
# Not made smaller, which takes longer than all examples.
LONG = settings(QUICK, max_examples=1000, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@given(TABLES)
@QUICK
def test_a_table_is_read_as_it_was_written(drawn):
    check_table(drawn)


@given(SOUNDS)
@QUICK
def test_sounds_are_read_as_they_were_written(drawn):
    check_sounds(drawn)


@pytest.mark.slow
@given(TABLES)
@LONG
def test_a_thousand_tables_are_read_as_they_were_written(drawn):
    check_table(drawn)


@pytest.mark.slow
@given(SOUNDS)
@LONG
def test_a_thousand_folders_of_sound_are_read_as_they_were_written(drawn):
    check_sounds(drawn)
