"""Data that nobody packaged: map-style data sets, lazy samples, inputs beside samples."""

from __future__ import annotations

import hashlib
import types

import numpy as np
import pytest
import torch
from conftest import SMALL
from PIL import Image
from torch.utils import data as torch_data

import ganzoo
from ganzoo.data.batches import Batch, Batches
from ganzoo.data.reading import read_all
from ganzoo.errors import GanzooError, GanzooWarning
from ganzoo.kinds.image.fit import fit_images


class Waves:
    """Lazy float samples of both signs."""

    dtype = torch.float32
    shape = (6,)

    def __init__(self, count: int = 64) -> None:
        self.values = torch.linspace(-1, 1, count * 6).view(count, 6)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.values[index].clone()

    def name(self, index: int) -> str:
        return f"wave {index}"

    def fingerprint(self) -> str:
        return hashlib.sha256(self.values.numpy().tobytes()).hexdigest()


class Pictures(torch_data.Dataset):
    """Pictures of several sizes, some in colour, with classes, as ImageFolder gives them."""

    classes = ("dark", "light")

    def __init__(self, count: int = 20) -> None:
        self.targets = [index % 2 for index in range(count)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        light = 200 if self.targets[index] else 50
        return Image.new("RGB", (20 + index, 24), (light, light, light)), self.targets[index]


class Column(list):
    pass


class Rows:
    """Rows as a data set of Hugging Face gives them."""

    def __init__(self, **columns) -> None:
        self.columns = columns
        label = types.SimpleNamespace(names=["zero", "one", "two"])
        self.features = {name: label if name == "label" else None for name in columns}
        self._fingerprint = "abc"

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key):
        if isinstance(key, str):
            return Column(self.columns[key])
        return {name: column[key] for name, column in self.columns.items()}


def batches(dataset: ganzoo.Dataset, size: int = 8, **options) -> Batches:
    rng = torch.Generator().manual_seed(1)
    return Batches(dataset, size, 5, rng, torch.device("cpu"), **options)


def take(source: Batches, start: int, count: int) -> list[Batch]:
    iterator = source.start(start)
    return [next(iterator) for _ in range(count)]


def test_lazy_floats_are_the_same_in_memory_and_streamed():
    lazy = ganzoo.Dataset("waves", Waves(), kind="array")
    whole = read_all(lazy)
    assert whole.samples.dtype == torch.float32
    assert torch.equal(whole.samples, Waves().values)
    streamed, resident = (take(batches(data), 0, 4) for data in (lazy, whole))
    for one, other in zip(streamed, resident, strict=True):
        assert torch.equal(one.real, other.real)


@pytest.mark.parametrize("in_memory", ["yes", "no"])
def test_training_on_lazy_floats_sees_their_values(in_memory, tmp_path):
    settings = SMALL["vanilla"] | {"training.batch_size": 8, "data.in_memory": in_memory}
    data = ganzoo.Dataset("waves", Waves(), kind="array")
    run = ganzoo.train("vanilla", data=data, steps=3, out=tmp_path / "run", settings=settings)
    other = ganzoo.train(
        "vanilla", data=Waves().values, steps=3, out=tmp_path / "b", settings=settings
    )
    weights = [(r.model_path / "model.safetensors").read_bytes() for r in (run, other)]
    assert weights[0] == weights[1]


def test_a_lazy_sample_that_is_not_finite_is_named_and_skipped():
    waves = Waves()
    waves.values[3, 2] = torch.nan
    with pytest.warns(GanzooWarning, match=r"1 of 64 .*wave 3 \(.*not finite"):
        assert len(read_all(ganzoo.Dataset("waves", waves, kind="array"))) == 63


def test_lazy_samples_of_another_type_than_they_say_are_refused():
    waves = Waves()
    waves.values = waves.values.double()
    with pytest.raises(GanzooError, match=r"wave 0 is read as torch.float64"):
        read_all(ganzoo.Dataset("waves", waves, kind="array"))


def test_pictures_of_a_map_style_data_set():
    dataset = ganzoo.from_dataset(Pictures())
    assert (dataset.name, dataset.kind, dataset.classes) == ("pictures", "image", Pictures.classes)
    assert dataset.labels.tolist() == Pictures().targets
    assert not isinstance(dataset.samples, torch.Tensor)
    whole = read_all(fit_images(dataset, 16, 1))
    assert whole.samples.shape == (20, 1, 16, 16)
    assert whole.samples[:2].flatten(1).float().mean(1).tolist() == [50, 200]


def test_train_takes_a_map_style_data_set_as_it_is(tmp_path):
    settings = SMALL["dcgan"] | {"training.batch_size": 8, "data.fit": "crop"}
    run = ganzoo.train("dcgan", data=Pictures(), steps=2, out=tmp_path / "run", settings=settings)
    assert run.finished
    streamed = settings | {"data.in_memory": "no"}
    again = ganzoo.train("dcgan", data=Pictures(), steps=2, out=tmp_path / "b", settings=streamed)
    files = [r.model_path / "model.safetensors" for r in (run, again)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_rows_of_dicts_name_their_columns():
    images = [np.full((9, 9, 3), level, np.uint8) for level in (0, 128, 255)]
    dataset = ganzoo.from_dataset(Rows(image=images, label=[2, 0, 1]))
    assert dataset.spec.shape == (3, 9, 9)
    assert dataset.classes == ("zero", "one", "two")
    assert dataset.labels.tolist() == [2, 0, 1]
    named = ganzoo.from_dataset(
        Rows(scan=images, report=["a", "b", "c"], side=["left", "right", "left"]),
        sample="scan",
        label="side",
    )
    assert (named.classes, named.labels.tolist()) == (("left", "right"), [0, 1, 0])
    with pytest.raises(GanzooError, match=r"'scan', 'report'.*sample=KEY"):
        ganzoo.from_dataset(Rows(scan=images, report=["a", "b", "c"]))


def test_pairs_of_a_map_style_data_set():
    dark, light = ([np.full((8, 8), level, np.uint8)] * 4 for level in (10, 240))
    dataset = ganzoo.from_dataset(Rows(night=dark, day=light), sample="day", inputs="night")
    assert dataset.input_spec.shape == (1, 8, 8)
    batch = take(batches(dataset, 4, workers=0), 0, 1)[0]
    assert batch.inputs.max() < 0 < batch.real.min()


def test_floats_from_0_to_1_are_brought_to_minus_1_to_1_which_is_said():
    values = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with pytest.warns(GanzooWarning, match="from 0 to 1"):
        dataset = ganzoo.from_dataset(torch_data.TensorDataset(values, torch.arange(12) % 3))
    assert torch.equal(read_all(dataset).samples, values * 2 - 1)
    assert dataset.classes == ("0", "1", "2")


def test_points_and_arrays_of_a_map_style_data_set():
    points = ganzoo.from_dataset([torch.tensor([3.0, index]) for index in range(5)])
    assert (points.kind, points.low) == ("points", None)
    arrays = ganzoo.from_dataset([torch.full((7,), index / 4) for index in range(5)])
    assert (arrays.kind, arrays.low, len(arrays)) == ("array", -1.0, 5)


def test_a_subset_has_its_own_labels():
    subset = torch_data.Subset(Pictures(), [1, 3, 4])
    dataset = ganzoo.from_dataset(subset, name="few")
    assert (dataset.name, dataset.labels.tolist()) == ("few", [1, 1, 0])
    assert dataset.classes == Pictures.classes


class Endless(torch_data.IterableDataset):
    def __iter__(self):
        yield torch.zeros(3)


class Broken:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> object:
        raise RuntimeError("no such shard")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Endless(), "can only be iterated"),
        ((number for number in range(3)), "can only be iterated"),
        ([], "is empty"),
        (["a.png", "b.png"], "item 0 has a sample of type str"),
        ([torch.zeros(3), "b"], "item 1 has a sample of type str"),
        (Broken(), "item 0: RuntimeError: no such shard"),
        (np.array(["a", "b"]), "an array of <U1"),
        (17, "data of type int"),
    ],
)
def test_what_is_no_data(data, message, tmp_path):
    with pytest.raises(GanzooError, match=message):
        ganzoo.train("vanilla", data=data, steps=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def pairs(paired: bool = True, count: int = 40) -> ganzoo.Dataset:
    images = torch.arange(40, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, 1, 4, 4)
    images[..., 0] += 80
    inputs = images[:count] * 2
    spec = ganzoo.SampleSpec("image", (1, 4, 4))
    return ganzoo.Dataset("pairs", images, inputs=inputs, input_spec=spec, paired=paired)


def levels(samples: torch.Tensor) -> torch.Tensor:
    return ((samples + 1) * 127.5).round()


def test_pairs_stay_together_and_are_mirrored_together():
    flip = {"mirror": lambda s: s.flip(-1), "mirror_inputs": lambda s: s.flip(-1)}
    mirrored = 0
    for batch in take(batches(pairs(), **flip), 0, 10):
        real, inputs = levels(batch.real), levels(batch.inputs)
        assert torch.equal(inputs, real * 2)
        mirrored += int((real[:, 0, 0, -1] > real[:, 0, 0, 0]).sum())
    assert 20 < mirrored < 60
    assert pairs().spec.inputs == ganzoo.SampleSpec("image", (1, 4, 4))


@pytest.mark.parametrize("paired", [True, False])
def test_inputs_resume_and_are_shared_by_processes(paired):
    data = pairs(paired)
    whole = take(batches(data), 0, 12)
    later = take(batches(data), 7, 5)
    halves = [take(batches(data, rank=rank, world=2), 0, 12) for rank in (0, 1)]
    for number, batch in enumerate(whole):
        if number >= 7:
            assert torch.equal(batch.inputs, later[number - 7].inputs)
        both = torch.cat([half[number].inputs for half in halves])
        assert torch.equal(batch.inputs, both)
    same = all(torch.equal(levels(b.inputs), levels(b.real) * 2) for b in whole)
    assert same == paired


def test_unpaired_inputs_have_their_own_number_and_all_are_used():
    drawn = torch.cat([b.inputs for b in take(batches(pairs(False, count=5)), 0, 5)])
    numbers, counts = levels(drawn)[:, 0, 0, 1].unique(return_counts=True)
    assert numbers.tolist() == [0, 2, 4, 6, 8]
    assert counts.tolist() == [8] * 5


def test_inputs_change_no_order_of_samples():
    plain = ganzoo.Dataset("pairs", pairs().samples)
    alone, beside = (take(batches(data), 0, 9) for data in (plain, pairs(False)))
    for one, other in zip(alone, beside, strict=True):
        assert torch.equal(one.real, other.real)
        assert one.inputs is None


def test_pairs_of_which_a_half_is_broken_are_skipped_whole():
    waves = Waves(40)
    waves.values[7] = torch.inf
    spec = ganzoo.SampleSpec("array", (6,))
    data = ganzoo.Dataset("pairs", pairs().samples, inputs=waves, input_spec=spec)
    with pytest.warns(GanzooWarning, match="wave 7"):
        whole = read_all(data)
    assert len(whole) == len(whole.inputs) == 39
    with pytest.warns(GanzooWarning, match="wave 7"):
        streamed = take(batches(data, workers=2), 0, 5)
    for batch in streamed:
        row = levels(batch.real)[:, 0, 0, 1].long()
        assert torch.equal(batch.inputs, Waves(40).values[row])


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (torch.tensor([[0.0, torch.nan]] * 3), {}, "not finite.*in 3 of its 3 samples"),
        (torch.full((4, 6), 100.0), {}, "values from 100 to 100, and its range is -1 to 1"),
        (torch.zeros(4, 6, dtype=torch.int32), {}, "samples of type torch.int32"),
        (torch.zeros(4), {}, "at least"),
        (torch.tensor(1.0), {}, "at least"),
        (torch.zeros(0, 6), {}, "is empty"),
        ([[1.0]], {}, "samples of type list"),
        (torch.zeros(4, 6), {"labels": torch.zeros(4)}, "labels must be"),
        (torch.zeros(4, 6), {"inputs": torch.zeros(4, 2)}, "belong together"),
        (
            torch.zeros(4, 6),
            {"inputs": torch.zeros(3, 2), "input_spec": ganzoo.SampleSpec("array", (2,))},
            "cannot be pairs",
        ),
        (
            torch.zeros(4, 6),
            {"inputs": torch.zeros(4, 2), "input_spec": ganzoo.SampleSpec("array", (3,))},
            "input_spec says",
        ),
    ],
)
def test_a_data_set_that_is_not_what_it_says_is_refused(samples, options, message):
    with pytest.raises(GanzooError, match=message):
        ganzoo.Dataset("mine", samples, kind="array", **options)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.full((8, 8, 8), torch.nan), "not finite"),
        (torch.zeros(8), "at least two dimensions"),
        (torch.tensor(3.0), "is empty"),
        (torch.zeros(8, 4, 9, 9, dtype=torch.uint8), "1 or 3 channels"),
        (torch.randint(0, 256, (8, 3, 9, 9)).float(), r"samples.to\(torch.uint8\)"),
        (torch.zeros(8, 9, 9, dtype=torch.int64), "not torch.int64"),
        (torch.zeros(8, 9, 9).to_sparse(), "to_dense"),
        (torch.zeros(8, 9, 9, device="meta"), "has no values"),
    ],
)
def test_a_tensor_that_is_no_data(tensor, message, tmp_path):
    with pytest.raises(GanzooError, match=message):
        ganzoo.train("vanilla", data=tensor, steps=1, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([None] * 8, "whole numbers from 0.*not None"),
        (torch.full((8,), 0.5), "whole numbers from 0, not 0.5"),
        (torch.full((8,), -1), "whole numbers from 0, not -1"),
        (torch.full((8,), torch.nan), "whole numbers from 0, not nan"),
        (torch.zeros(3, dtype=torch.int64), r"8 samples but labels of shape \(3,\)"),
        (torch.zeros(8, 2), r"labels of shape \(8, 2\).*several labels"),
    ],
)
def test_labels_of_a_tensor_that_are_none(labels, message, tmp_path):
    with pytest.raises(GanzooError, match=message):
        data = torch.zeros(8, 9, 9, dtype=torch.uint8)
        ganzoo.train("vanilla", data, labels=labels, steps=1, out=tmp_path / "run")


def test_labels_beside_data_that_has_its_own_are_refused(tmp_path):
    labels = torch.zeros(8, dtype=torch.int64)
    for data in ("ring", ganzoo.Dataset("mine", torch.zeros(8, 6), kind="array"), Pictures()):
        with pytest.raises(GanzooError, match="labels= go with a tensor"):
            ganzoo.train("vanilla", data, labels=labels, steps=1, out=tmp_path / "run")
    with pytest.raises(GanzooError, match="a label -1; classes are numbered from 0"):
        ganzoo.Dataset("mine", torch.zeros(8, 6), labels - 1, kind="array")


@pytest.mark.parametrize("shape", [(6, 9, 9), (6, 1, 9, 9), (6, 3, 9, 9), (6, 9, 9, 3)])
def test_floats_of_the_layouts_of_images_are_images(shape):
    from ganzoo.sources.given import from_tensor

    values = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    dataset = from_tensor(values)
    assert dataset.kind == "image"
    assert dataset.spec.shape == ((3, 9, 9) if 3 in shape else (1, 9, 9))
    if shape[-1] == 3:
        assert torch.equal(dataset.samples, values.permute(0, 3, 1, 2))


def test_a_data_set_that_is_no_image_is_refused_in_words(tmp_path):
    data = ganzoo.Dataset("mine", torch.zeros(8, 16, 16, 3))
    with pytest.raises(GanzooError, match=r"'mine' is of kind image: .*\(16, 16, 3\)"):
        ganzoo.train("dcgan", data=data, steps=1, out=tmp_path / "run")


def test_levels_with_another_range_are_refused():
    levels = torch.zeros(4, 1, 4, 4, dtype=torch.uint8)
    with pytest.raises(GanzooError, match="stand for -1 to 1, not for 0"):
        ganzoo.Dataset("levels", levels, low=0.0, high=1.0)
    with pytest.raises(GanzooError, match="the inputs of data set 'levels': uint8 samples stand"):
        ganzoo.Dataset(
            "levels",
            levels,
            inputs=levels,
            input_spec=ganzoo.SampleSpec("image", (1, 4, 4), 0.0, 1.0),
        )
