"""Labels as people have them: folders, splits, shards, tables, files of IDX, arrays."""

from __future__ import annotations

import json
import os
import shutil
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.sources.find import absolute, find_dataset, is_there
from ganzoo.sources.given import from_tensor


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), sum(name.encode()) % 256).save(root / name)


def look(source: str | Path, *told: str) -> Dataset:
    """The data set; each warning must have one of `told` in it, and each of these must be told."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = find_dataset(str(source))
    texts = [str(warning.message) for warning in caught]
    assert all(any(part in text for part in told) for text in texts), texts
    assert all(any(part in text for text in texts) for part in told), texts
    return dataset


def named(dataset: Dataset) -> list[str]:
    """The class of each sample."""
    return [dataset.classes[label] for label in dataset.labels.tolist()]


@pytest.mark.parametrize(
    ("splits", "chosen", "count"),
    [
        (("Train", "Validation", "Test"), "validation", 4),
        (("seg_train/seg_train", "seg_test/seg_test"), "train", 4),
        (("training_set", "test_set"), "test_set", 4),
        (("train2017", "val2017"), "valid", 4),
        (("top/train", "top/dev"), "train", 4),
    ],
)
def test_splits_are_no_classes(splits, chosen, count, tmp_path):
    for split in splits:
        put(tmp_path, *(f"{split}/{name}/{i}.png" for name in ("cat", "dog") for i in range(2)))
    whole = look(tmp_path, "are taken as splits, not as classes, and all are read")
    assert (whole.classes, len(whole)) == (("cat", "dog"), 4 * len(splits))
    part = look(f"{tmp_path}:{chosen}")
    assert (part.classes, len(part)) == (("cat", "dog"), count)
    assert absolute(f"{tmp_path}:{chosen}") == f"{tmp_path}:{chosen}"
    assert is_there(f"{tmp_path}:{chosen}")
    with pytest.raises(GanzooError, match="which folder is meant"):
        find_dataset(f"{tmp_path}:holdout")


def test_splits_without_classes_and_classes_called_like_splits(tmp_path):
    put(tmp_path / "flat", "train/1.png", "test/2.png", "test/3.png")
    assert look(tmp_path / "flat", "as splits").labels is None
    put(tmp_path / "cars", *(f"{name}/1.png" for name in ("bus", "train", "tram")))
    assert look(tmp_path / "cars").classes == ("bus", "train", "tram")
    put(tmp_path / "domains", *(f"{name}/1.png" for name in ("trainA", "trainB", "testA")))
    assert len(look(tmp_path / "domains", "are taken as classes").classes) == 3
    put(tmp_path / "trains", "steam_train/1.png", "bullet_train/1.png")
    assert look(tmp_path / "trains").classes == ("bullet_train", "steam_train")


def test_classes_are_in_natural_order(tmp_path):
    put(tmp_path / "a", *(f"{number}/x.png" for number in (10, 9, 2, 1)))
    assert look(tmp_path / "a").classes == ("1", "2", "9", "10")
    put(tmp_path / "b", *(f"class{number}/x.png" for number in (10, 9, 100)))
    assert look(tmp_path / "b").classes == ("class9", "class10", "class100")
    put(tmp_path / "c", *(f"{name}/x.png" for name in ("b", "10", "a", "9")))
    assert look(tmp_path / "c").classes == ("9", "10", "a", "b")


def test_a_model_s_own_order_of_classes_is_kept(tmp_path):
    put(tmp_path, "1/x.png", "2/x.png", "10/x.png")
    spec = ganzoo.SampleSpec("image", (1, 8, 8), classes=("1", "10", "11", "2"))
    dataset = find_dataset(str(tmp_path), spec)
    assert dataset.classes == spec.classes
    assert named(dataset) == ["1", "10", "2"]


@pytest.mark.parametrize("strays", [1, 2, 9])
def test_images_beside_the_folders_of_classes_are_named(strays, tmp_path):
    put(tmp_path, *(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(10)))
    put(tmp_path, *(f"stray{i}.png" for i in range(strays)))
    if strays == 9:
        dataset = look(tmp_path, "without labels: 9 of 29 images lie beside the folders cat, dog")
        assert dataset.labels is None and len(dataset) == 29
    else:
        dataset = look(tmp_path, "left out, since it lies beside the folders cat, dog")
        assert named(dataset) == ["cat"] * 10 + ["dog"] * 10


@pytest.mark.parametrize("name", [b"d\xe9g", b"\xff\xfe", b"caf\xe9 2"])
def test_names_that_are_not_utf8_are_read_as_latin1(name, tmp_path):
    put(tmp_path, "cat/1.png")
    (tmp_path / os.fsdecode(name)).mkdir()
    shutil.copy(tmp_path / "cat/1.png", os.fsencode(tmp_path) + b"/" + name + b"/1.png")
    dataset = look(tmp_path, "not UTF-8 and are read as Latin-1")
    assert name.decode("latin-1") in dataset.classes
    with pytest.raises(GanzooError, match="not UTF-8"):
        absolute(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))


def test_zips_with_backslashes_and_names_in_utf8_that_is_not_said(tmp_path):
    put(tmp_path, "x.png")
    content = (tmp_path / "x.png").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in (r"top\cat\1.png", r"top\dog\1.png", "./top/owl/1.png"):
            archive.writestr(name, content)
    assert look(tmp_path / "a.zip").classes == ("cat", "dog", "owl")
    raw = bytearray()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name in ("käse/1.png", "brot/1.png"):
            archive.writestr(name, content)
    raw = bytearray((tmp_path / "b.zip").read_bytes())
    for place in range(len(raw)):  # take the flag away
        if raw[place : place + 4] == b"PK\x01\x02":
            raw[place + 9] &= ~8
        elif raw[place : place + 4] == b"PK\x03\x04":
            raw[place + 7] &= ~8
    (tmp_path / "b.zip").write_bytes(raw)
    assert look(tmp_path / "b.zip").classes == ("brot", "käse")


def test_shards_are_no_classes(tmp_path):
    put(tmp_path / "gan", "00000/img00000007.png", "00001/img00001003.png")
    assert look(tmp_path / "gan", "parts of a thousand files").labels is None
    put(tmp_path / "ffhq", "00000/00999.png", "01000/01000.png", "69000/69999.png")
    assert look(tmp_path / "ffhq", "parts of a thousand files").labels is None
    put(tmp_path / "signs", "00000/00000_00001.png", "00042/00000_00001.png")
    assert look(tmp_path / "signs").classes == ("00000", "00042")


def lines(row: str) -> str:
    """A row for each of NAMES, in which N, S, I and P are its name, its stem, its number and an
    alternating letter."""
    return "".join(
        row.replace("N", name)
        .replace("S", name[6:-4])
        .replace("I", str(i))
        .replace("P", "pq"[i % 2])
        + "\n"
        for i, name in enumerate(NAMES)
    )


NAMES = [f"{number:05}/img{number:08}.png" for number in range(12)]


@pytest.mark.parametrize(
    ("file", "content", "classes"),
    [
        ("dataset.json", json.dumps({"labels": [[n, i % 3] for i, n in enumerate(NAMES)]}), "012"),
        ("dataset.json", json.dumps({"labels": {n: i % 2 + 5 for i, n in enumerate(NAMES)}}), "56"),
        ("labels.csv", "id;breed\n" + lines("S;P"), "pq"),
        ("metadata.csv", "file_name,text,label\n" + lines("N,caption I,P"), "pq"),
        ("metadata.jsonl", lines('{"file_name": "N", "label": "P"}'), "pq"),
        ("train.tsv", lines("S.png\tP"), "pq"),
    ],
)
def test_a_table_beside_the_images_has_their_labels(file, content, classes, tmp_path):
    put(tmp_path, *NAMES)
    (tmp_path / file).write_text(content)
    dataset = look(tmp_path, f"labels are read from {file}")
    assert dataset.classes == tuple(classes)
    expected = [classes[number % len(classes)] for number in range(12)]
    assert named(dataset) == expected


def test_a_table_is_of_the_images_in_its_own_folder(tmp_path):
    for split, classes in (("train", "xy"), ("test", "yx")):
        put(tmp_path, *(f"{split}/{i}.png" for i in range(4)))
        rows = "".join(f"{i}.png,{classes[i % 2]}\n" for i in range(4))
        (tmp_path / split / "metadata.csv").write_text(f"file_name,label\n{rows}")
    whole = look(tmp_path, "as splits", "read from test/metadata.csv, column 'label' and train/")
    assert named(whole) == ["y", "x"] * 2 + ["x", "y"] * 2
    for split, first in (("train", "x"), ("test", "y")):
        part = look(f"{tmp_path}:{split}", f"labels are read from {split}/metadata.csv")
        assert named(part)[0] == first
    (tmp_path / "train" / "metadata.csv").unlink()
    assert look(f"{tmp_path}:train").labels is None


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("dataset.json", json.dumps({"labels": [[n, [0, 1]] for n in NAMES]}), "several labels"),
        ("dataset.json", json.dumps({"labels": None}), "has no labels"),
        ("dataset.json", json.dumps({"labels": 5}), "its labels are 5, not pairs"),
        ("dataset.json", json.dumps({"labels": [3]}), "pairs of a file and a number, not 3"),
        ("dataset.json", "{", "Expecting"),
        ("a.csv", "file,Smiling,Male\n" + lines("N,1,-1"), "of attributes (Smiling, Male"),
        ("a.csv", "file,tags\n" + lines("N,a|b"), "several labels a sample"),
        ("a.csv", "file,label\n" + lines("N,0.5"), "0.5, a number that is not whole"),
        ("a.csv", "file,text\n" + lines("N,caption I"), "every image has another 'text'"),
        ("a.csv", "file,sharp,blur\n" + lines("N,0.I,3"), "which column is the label"),
        ("a.csv", "file,label\n" + lines("N,x")[:110], "none for 8 of 12 images"),
    ],
)
def test_a_table_of_no_use_is_told(file, content, why, tmp_path):
    put(tmp_path, *NAMES)
    (tmp_path / file).write_text(content)
    with pytest.warns(GanzooWarning) as told:
        find_dataset(str(tmp_path))
    assert any(why in str(warning.message) for warning in told), [str(w.message) for w in told]


def test_what_was_left_out_is_counted_by_its_end(tmp_path):
    put(tmp_path, "1.png", "2.png")
    for name in ("a.heic", "b.heic", "notes.txt", ".hidden", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    assert len(look(tmp_path, "left out, since they do not end as images do: 2 .heic, 1 .txt")) == 2
    shutil.copy(tmp_path / "1.png", tmp_path / "only.jfif")
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").unlink()
    assert len(look(tmp_path, "left out")) == 1
    (tmp_path / "only.jfif").unlink()
    with pytest.raises(GanzooError, match=r"neither text nor another kind.* 2 \.heic, .*1 \.txt"):
        find_dataset(str(tmp_path / "."))
    (tmp_path / "notes.txt").unlink()
    with pytest.raises(GanzooError, match=r"no images in it.*2 \.heic"):
        find_dataset(str(tmp_path / "."))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("T10K-images-idx3-ubyte", "t10k-labels.idx1-ubyte"),
        ("emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"),
    ],
)
def test_labels_of_idx_files_whatever_the_dots(images, labels, tmp_path):
    (tmp_path / images).write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 6, 4, 4) + bytes(96))
    (tmp_path / labels).write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 6) + bytes([1, 2, 3] * 2))
    dataset = look(tmp_path / images, "there are labels 1, 2, 3 only")
    assert named(dataset) == ["1", "2", "3"] * 2


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 2, 3, 1], "1231"),
        ([0, 5, 9, 5], "0595"),
        (np.array([7.0, 8.0, 7.0, 7.0]), "7877"),
    ],
)
def test_labels_with_gaps_are_mapped_and_told(labels, expected):
    with pytest.warns(GanzooWarning, match="are the classes, called by their numbers"):
        dataset = from_tensor(torch.zeros(4, 8, 8, dtype=torch.uint8), labels)
    assert named(dataset) == list(expected)


@pytest.mark.parametrize("labels", [["b", "a", "b", "c"], np.array([b"b", b"a", b"b", b"c"])])
def test_labels_that_are_texts_are_classes(labels, tmp_path):
    dataset = from_tensor(torch.zeros(4, 8, 8, dtype=torch.uint8), labels)
    assert named(dataset) == ["b", "a", "b", "c"]
    np.savez(tmp_path / "x.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array(labels))
    assert named(look(tmp_path / "x.npz")) == ["b", "a", "b", "c"]


def test_rows_with_a_single_1_are_classes_and_others_are_refused():
    images = torch.zeros(3, 8, 8, dtype=torch.uint8)
    with pytest.warns(GanzooWarning, match="a single 1 in each row"):
        assert from_tensor(images, torch.eye(3)).labels.tolist() == [0, 1, 2]
    for labels in (torch.ones(3, 4), torch.tensor([[0, 1], [1, 1], [0, 0]]), torch.rand(3, 2)):
        with pytest.raises(GanzooError, match=r"labels of shape.*several labels a sample"):
            from_tensor(images, labels)


def test_items_with_several_labels_are_told_and_texts_are_classes():
    picture = Image.new("L", (8, 8))
    for several in ([1, 2], torch.zeros(40), 0.5):
        rows = [{"image": picture, "label": several}] * 3
        with pytest.warns(GanzooWarning, match="which is not a single class"):
            assert ganzoo.from_dataset(rows).labels is None
    rows = [{"image": picture, "label": name} for name in ("z", "a", "z")]
    assert named(ganzoo.from_dataset(rows)) == ["z", "a", "z"]


def test_a_name_says_which_of_two_it_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ring", "grid"):
        put(tmp_path / name, "1.png")
        assert look(name, f"./{name} is what lies here").kind == "points"
        assert look(f"./{name}").kind == "image"
    (tmp_path / "a:b").mkdir()
    put(tmp_path / "a:b", "1.png")
    assert len(look("a:b")) == 1
    with pytest.raises(GanzooError, match="has no splits"):
        np.savez(tmp_path / "x.npz", images=np.zeros((4, 8, 8), np.uint8))
        find_dataset(f"{tmp_path / 'x.npz'}:train")
