"""Tables whose rows are made for a condition: how real ones are drawn, what can be asked for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import call
from ganzoo_ctgan.columns import columns_of
from ganzoo_ctgan.conditions import Conditions

import ganzoo as package
from ganzoo import Dataset, GanzooError
from ganzoo.data.batches import Batches
from ganzoo.sources.find import find_dataset

EXACT: dict[str, Any] = {"precision": "fp32", "device": "cpu"}
SMALL = {"width": 16, "latent_size": 8, "training.batch_size": 40}


@pytest.fixture(scope="module")
def cars() -> Dataset:
    return find_dataset("auto-mpg")


@pytest.fixture(scope="module", params=["ctgan", "tvae"])
def made(request, tmp_path_factory, cars) -> package.Generator:
    out = tmp_path_factory.mktemp(request.param) / "run"
    run = package.train(request.param, cars, steps=6, settings=SMALL, out=out, **EXACT)
    package.load(run).save(out / "saved")
    return package.load(out / "saved")


def test_rare_values_are_drawn_by_the_logarithm_of_their_count(cars):
    conditions = Conditions(columns_of(cars.spec))
    assert [column.name for column in conditions.columns] == ["cylinders", "origin"]
    weights = conditions.weights(cars.samples).double()
    chance = weights / weights.sum()
    # The paper's own way: a category, each alike, then a value by the logarithm of its count.
    expected = torch.zeros(len(cars), dtype=torch.float64)
    for start, column in zip(conditions.starts(), conditions.columns, strict=True):
        logs = torch.tensor(column.counts).double().log1p()
        values = cars.samples[:, conditions.places[start : start + len(column.values)]].double()
        each = logs / logs.sum() / torch.tensor(column.counts)
        expected += values @ each / len(conditions.columns)
    assert torch.allclose(chance, expected, atol=1e-6)
    batches = Batches(cars, 100, 3, torch.Generator(), torch.device("cpu"), weights=weights)
    drawn = torch.cat([batches._order(epoch) for epoch in range(200)])
    seen = torch.bincount(drawn, minlength=len(cars)) / len(drawn)
    assert (seen - chance).abs().max() < 0.0015


def test_a_condition_is_a_value_that_its_row_has(cars):
    conditions = Conditions(columns_of(cars.spec))
    told = conditions.of_rows(cars.samples, torch.Generator().manual_seed(0))
    assert torch.equal(told.sum(1), torch.ones(len(cars)))
    values = cars.samples[:, conditions.places]
    assert torch.equal((told * values).sum(1), torch.ones(len(cars)))


def test_drawn_conditions_are_spread_as_the_data(cars):
    conditions = Conditions(columns_of(cars.spec))
    told = conditions.drawn(20_000, torch.Generator().manual_seed(0)).mean(0)
    shares = cars.samples[:, conditions.places].mean(0) / len(conditions.columns)
    assert (told - shares).abs().max() < 0.01
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    assert (conditions.at(noise).mean(0) - shares).abs().max() < 0.01


def test_a_row_has_the_condition_that_it_was_made_for(tmp_path, cars):
    run = package.train("ctgan", cars, steps=1, settings=SMALL, out=tmp_path / "run", **EXACT)
    generator = package.load(run)
    latents = generator.latents(200)
    told = generator.architecture.context(latents)["condition"]
    values = generator(latents)[:, generator.architecture.conditions.places]
    assert torch.allclose((values * told).sum(1), torch.ones(200))


def test_the_generator_learns_to_heed_its_condition(tmp_path, cars):
    rates = {"training.generator_lr": 1e-3, "training.discriminator_lr": 1e-3}
    out = tmp_path / "run"
    run = package.train(
        "ctgan", cars, steps=60, settings={**SMALL, **rates}, log_every=10, out=out, **EXACT
    )
    costs = [line["generator_condition"] for line in run.metrics()]
    assert costs[-1] < 0.75 * costs[0]

    # The cross-entropy of the one column that each condition is of.
    generator = package.load(run)
    network: Any = generator.network
    latents = generator.latents(50)
    latent, _, told = latents.split(network.sizes, 1)
    conditions = generator.architecture.conditions
    with torch.no_grad():
        said = network.last(network.blocks(torch.cat([latent, told], 1)))[:, conditions.places]
        cost = network.condition_cost(latents)
    for row in range(50):
        (place,) = told[row].nonzero().flatten().tolist()
        own = conditions.owners == conditions.owners[place]
        expected = -said[row].masked_fill(~own, -torch.inf).log_softmax(0)[place]
        assert cost[row] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("off", ["conditions", "objective.condition_weight"])
def test_without_conditions_there_is_no_such_loss(off, cars, tmp_path):
    out = tmp_path / "run"
    run = package.train("ctgan", cars, steps=1, settings={**SMALL, off: 0}, out=out, **EXACT)
    (line,) = run.metrics()
    assert "generator_adversarial" in line
    assert "generator_condition" not in line


def test_rows_are_as_asked_whatever_the_batch(made):
    rows = made.kind.rows(made.sample(40, where={"cylinders": 4, "origin": "3"}))
    assert {(row["cylinders"], row["origin"]) for row in rows} == {("4", "3")}
    for where in ({"mpg": "20..30", "weight": "..4000"}, {"mpg": [20, 30], "weight": (None, 4000)}):
        samples = made.sample(40, where=where)
        rows = made.kind.rows(samples)
        assert all(20 <= row["mpg"] <= 30 and row["weight"] <= 4000 for row in rows)
        again = made.sample(40, where=where, batch_size=7)
        assert made.kind.rows(again) == rows
    free = made.kind.rows(made.sample(40))
    assert len({row["cylinders"] for row in free}) > 1


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("cyl=4", "there is no column 'cyl'; the columns are 'cylinders'"),
        ("cylinders=7", "cylinders=7: the column has no such value; it has '3', '4'"),
        ("cylinders=", "cylinders: it is never missing in the data"),
        ("mpg=many", "mpg=many: it takes a number, or a range"),
        ("mpg=30..20", "mpg=30..20: the range is empty"),
        ("mpg=100..", "its values go from 9.0 to 46.6, and no others are made"),
        ("mpg", "it takes NAME=VALUE, such as cylinders=4"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(where, message, made, tmp_path):
    told = call("sample", made.source, "-n", 3, "--where", where, "-o", tmp_path / "x.csv")
    assert told.exit_code == 2
    assert message in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x.csv").exists()


def test_rows_that_are_not_made_are_told_of(made):
    with pytest.raises(GanzooError, match="such rows are impossible, or too rare"):
        made.sample(300, where={"mpg": "46.5..", "weight": "..1620", "horsepower": "229.."})


def test_dates_and_gaps_can_be_asked_for(tmp_path):
    path = tmp_path / "t.csv"
    lines = [
        f"{'a' if n % 3 else ''},2024-0{n % 9 + 1}-{n % 28 + 1:02},{n if n % 4 else ''}"
        for n in range(60)
    ]
    path.write_text("\n".join(["kind,day,size", *lines]), "utf-8")
    dataset = find_dataset(str(path))
    run = package.train("ctgan", dataset, steps=2, settings=SMALL, out=tmp_path / "r", **EXACT)
    generator = package.load(run)
    asked = {"day": "2024-03-01..2024-06-30", "kind": None, "size": ""}
    for row in generator.kind.rows(generator.sample(10, where=asked)):
        assert row["kind"] is None
        assert row["size"] is None
        assert "2024-03-01" <= row["day"] <= "2024-06-30"
    with pytest.raises(GanzooError, match="day=March: it takes a date such as 2024-01-01, or"):
        generator.sample(1, where={"day": "March"})


def test_a_table_of_before_has_no_conditions(cars, tmp_path):
    """Its categories do not say how often their values come; its models load as they were."""
    details = {
        "columns": [
            {name: value for name, value in column.items() if name != "counts"}
            for column in cars.details["columns"]
        ]
    }
    old = Dataset("old", cars.samples, kind="table", details=details)
    run = package.train("ctgan", old, steps=2, settings=SMALL, out=tmp_path / "run", **EXACT)
    generator = package.load(run)
    assert generator.latent_shape[0] == 8 + sum(c.parts[1] for c in columns_of(old.spec))
    rows = generator.kind.rows(generator.sample(5, where={"origin": 2}))
    assert {row["origin"] for row in rows} == {"2"}
    # And the same rows, counted, are its own data.
    assert generator.kind.match(cars).spec.shape == generator.spec.shape


def test_old_fakes_do_not_go_with_conditions(cars, tmp_path):
    settings = {**SMALL, "training.replay": 0.5}
    with pytest.raises(GanzooError, match="which an old fake would not have"):
        package.train("ctgan", cars, steps=1, settings=settings, out=tmp_path / "run", **EXACT)


def test_weights_that_cannot_be_drawn_by_are_refused(cars, tmp_path):
    from ganzoo_ctgan.networks import CTGAN

    class Wrong(CTGAN):
        def sample_weights(self, dataset: Dataset) -> torch.Tensor:
            return -torch.ones(len(dataset))

    with pytest.raises(GanzooError, match="none below 0 and not all of them 0"):
        package.train(Wrong, cars, steps=1, settings=SMALL, out=Path(tmp_path) / "run", **EXACT)


def test_what_the_figures_take_is_told(made, cars):
    """Both need the extra `tables`; of TSTR, scikit-learn is there with mlxtend."""
    result = package.evaluate(made, "auto-mpg", samples=200, seeds=1, figures=("tstr",))
    figure = result["skill[tstr]"]
    assert 0 <= figure.value < 0.5 < figure.floor
    if importlib.util.find_spec("sdmetrics") is None:
        with pytest.raises(GanzooError, match=r"pip install 'torch-ganzoo\[tables\]'"):
            package.evaluate(made, cars, samples=200, seeds=1, figures=("sdmetrics",))
        return
    result = package.evaluate(made, cars, samples=200, seeds=1, figures=("sdmetrics",))
    assert 0 < result["quality[sdmetrics]"].value < result["quality[sdmetrics]"].floor
