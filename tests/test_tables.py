"""What a file of a table holds, column by column: what is read as what, what is told, and that
what is written reads back as what was read."""

from __future__ import annotations

import io
import json
import random
import warnings
from pathlib import Path
from typing import Any

import palmerpenguins
import pandas as pd
import pytest
import torch
import vega_datasets
from conftest import call

import ganzoo as package
from ganzoo import Dataset, GanzooError, GanzooWarning
from ganzoo.kinds import kind_of
from ganzoo.sources.find import find_dataset
from ganzoo.sources.options import make_data


def table(folder: Path, content: str | bytes, **options: Any) -> tuple[Dataset, str]:
    """The data set of a file, and all that was told of it."""
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        dataset = find_dataset(make_data({"source": str(path), **options}))
    lines = [str(warning.message) for warning in told]
    assert all("\n" not in line for line in lines)
    return dataset, "\n".join(lines)


def columns(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {column["name"]: column for column in dataset.details["columns"]}


def lines(*columns: list[Any]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


def back(dataset: Dataset, samples: torch.Tensor | None = None, **options: Any) -> pd.DataFrame:
    """What pandas reads of what is written."""
    samples = dataset.samples if samples is None else samples
    content = kind_of(dataset.spec).render(samples, ".csv")
    return pd.read_csv(io.BytesIO(content), **options)


def noise(dataset: Dataset, count: int = 300) -> torch.Tensor:
    """Samples of any values, as an untrained generator makes."""
    return torch.rand(count, dataset.spec.size, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    "codes",
    [
        [f"{n:05}" for n in range(120, 170)],
        [f"+49{n}" for n in range(1_500_000, 1_500_050)],
        [str(2**53 + 2 * n + 1) for n in range(50)],
        [f"-{2**60 + n}" for n in range(50)],
        ["007", *map(str, range(100, 140))],
        [str(n * 1009) for n in range(1, 20)] * 12,
    ],
)
def test_identifiers_stay_what_they_are(codes, tmp_path):
    dataset, told = table(tmp_path, "code,x\n" + lines(codes, list(range(len(codes)))))
    assert not told
    assert columns(dataset)["code"]["type"] == "category"
    made = set(back(dataset, noise(dataset), dtype=str)["code"])
    assert made <= set(codes)


def test_identifiers_beyond_the_list_are_left_out_and_told(tmp_path):
    ids = [str(2**53 + 2 * n + 1) for n in range(300)]
    dataset, told = table(tmp_path, "id,x\n" + lines(ids, [n / 7 for n in range(300)]))
    assert list(columns(dataset)) == ["x"]
    assert "left out: column 'id' (300 different identifiers" in told
    assert '--set \'data.columns={"id": "category"}\'' in told
    dataset, told = table(tmp_path, "id\n" + lines(ids), columns={"id": "number"})
    assert (back(dataset)["id"].astype(str) == ids).all()
    assert back(dataset, noise(dataset))["id"].between(int(ids[0]), int(ids[-1])).all()
    dataset, _ = table(tmp_path, "id\n" + lines(ids), columns={"id": "category"})
    assert set(back(dataset, noise(dataset), dtype=str)["id"]) <= set(ids)


@pytest.mark.parametrize(
    ("cells", "whole"),
    [
        ([f"{n}.0" for n in range(18, 90)], 1),
        ([f"{n}.00" for n in range(-20, 40)], 1),
        ([f"{n}e3" for n in range(5, 60)], 1000),
        ([str(n) for n in range(100, 900, 50)], 50),
        ([f"{n / 4}" for n in range(3, 90)], 0.25),
    ],
)
def test_numbers_lie_on_the_steps_of_the_data_beside_gaps(cells, whole, tmp_path):
    dataset, _ = table(tmp_path, "n,x\n" + lines([*cells, "", ""], [0.5] * (len(cells) + 2)))
    real = pd.read_csv(tmp_path / "t.csv")["n"]
    made = back(dataset, noise(dataset))["n"]
    assert made.dtype == real.dtype
    assert made.isna().any()
    known = made.dropna()
    assert known.between(real.min(), real.max()).all()
    assert (known % whole == real[0] % whole).all()
    assert pd.testing.assert_series_equal(back(dataset)["n"], real, rtol=1e-5) is None


@pytest.mark.parametrize("often", [0, -1.5, 99999])
def test_a_frequent_number_is_a_mode_of_its_own(often, tmp_path):
    rng = random.Random(0)
    numbers = [often if rng.random() < 0.8 else round(rng.uniform(1, 500), 2) for _ in range(600)]
    dataset, _ = table(tmp_path, "gain\n" + lines(numbers))
    assert columns(dataset)["gain"]["frequent"] == [often]
    assert (back(dataset)["gain"] == often).mean() == numbers.count(often) / 600
    mode = dataset.samples[:, 1:].argmax(1) == dataset.samples.shape[1] - 2
    assert not dataset.samples[mode, 0].any()


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        ([f"2024-{m:02}-{d:02}" for m in (1, 2) for d in range(1, 25)], "%Y-%m-%d"),
        ([f"{d}/{m}/2023" for m in (1, 12) for d in range(1, 29)], "%-d/%-m/%Y"),
        ([f"{d:02}.03.1999 {d % 24:02}:30" for d in range(1, 29)], "%d.%m.%Y %H:%M"),
        ([f"2020-02-{d:02}T12:00:{d:02}Z" for d in range(1, 29)], "%Y-%m-%dT%H:%M:%SZ"),
        ([f"2021-{m:02}-03 08:{m:02}:00-05:00" for m in range(1, 12)], "%Y-%m-%d %H:%M:%S-05:00"),
        ([f"{d}.{d % 3 + 1}.20{d}" for d in range(13, 24)], "%-d.%-m.%Y"),
        ([f"{h:02}:{m:02}" for h in range(24) for m in (0, 30)], "%H:%M"),
        ([f"Jan {d} 2001" for d in range(1, 29)], "%b %-d %Y"),
        ([f"200701{d:02}" for d in range(1, 29)], "%Y%m%d"),
        ([f"{y}-{m:02}-01" for y in (1999, 2000) for m in range(1, 13)], "%Y-%m-%d"),
    ],
)
def test_dates_and_times_are_a_type(texts, form, tmp_path):
    dataset, told = table(tmp_path, "when,x\n" + lines([*texts, ""], [1.5] * (len(texts) + 1)))
    column = columns(dataset)["when"]
    assert (column["type"], column["format"]) == ("date", form)
    assert not told
    assert back(dataset, dtype=str)["when"].tolist()[:-1] == texts
    made = back(dataset, noise(dataset), dtype=str)["when"].dropna()
    plain = form.replace("%-", "%")
    moments = pd.to_datetime(made, format=plain)
    real = pd.to_datetime(pd.Series(texts), format=plain)
    assert moments.between(real.min(), real.max()).all()
    if texts[-1] == "2000-12-01":
        assert (moments.dt.day == 1).all()


def test_dates_that_may_be_of_two_formats_are_told(tmp_path):
    texts = [f"{m:02}/{d:02}/2020" for m in range(1, 12) for d in range(1, 12)]
    dataset, told = table(tmp_path, "when\n" + lines(texts))
    assert "'when' as %m/%d/%Y, where %d/%m/%Y fits as well" in told
    choice = {"type": "date", "format": "%d/%m/%Y"}
    dataset, told = table(tmp_path, "when\n" + lines(texts), columns={"when": choice})
    assert not told
    assert columns(dataset)["when"]["start"] == "2020-01-01T00:00:00"
    with pytest.raises(
        GanzooError, match=r"t\.csv, line 3, column 'when': '01/02/2020' is not a date"
    ):
        bad = {"type": "date", "format": "%Y"}
        table(tmp_path, "when\n2020\n01/02/2020\n", columns={"when": bad})


@pytest.mark.parametrize("how", ["dict", "file", "text"])
def test_na_is_a_text_where_a_column_says_so(how, tmp_path):
    content = "country,n\n" + lines(["NA", "DE", "", "ZA"] * 5, list(range(20)))
    dataset, told = table(tmp_path, content)
    assert columns(dataset)["country"]["values"] == ["DE", "ZA", ""]
    assert "taken as missing: 5 times 'NA' in column 'country'" in told
    declared: Any = {"country": "category"}
    if how == "file":
        (tmp_path / "types.yaml").write_text("country: category\n")
        declared = str(tmp_path / "types.yaml")
    elif how == "text":
        declared = '{"country": {"missing": []}}'
    dataset, told = table(tmp_path, content, columns=declared)
    assert columns(dataset)["country"]["values"] == ["DE", "NA", "ZA", ""]
    assert not told


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"b": "category"}, "has no column 'b'; its columns are 'a', 'x'"),
        ({"a": "integer"}, "data.columns"),
        ({"a": "number"}, "t.csv, line 3, column 'a': 'no' is not a number"),
        ({"a": "date"}, "no dates of one format that is known"),
        ({"a": {"type": "date", "format": "%Q"}}, "a format has %Y %y"),
        ({"a": "drop", "x": "drop"}, "none of its columns can be used"),
        ("missing.yaml", "the file cannot be read: No such file"),
        ("{a: [", "not YAML"),
        ("[1]", "cannot be read"),
    ],
)
def test_what_is_declared_wrongly_is_told(declared, message, tmp_path):
    with pytest.raises(GanzooError) as raised:
        table(tmp_path, "a,x\n1,1\nno,2\n", columns=declared)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_column_of_names_is_left_out_or_kept_as_it_is_asked(tmp_path):
    names = [f"Name {n}" for n in range(300)]
    content = "name,text,x\n" + lines(names, ["y" * 1500] * 300, [n / 7 for n in range(300)])
    dataset, told = table(tmp_path, content)
    assert list(columns(dataset)) == ["x"]
    assert "'name' (300 different texts; at most 256" in told
    assert "'text' (a text of 1500 letters" in told
    assert '--set \'data.columns={"name": "category"}\'' in told
    dataset, told = table(tmp_path, content, columns={"name": "category", "text": "drop"})
    assert list(columns(dataset)) == ["name", "x"]
    assert len(columns(dataset)["name"]["values"]) == 300
    assert not told


@pytest.mark.parametrize("odd", ["oops", "inf", "-", "12 kg"])
def test_a_text_among_numbers_is_told(odd, tmp_path):
    for count, words in ((100, "taken as a category: column 'x', since"), (300, "it has numbers")):
        content = "x,y\n" + lines([*[n / 7 for n in range(count)], odd], [1.5] * (count + 1))
        dataset, told = table(tmp_path, content)
        assert words in told
        choice = {"type": "number", "missing": [odd]}
        assert f"--set 'data.columns={json.dumps({'x': choice})}'" in told
        dataset, told = table(tmp_path, content, columns={"x": choice})
        assert not told
        assert columns(dataset)["x"]["type"] == "number"
        assert back(dataset)["x"].isna().sum() == 1


@pytest.mark.parametrize(
    ("content", "kept", "words"),
    [
        ("# by x\n# 2024\na,b\n1,x\n2,y\n", {"a": ["1", "2"], "b": ["x", "y"]}, "2 lines that"),
        ('a, b\n1, "x, y"\n', {"a": ["1"], "b": ["x, y"]}, ""),
        ("a,b\nTrue,x\nFalse,y\n", {"a": ["False", "True"], "b": ["x", "y"]}, ""),
        ("a,b\n1,\n2,\n", {"a": ["1", "2"], "b": [""]}, ""),
        ("a,b\n5.0,x\n5.0,x\n", {"a": ["5.0"], "b": ["x"]}, ""),
        ("a,a,a\n1,2,3\n", {"a": ["1"], "a.1": ["2"], "a.2": ["3"]}, "'a' as 'a.1', 'a' as 'a.2'"),
        (",a\n1,x\n2,y\n", {"Unnamed: 0": ["1", "2"], "a": ["x", "y"]}, "'' as 'Unnamed: 0'"),
        ("a,b\n1,x\n", {"a": ["1"], "b": ["x"]}, ""),
        ('a,b\n"x\ny",1\nz,2\n', {"a": ["x\ny", "z"], "b": ["1", "2"]}, ""),
        ("a,b,\n1,2,\n3,4,\n", {"a": ["1", "3"], "b": ["2", "4"], "Unnamed: 2": [""]}, "Unnamed"),
        ("a,b\n1,2,\n3,4,\n", {"a": ["1", "3"], "b": ["2", "4"]}, ""),
        ("sep=;\na;b\n1;x\n2;y\n", {"a": ["1", "2"], "b": ["x", "y"]}, ""),
        ("a b\n1 x\n2 y\n", {"a b": ["1 x", "2 y"]}, "the 2 words of a line as one cell"),
    ],
)
def test_odd_tables_are_read(content, kept, words, tmp_path):
    dataset, told = table(tmp_path, content)
    assert {name: column.get("values") for name, column in columns(dataset).items()} == kept
    assert words in told if words else not told
    assert back(dataset, dtype=str, keep_default_na=False).astype(str).shape == (
        len(dataset),
        len(kept),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n4.7,3.2,setosa\n", "line 1: it looks like a row"),
        ("39, State-gov, 77516\n50, Private, 83311\n38, State-gov, 2\n", "looks like a row"),
        ("1,2\n3,4\n", "line 1: only numbers"),
        (b"PK\x03\x04" + bytes(60), "a workbook or another zip"),
        (b"a,b\n1,\x00\x01\n2,3\n", "line 2: not a text"),
        ("x\n0,5\n0,7\n", "--set 'data.delimiter=;'"),
    ],
)
def test_what_is_no_table_is_refused(content, message, tmp_path):
    with pytest.raises(GanzooError) as raised:
        table(tmp_path, content)
    assert message in str(raised.value)
    assert str(tmp_path / "t.csv") in str(raised.value)


def test_a_table_without_a_header_is_read_where_it_is_said(tmp_path):
    dataset, told = table(tmp_path, "5.1,setosa\n4.9,setosa\n", header="no")
    assert list(columns(dataset)) == ["column 1", "column 2"]
    assert len(dataset) == 2
    assert not told
    years = "country,2001,2002\n" + lines(["a", "b"] * 9, [n / 7 for n in range(18)], range(18))
    assert list(columns(table(tmp_path, years)[0])) == ["country", "2001", "2002"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "told_as"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-32", "utf-32"),
    ],
)
def test_delimiters_and_encodings_are_detected_and_told(delimiter, encoding, told_as, tmp_path):
    cities = ["Köln", "Århus", "Besançon", "Málaga"] * 5
    rows = [f"{city}{delimiter}{n / 7:.3f}" for n, city in enumerate(cities)]
    content = "\r\n".join([f"Stadt{delimiter}Größe", *rows, ""]).encode(encoding)
    dataset, told = table(tmp_path, content)
    assert columns(dataset)["Stadt"]["values"] == sorted(set(cities))
    assert columns(dataset)["Größe"]["type"] == "number"
    assert (f"its encoding as {told_as} (data.encoding)" in told) is bool(told_as)
    assert ("between its cells" in told) is (delimiter != ",")


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        ("£", "cp1252"),
        ("20 °C", "cp1252"),
        ("µm", "cp1252"),
        ("„gut“ 5 €", "cp1252"),
        ("Москва", "cp1251"),
        ("Αθήνα", "cp1253"),
        ("田中 東京 鈴木 大阪", "cp932"),
        ("王伟 北京 李娜 上海", "gb18030"),
    ],
)
def test_encodings_of_other_lands_are_guessed_and_told(word, encoding, tmp_path):
    content = ("name,x\n" + lines([word, "none"] * 30, range(60))).encode(encoding)
    dataset, told = table(tmp_path, content)
    assert columns(dataset)["name"]["values"] == sorted([word, "none"])
    assert f"its encoding as {encoding} (data.encoding)" in told


def test_an_encoding_can_be_declared(tmp_path):
    content = ("Stadt,x\n" + lines(["Łódź", "Gdańsk"] * 9, range(18))).encode("cp1250")
    dataset, told = table(tmp_path, content, encoding="cp1250")
    assert columns(dataset)["Stadt"]["values"] == ["Gdańsk", "Łódź"]
    assert not told
    with pytest.raises(GanzooError, match=r"data\.encoding=nope: there is no such encoding"):
        table(tmp_path, content, encoding="nope")


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["0,5", "1,25", "12,75"], [0.5, 1.25, 12.75]),
        (["1.234,5", "999,25", "1.000.000,0"], [1234.5, 999.25, 1e6]),
        (["1 234,5", "999,0", "12 345,0"], [1234.5, 999, 12345]),
        (["1'234.50", "999.00", "12'345.00"], [1234.5, 999, 12345]),
        (["1,234.5", "1.0", "12,345.0"], [1234.5, 1, 12345]),
        (["1,234", "999", "12,345,678"], [1234, 999, 12345678]),
        (["\u22121,5", "2,5", "3,5"], [-1.5, 2.5, 3.5]),
        (["1.5", "2.5", "-3.5e2"], [1.5, 2.5, -350]),
    ],
)
def test_numbers_of_other_lands_are_read_and_told(cells, numbers, tmp_path):
    more = [str(n) for n in range(40)]
    content = "a;b\n" + "".join(f"{a};{b}\n" for a, b in zip(cells * 4, more, strict=False))
    dataset, told = table(tmp_path, content, columns={"a": "number"})
    assert back(dataset)["a"].tolist()[:3] == pytest.approx(numbers, rel=1e-6)
    strange = any(mark in "".join(cells) for mark in ",' ")
    assert ("(data.decimal)" in told) is strange


def test_the_mark_of_decimals_is_that_of_the_file(tmp_path):
    doubtful = [f"{n},{n * 7 % 900 + 100}" for n in range(1, 13)]
    sure = [f"{n},5" for n in range(12)]
    for other, whole in ((sure, False), ([f"{n}.5" for n in range(12)], True)):
        content = "a;b\n" + "".join(f"{a};{b}\n" for a, b in zip(doubtful, other, strict=True))
        dataset, _ = table(tmp_path, content)
        first = back(dataset)["a"][0]
        assert first == pytest.approx(1107 if whole else 1.107)


TRAINED = "colour,size,gain,when\n" + "".join(
    f"{'red' if n % 3 else 'blue'},{n / 7 if n % 5 else ''},{n if n % 4 == 1 else 0},"
    f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}\n"
    for n in range(100)
)


def test_another_table_is_read_in_the_columns_of_a_model(tmp_path):
    model, _ = table(tmp_path, TRAINED)
    path = str(tmp_path / "t.csv")
    assert torch.equal(find_dataset(path, model.spec).samples, model.samples)
    some = TRAINED.splitlines()
    (tmp_path / "t.csv").write_text("\n".join([some[0], *some[10:60], ""]))
    again = find_dataset(path, model.spec)
    assert again.details == model.details
    pd.testing.assert_frame_equal(back(again), back(model)[9:59].reset_index(drop=True))
    more = ["green,1,0,2024-01-01", "red,1,0,noon", "red,99,0,2024-01-01", "red,x,0,2024-01-01"]
    (tmp_path / "t.csv").write_text("\n".join([*some, *more, ""]))
    with pytest.warns(GanzooWarning) as told:
        again = find_dataset(path, model.spec)
    assert len(again) == 101
    assert back(again)["size"].max() == pytest.approx(99 / 7)
    text = str(told[0].message)
    assert "3 rows left out, which the model's table does not know: 'green' in column" in text
    assert "clipped to the model's smallest or largest: 1 in column 'size'" in text
    (tmp_path / "t.csv").write_text("colour,size\nred,1\n")
    with pytest.raises(GanzooError, match="other columns: 'gain', 'when' are not here"):
        find_dataset(path, model.spec)


def test_a_model_is_evaluated_on_rows_that_it_did_not_see(tmp_path):
    (tmp_path / "t.csv").write_text(TRAINED)
    settings = {"width": 8, "latent_size": 8, "training.batch_size": 10}
    run = package.train(
        "ctgan", tmp_path / "t.csv", steps=2, settings=settings, out=tmp_path / "run"
    )
    lines = TRAINED.splitlines()
    (tmp_path / "new.csv").write_text("\n".join([lines[0], *lines[1:70:2], ""]))
    made = package.evaluate(run, data=tmp_path / "new.csv", samples=20)
    assert made


@pytest.mark.parametrize(("rows", "batch"), [(50, 50), (59, 50), (10, 10)])
def test_the_usual_batch_fits_the_table(rows, batch, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n" + lines([n / 7 for n in range(rows)], range(rows)))
    told = call("train", "ctgan", "--data", tmp_path / "t.csv", "--steps", 1, "--set", "width=8",
                "--out", tmp_path / "run")  # fmt: skip
    assert told.exit_code == 0, told.output
    assert f"batches of {batch}: the data set 't' has {rows} samples" in told.stderr
    run = package.Run.open(tmp_path / "run")
    assert run.config.training.batch_size == batch


def test_a_table_that_is_less_than_a_pack_or_what_is_asked_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(GanzooError, match="'t' has only 1 samples, and packs of 10 are judged"):
        package.train("ctgan", tmp_path / "t.csv", steps=1, out=tmp_path / "run")
    (tmp_path / "t.csv").write_text("a,b\n" + lines([n / 7 for n in range(50)], range(50)))
    with pytest.raises(GanzooError, match="batch_size=60: the data set 't' has only 50 samples"):
        package.train("ctgan", tmp_path / "t.csv", steps=1, batch_size=60, out=tmp_path / "run")


TABLES = sorted(
    [
        *(Path(vega_datasets.__file__).parent / "_data").glob("*.csv"),
        *(Path(palmerpenguins.__file__).parent / "data").glob("*.csv"),
        *(Path(vega_datasets.__file__).parent / "_data").glob("[bc]a*.json"),
    ]
)
USUAL = {"penguins.csv", "stocks.csv", "iowa-electricity.csv"}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.name, marks=() if path.name in USUAL else pytest.mark.slow)
        for path in TABLES
    ],
)
def test_what_a_trained_model_writes_reads_back_as_the_real_table(path, tmp_path):
    if path.suffix == ".json":
        pd.read_json(path).to_csv(tmp_path / "t.csv", index=False)
        path = tmp_path / "t.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GanzooWarning)  # told of names that are left out
        dataset = find_dataset(str(path))
    settings = {"width": 16, "latent_size": 8, "training.batch_size": 10}
    run = package.train("ctgan", dataset, steps=2, settings=settings, out=tmp_path / "run")
    told = call("sample", run.path, "-n", 400, "-o", tmp_path / "x.csv")
    assert told.exit_code == 0, told.output
    how: dict[str, Any] = {"dtype_backend": "numpy_nullable"}  # whatever gaps a sample has
    real, made = (pd.read_csv(file, **how) for file in (path, tmp_path / "x.csv"))
    assert len(TABLES) >= 12
    assert len(made) == 400
    for name, column in columns(dataset).items():
        given, written = real[name].dropna(), made[name].dropna()
        if len(written):
            assert written.dtype == given.dtype, name
        if column["type"] == "category":
            assert set(written) <= set(given), name
        elif column["type"] == "number":
            assert written.between(given.min(), given.max()).all(), name
            if (given % 1 == 0).all():
                assert (written % 1 == 0).all(), name
        else:
            form = column["format"].replace("%-", "%")
            first, last = (pd.to_datetime(part, format=form) for part in (given, written))
            assert last.between(first.min(), first.max()).all(), name
        assert made[name].isna().any() <= real[name].isna().any(), name
