"""CTGAN: tables from CSV files and back, hostile columns, and that its rows are like real ones."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import call

import ganzoo as package
from ganzoo import Dataset, GanzooError, SampleSpec
from ganzoo.kinds import kind_of
from ganzoo.sources.find import find_dataset

SMALL = {"width": 16, "latent_size": 8, "training.batch_size": 20}
EXACT: dict[str, Any] = {"precision": "fp32", "device": "cpu"}

MIXED = (
    "id,height,colour,grade,note\n"
    '1,1.50,red,3,"a, b"\n'
    "2,,green,1,\n"
    "3,1.75,,3,\n"
    "4,-0.25,red,2,é\n"
    "5,12.5,red,1,x\n"
    "6,11.75,green,1,x\n"
    "7,1.55,green,1,x\n"
    "8,1.45,green,1,x\n"
    "9,12.25,green,1,x\n"
    "10,nan,green,1,x\n"
    "11,1.5,green,1,x\n"
)


@pytest.fixture
def mixed(tmp_path) -> Path:
    path = tmp_path / "mixed.csv"
    path.write_text(MIXED, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def cars() -> Dataset:
    return find_dataset("auto-mpg")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> package.Run:
    """A few steps on the cars. Read only."""
    out = tmp_path_factory.mktemp("ctgan") / "run"
    return package.train("ctgan", "auto-mpg", steps=4, settings=SMALL, out=out, **EXACT)


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_a_table_comes_back_as_it_was(mixed):
    dataset = find_dataset(str(mixed))
    types = [column["type"] for column in dataset.details["columns"]]
    assert types == ["number", "number", "category", "category", "category"]
    assert dataset.samples.abs().max() <= 1
    assert dataset.spec.bounded
    written = rows_of(kind_of(dataset.spec).render(dataset.samples, ".csv"))
    given = rows_of(MIXED.encode())
    assert written[0] == given[0]
    for ours, theirs in zip(written[1:], given[1:], strict=True):
        for name, a, b in zip(given[0], ours, theirs, strict=True):
            missing = b in ("", "nan")
            assert a == ("" if missing else f"{float(b):.2f}" if name == "height" else b)


def test_rows_in_python_have_numbers_texts_and_gaps(mixed):
    dataset = find_dataset(str(mixed))
    rows = kind_of(dataset.spec).rows(dataset.samples)
    assert rows[0] == {"id": 1.0, "height": 1.5, "colour": "red", "grade": "3", "note": "a, b"}
    assert rows[1]["height"] is None
    assert rows[2]["colour"] is None


def test_details_are_plain_json(mixed):
    spec = find_dataset(str(mixed)).spec
    again = SampleSpec.from_json(json.loads(json.dumps(spec.to_json(), allow_nan=False)))
    assert again == spec


def test_numbers_have_a_mode_for_each_heap(tmp_path):
    rng = np.random.default_rng(0)
    heaps = np.concatenate(
        [rng.normal(-50, 1, 300), rng.normal(0, 2, 300), rng.normal(9, 0.5, 300)]
    )
    (tmp_path / "x.csv").write_text("value\n" + "\n".join(f"{value:.3f}" for value in heaps))
    dataset = find_dataset(str(tmp_path / "x.csv"))
    (column,) = dataset.details["columns"]
    assert np.allclose(sorted(column["means"]), [-50, 0, 9], atol=0.5)
    back = [row["value"] for row in kind_of(dataset.spec).rows(dataset.samples)]
    assert back == pytest.approx([round(value, 3) for value in heaps.tolist()])


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([*range(10)] * 3, "category"),
        ([*range(11)] * 3, "number"),
        ([0.5, 1.0] * 9, "number"),
        ([2.5] * 9, "category"),
        ([1e30, -1e30, 0.5], "number"),
        ([1e-39, 2e-39, 5e-39], "number"),
        ([1, 2, 3, 10**9 + 1] * 5, "category"),
        ([1.0, *[float(n) / 4 for n in range(40)], 1e15], "number"),
    ],
)
def test_what_a_column_of_numbers_is(numbers, kind, tmp_path):
    (tmp_path / "x.csv").write_text("n,m\n" + "".join(f"{n},\n" for n in numbers))
    dataset = find_dataset(str(tmp_path / "x.csv"))
    assert [c["type"] for c in dataset.details["columns"]] == [kind, "category"]
    assert dataset.samples.isfinite().all()
    back = [float(row["n"]) for row in kind_of(dataset.spec).rows(dataset.samples)]
    assert back == pytest.approx([float(n) for n in numbers], rel=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\n", "no row"),
        (b"a,b\n1,2\n3\n", "line 3: 1 cells where the header has 2; column 'b' is missing"),
        (b"a,b\n1,2,5\n", "line 2: 3 cells where the header has 2; '5' is in no column"),
        ("a,b\n1,2\n\xe9\xe8,3\n".encode() + b"\xff,4\n", "line 4: not UTF-8: byte 0xff"),
        (b'a,b\n1,2\n3,"x\n', "line 3: unexpected end of data"),
        (b"1,2\n3,4\n", "line 1: only numbers"),
        (b"a,b\n1,2\n1,1e31\n1,0.5\n", "line 3, column 'b': 1e31 is too large"),
        (b"a\n" + b"x" * 200_000 + b"\n", "line 2: field larger"),
        (",".join(f"c{n}" for n in range(2000)).encode() + b"\n", "2000 columns; at most 1024"),
    ],
)
def test_broken_tables_are_told_of_with_file_line_and_column(content, message, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(GanzooError) as raised:
        find_dataset(str(path))
    text = str(raised.value)
    assert message in text
    assert str(path) in text
    assert "\n" not in text


GOOD = {
    "type": "number",
    "name": "a",
    "decimals": 1,
    "low": 0.0,
    "high": 9.0,
    "means": [2.0],
    "scales": [2.0],
    "missing": False,
}

DATE = {
    **{name: value for name, value in GOOD.items() if name != "decimals"},
    "type": "date",
    "format": "%Y-%m-%d",
    "unit": "second",
    "start": "2020-01-01T00:00:00",
}

HOSTILE: dict[str, Any] = {
    "none": {},
    "no date": {"columns": [{**DATE, "high": 1e29}]},
    "wide format": {"columns": [{**DATE, "format": "%999999999d"}]},
    "no start": {"columns": [{**DATE, "start": "soon"}]},
    "no unit": {"columns": [{**DATE, "unit": "year"}]},
    "no step": {"columns": [{**GOOD, "step": 0.0}]},
    "many frequent": {"columns": [{**GOOD, "frequent": [1.0] * 100}]},
    "huge origin": {"columns": [{**GOOD, "origin": 1 << 200}]},
    "no list": {"columns": 3},
    "no columns": {"columns": []},
    "no column": {"columns": [None]},
    "nested": {"columns": [[[[[]]]]]},
    "other type": {"columns": [{"type": "evil", "name": "a"}]},
    "unhashable type": {"columns": [{"type": [], "name": "a"}]},
    "further key": {"columns": [GOOD], "run": "rm"},
    "a count of modes": {"columns": [{**GOOD, "means": 10**9}]},
    "too many modes": {"columns": [{**GOOD, "means": [0.0] * 100, "scales": [1.0] * 100}]},
    "more means than scales": {"columns": [{**GOOD, "means": [0.0, 1.0]}]},
    "nan": {"columns": [{**GOOD, "means": [math.nan]}]},
    "infinite": {"columns": [{**GOOD, "high": math.inf}]},
    "negative scale": {"columns": [{**GOOD, "scales": [-1.0]}]},
    "text for a number": {"columns": [{**GOOD, "low": "0"}]},
    "negative decimals": {"columns": [{**GOOD, "decimals": -1}]},
    "huge decimals": {"columns": [{**GOOD, "decimals": 10**12}]},
    "low above high": {"columns": [{**GOOD, "low": 10.0}]},
    "one name twice": {"columns": [GOOD, GOOD]},
    "surrogate": {"columns": [{**GOOD, "name": "\ud800"}]},
    "no values": {"columns": [{"type": "category", "name": "a", "values": []}]},
    "long value": {"columns": [{"type": "category", "name": "a", "values": ["x" * 10**6]}]},
    "too many values": {
        "columns": [{"type": "category", "name": "a", "values": [str(n) for n in range(10**5)]}]
    },
    "other width": {"columns": [GOOD, {**GOOD, "name": "b"}]},
    "too wide": {
        "columns": [
            {"type": "category", "name": str(n), "values": [str(v) for v in range(256)]}
            for n in range(1000)
        ]
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_columns_are_refused_in_one_line(name, run, tmp_path):
    spec = SampleSpec("table", (2,), details=HOSTILE[name])
    found = kind_of(SampleSpec("table", (2,), details={"columns": [GOOD]}))
    with pytest.raises(ValueError) as raised:
        type(found)(spec)
    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)
    if name == "surrogate":  # what cannot be written in a file
        return
    folder = Path(shutil.copytree(run.model_path, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    config["spec"]["details"] = HOSTILE[name]
    (folder / "config.json").write_text(json.dumps(config))
    told = call("sample", folder, "-o", tmp_path / "x.csv")
    assert told.exit_code in (1, 2), told.output
    assert told.output.startswith("Error:")
    assert len(told.output.strip().splitlines()) == 1


def test_any_samples_are_written(cars):
    kind = kind_of(cars.spec)
    for value in (0.0, 1e30, -1e30, math.nan, math.inf, -math.inf):
        samples = torch.full((3, *cars.spec.shape), value)
        assert len(rows_of(kind.render(samples, ".csv"))) == 4
        row = kind.rows(samples)[0]
        assert 46 <= row["horsepower"] <= 230


def test_odd_names_and_values_are_quoted():
    values = ['a"b', "c,d", "e\nf", "=1+1", "\u2028", ""]
    column = {"type": "category", "name": 'x"\n,', "values": values}
    kind = kind_of(SampleSpec("table", (6,), details={"columns": [column]}))
    written = rows_of(kind.render(torch.eye(6), ".csv"))
    assert written == [['x"\n,'], *([value] for value in values)]


def test_the_cars_are_the_real_ones(cars):
    rows = kind_of(cars.spec).rows(cars.samples)
    assert len(rows) == 392
    assert rows[0] == {
        "cylinders": "8",
        "displacement": 307.0,
        "horsepower": 130.0,
        "weight": 3504.0,
        "acceleration": 12.0,
        "model_year": 70.0,
        "origin": "1",
        "mpg": 18.0,
    }
    assert sum(row["mpg"] for row in rows) / 392 == pytest.approx(23.4459, abs=1e-4)


def test_samples_come_as_csv_and_as_numbers(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = call("sample", run.path, "-n", 7)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.strip() == "samples.csv"
    written = rows_of((tmp_path / "samples.csv").read_bytes())
    assert len(written) == 8
    assert written[0][0] == "cylinders"
    assert find_dataset(str(tmp_path / "samples.csv")).kind == "table"
    told = call("sample", run.path, "-n", 7, "-o", "x.npz")
    assert told.exit_code == 0, told.stderr
    with np.load(tmp_path / "x.npz") as archive:
        assert archive["samples"].shape == (7, 35)
    told = call("sample", run.path, "-o", "x.png")
    assert told.exit_code == 2
    assert ".csv" in told.stderr


def test_a_row_is_a_function_of_its_latent(run):
    generator = package.load(run)
    latents = generator.latents(20, seed=3)
    first, again = generator(latents), generator(latents)
    assert torch.equal(first, again)
    assert torch.allclose(generator(latents[5:8]), first[5:8], atol=1e-6)
    assert torch.equal(generator.sample(20, seed=3), first)
    other = latents.clone()
    other[:, 8:] = generator.latents(20, seed=4)[:, 8:]
    assert not torch.allclose(generator(other), first, atol=0.1)


def test_the_heads_noise_is_gumbel():
    from ganzoo_ctgan.heads import gumbel

    z = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    made = gumbel(z)
    assert made.mean() == pytest.approx(0.5772, abs=0.01)
    assert made.var() == pytest.approx(math.pi**2 / 6, abs=0.03)
    assert gumbel(torch.tensor([-60.0, -9.0, 0.0, 9.0, 60.0])).isfinite().all()


def test_a_model_folder_and_its_card(run, tmp_path):
    folder = package.load(run).save(tmp_path / "model")
    card = (folder / "README.md").read_text()
    assert "It makes samples of kind table, 35." in card
    assert "`samples.csv` has the first 64 samples of seed 0, none left out." in card
    assert len(rows_of((folder / "samples.csv").read_bytes())) == 65
    loaded = package.load(folder)
    assert torch.equal(loaded.sample(5), package.load(run).sample(5))


def test_resuming_is_exact(run, tmp_path):
    package.train("ctgan", "auto-mpg", steps=2, settings=SMALL, out=tmp_path / "r", **EXACT)
    package.resume(tmp_path / "r", steps=4)
    files = [path / "model" / "model.safetensors" for path in (run.path, tmp_path / "r")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_batches_that_are_no_whole_packs_are_told_of(cars, tmp_path):
    with pytest.raises(GanzooError, match="batch_size=25: ctgan judges packs of 10"):
        package.train("ctgan", cars, steps=1, batch_size=25, out=tmp_path / "a")
    settings = {**SMALL, "pack": 5}
    package.train("ctgan", cars, steps=1, settings=settings, batch_size=25, out=tmp_path / "b")


def test_bf16_is_close_to_float32(run):
    generator = package.load(run)
    latents = generator.latents(200)
    exact = generator(latents)
    close = copy.deepcopy(generator.network)
    with torch.autocast("cpu", torch.bfloat16):
        near = close(latents)
    assert near.dtype == torch.float32
    assert (near - exact).abs().mean() < 0.01


def test_other_architectures_learn_tables_too(cars, tmp_path):
    run = package.train("vanilla", cars, steps=2, settings={"widths": [8]}, out=tmp_path / "run")
    rows = package.load(run).kind.rows(package.load(run).sample(4))
    assert set(rows[0]) == {column["name"] for column in cars.details["columns"]}
