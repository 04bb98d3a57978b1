"""Text: how files are taken apart, what lines are written, what is said of what does not fit, and
the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import FEW, call

import ganzoo
from ganzoo import Dataset, GanzooError, GanzooWarning, plugins
from ganzoo.sources.find import find_dataset
from ganzoo.sources.options import make_data

SMALL = {"width": 8, "code_size": 8, "hidden": 16, "training.batch_size": 8}
LINES = [
    f"the {one} {does} the {two} ."
    for one in ("cat", "dog", "owl", "fox", "bee")
    for does in ("sees", "hears", "loves", "knows")
    for two in ("cat", "dog", "owl", "fox")
]


def lines_of(dataset: Dataset) -> list[str]:
    kind = plugins.catalogue().find(ganzoo.KindEntry, "text").load()(dataset.spec)
    return kind.lines(torch.stack([dataset.samples[i] for i in range(len(dataset))]))


def read(path: Path, **options: object) -> Dataset:
    return find_dataset(make_data({"source": str(path), **options}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES))
    return path


def test_what_is_read_is_written_again(file: Path):
    dataset = read(file)
    assert dataset.spec.shape == (12, 12)
    assert lines_of(dataset) == [line.replace(" .", ".") for line in LINES]
    letters = read(file, unit="characters", length=40)
    assert lines_of(letters) == LINES
    assert letters.spec.shape[1] == 40


def test_prose_is_read_by_sentences(tmp_path: Path):
    path = tmp_path / "prose.txt"
    path.write_bytes(
        "A cat sat on\r\nthe mat. It \u201cslept\u201d there!\r\n\r\nThen it ran:\r\nfast (1.5 m) "
        "don\u2019t ask.".encode()
    )
    with pytest.warns(GanzooWarning, match="it is read as prose"):
        prose = read(path)
    wanted = ["A cat sat on the mat.", "Then it ran: fast (1.5 m) don\u2019t ask."]
    assert [lines_of(prose)[n] for n in (0, 2)] == wanted
    assert len(read(path, layout="lines")) == 4
    assert lines_of(read(path, layout="prose", lower=True))[0] == wanted[0].lower()


def test_a_folder_and_other_encodings(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").write_text("eins zwei", "utf-16")
    (tmp_path / "b" / "c.TXT").write_text("drei f\u00fcnf", "utf-8-sig")
    assert lines_of(read(tmp_path)) == ["eins zwei", "drei f\u00fcnf"]
    (tmp_path / "b" / "c.TXT").write_text("drei f\u00fcnf", "latin-1")
    assert lines_of(read(tmp_path / "b" / "c.TXT", encoding="latin-1")) == ["drei f\u00fcnf"]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"f\xfcnf", {}, r"not text in utf-8-sig \(byte 1\).*data.encoding=latin-1"),
        (b"abc", {"encoding": "klingon"}, "data.encoding=klingon: there is no such encoding"),
        (b" \n\n", {}, "only empty lines"),
        (b"a\0b", {}, "it is not text"),
        (
            b"a b c d",
            {"vocabulary": 3},
            r"no line of it is of the 3 words that are known \(--set data.vocabulary=N",
        ),
        (b"a b", {"length": 1}, "data.length"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, options, words: str, tmp_path: Path):
    path = tmp_path / "odd.txt"
    path.write_bytes(content)
    with pytest.raises(GanzooError, match=words):
        read(path, **options)


def test_what_is_left_out_or_cut_is_told(file: Path):
    with pytest.warns(
        GanzooWarning, match="48 of 80 lines are left out, since others than the 8 words"
    ):
        read(file, vocabulary=8)
    with pytest.warns(GanzooWarning, match="80 of 80 lines are longer than 3 words and are cut"):
        read(file, length=3)


def test_a_model_of_text(file: Path, tmp_path: Path):
    """Trained, sampled from, and measured against a file that has other words, too."""
    file.write_text("\n".join(LINES).upper())
    small = {**SMALL, "data.lower": True}
    run = ganzoo.train("arae", str(file), steps=4, settings=small, out=tmp_path / "run")
    made = tmp_path / "made.txt"
    done = call("sample", run.path, "-n", 5, "-o", made)
    assert done.exit_code == 0, done.output
    assert len(made.read_text().splitlines()) == 5
    other = tmp_path / "other.txt"
    other.write_text("\n".join([*LINES, "a platypus ."]))
    with pytest.warns(GanzooWarning, match="1 of 81 lines are left out"):
        done = call("evaluate", run.path, "--data", other, *FEW)
    assert done.exit_code == 0, done.output
    found = ganzoo.load(run).metrics
    of_lines, back = found["perplexity[trigrams]"], found["reverse_perplexity[trigrams]"]
    assert 1 < of_lines.floor < of_lines.ceiling
    assert 1 < back.floor < back.ceiling
    encoder = ganzoo.load(run).partners["encoder"]
    with torch.no_grad():
        assert encoder(torch.stack([read(file).samples[0]])).shape == (1, 8)


def test_perplexities_are_those_of_the_paper_and_pencil():
    from ganzoo_text.ngrams import NGrams

    model = NGrams([[1, 2], [1, 2], [1, 3]], 3)
    whole = sum(model.probability((-1, 1, token)) for token in (1, 2, 3, -2))
    assert whole == pytest.approx(1)
    assert model.perplexity([[1, 2]]) < model.perplexity([[1, 3]]) < model.perplexity([[3, 1]])
    assert NGrams([], 3).perplexity([[1, 2], [3]]) == pytest.approx(4)  # and the end: 4 tokens


@pytest.mark.parametrize("name", ["character-names", "python-manual"])
def test_what_python_brings(name: str):
    train, test = (find_dataset(f"{name}:{split}") for split in ("train", "test"))
    assert train.spec == test.spec
    assert len(train) > 3 * len(test) > 300
    assert not {*lines_of(train)} & {*lines_of(test)} or name == "python-manual"


@pytest.mark.slow
def test_lines_are_nearer_to_real_text_than_noise_is(tmp_path: Path):
    quiet = {"sample_every": 10**6, "checkpoint_every": 10**6, "precision": "fp32"}
    run = ganzoo.train("arae", "character-names", steps=1000, out=tmp_path / "run", **quiet)
    found = ganzoo.evaluate(run, "character-names:test", samples=2000)
    for name in ("perplexity[trigrams]", "reverse_perplexity[trigrams]"):
        assert found[name].value < 2.5 * found[name].floor, found[name]
        assert found[name].value < found[name].ceiling / 3, found[name]
