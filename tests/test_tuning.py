"""How a run computes is measured once, kept, recorded, and never changed by a resume."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import ganzoo
from ganzoo.catalogue import PluginReference
from ganzoo.engine import tuning
from ganzoo.engine.session import Session
from ganzoo.home import executions_home
from ganzoo.models.load import find_architecture
from ganzoo.processes import Processes
from ganzoo.runs.resolve import resolve
from ganzoo.sources.given import from_tensor

TINY = {"widths": "[16]", "latent_size": 4}
DATA = torch.randint(0, 256, (64, 1, 8, 8), generator=torch.Generator().manual_seed(0)).byte()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A home of its own, quick measuring, and a second precision on any processor."""
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tuning, "SECONDS", 0.02)
    monkeypatch.setattr("ganzoo.devices._cpu_has_bf16", lambda: True)


def train(out: Path, step: str = "auto", **options) -> ganzoo.Run:
    settings = {"widths": [16], "latent_size": 4, "schedule.step": step}
    asked = {"steps": tuning.SHORT, "batch_size": 16, "device": "cpu", **options}
    return ganzoo.train("vanilla", DATA, settings=settings, out=out, **asked)


def computed(run: ganzoo.Run) -> dict:
    return json.loads((run.path / "config.json").read_text())["execution"]


def weights(run: ganzoo.Run) -> dict[str, torch.Tensor]:
    return load_file(run.model_path / "model.safetensors")


def kept() -> Path:
    (file,) = executions_home().iterdir()
    return file


def prefer(name: str) -> None:
    """Write into the kept file that one candidate is the faster."""
    content = json.loads(kept().read_text())
    content["rates"] = {key: 100.0 + 100 * (key == name) for key in content["rates"]}
    kept().write_text(json.dumps(content))


def test_the_choice_is_measured_recorded_and_kept(tmp_path):
    run = train(tmp_path / "first")
    execution = computed(run)
    assert set(execution["measured"]) == {"fp32", "bf16"}
    best = max(execution["measured"], key=execution["measured"].get)
    rates = execution["measured"]
    assert execution["precision"] == best or rates[best] <= tuning.GAIN * rates["fp32"]
    training = json.loads((run.model_path / "training.json").read_text())
    assert training["execution"] == execution
    assert training["precision"] == execution["precision"]
    assert json.loads(kept().read_text())["rates"] == rates


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_seed_gives_the_same_whether_measured_kept_or_asked_for(name, tmp_path):
    measured = train(tmp_path / "measured")
    prefer(name)
    read = train(tmp_path / "read")
    assert computed(read)["precision"] == name
    assert computed(read)["measured"][name] == 200
    forced = train(tmp_path / "forced", precision=name)
    same = [read, forced]
    if computed(measured)["precision"] == name:
        same.append(measured)
    for run in same[1:]:
        for key, tensor in weights(read).items():
            assert torch.equal(tensor, weights(run)[key]), key


def test_a_resume_computes_as_before(tmp_path):
    train(tmp_path / "other")
    prefer("bf16")
    run = train(tmp_path / "run")
    prefer("fp32")
    resumed = ganzoo.resume(run, steps=tuning.SHORT + 2, data=DATA)
    assert computed(resumed)["precision"] == "bf16"


def test_a_short_run_or_one_that_was_told_measures_nothing(tmp_path):
    assert computed(train(tmp_path / "short", steps=2))["precision"] == "fp32"
    assert computed(train(tmp_path / "told", precision="bf16"))["measured"] == {}
    assert not executions_home().exists()


IMAGES = torch.randint(0, 256, (32, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()


def session(name: str, **schedule: str) -> Session:
    found = find_architecture(name)
    asked = {"schedule": {"device": "cpu", **schedule}, "training": {"batch_size": 8}}
    config = resolve(found, name, PluginReference(), asked, {"width": 16})
    return Session(found, config, from_tensor(IMAGES), Processes(), (), ())


def test_the_layout_is_measured_where_convolutions_are_grouped():
    names = {"fp32", "bf16"}
    assert session("dcgan").config.execution.measured.keys() == names
    grouped = session("r3gan").config.execution
    assert grouped.measured.keys() == names | {f"{name} contiguous" for name in names}
    assert session("r3gan", layout="channels_last").config.execution.measured.keys() == names


def test_the_layout_changes_no_loss():
    losses = []
    for layout in ("channels_last", "contiguous"):
        match = session("r3gan", layout=layout, precision="fp32").match
        assert match.device.layout == layout
        convolution = next(p for p in match.discriminator.parameters if p.shape[2:] == (3, 3))
        assert convolution.is_contiguous() == (layout == "contiguous")
        assert match.draw().real.is_contiguous() == (layout == "contiguous")
        for _ in range(3):
            match.play()
        losses.append(match.totals.means(match.processes))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_captured_steps_are_refused_where_they_cannot_be(tmp_path):
    with pytest.raises(ganzoo.GanzooError, match=r"schedule\.step=captured: the device is cpu"):
        ganzoo.train(
            "vanilla",
            DATA,
            settings={"widths": [16], "schedule.step": "captured"},
            out=tmp_path / "run",
            device="cpu",
            batch_size=16,
        )
    assert not (tmp_path / "run").exists()


def test_another_batch_is_measured_anew(tmp_path):
    train(tmp_path / "first")
    train(tmp_path / "same", seed=3)
    assert len(list(executions_home().iterdir())) == 1
    train(tmp_path / "other", batch_size=8)
    assert len(list(executions_home().iterdir())) == 2


@pytest.mark.parametrize("damage", ["", "[]", '{"rates": {"fp32": "fast"}}', '{"rates": {}}'])
def test_a_damaged_file_is_reported_and_measured_anew(damage, tmp_path):
    train(tmp_path / "first")
    kept().write_text(damage)
    with pytest.warns(ganzoo.GanzooWarning, match="damaged.*measured again") as caught:
        run = train(tmp_path / "second")
    assert len(caught) == 1
    assert computed(run)["measured"]
    assert json.loads(kept().read_text())["rates"] == computed(run)["measured"]


def test_a_folder_that_cannot_be_written_is_reported_once(tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.warns(ganzoo.GanzooWarning, match="cannot be written") as caught:
        run = train(tmp_path / "run")
    assert len(caught) == 1
    assert computed(run)["measured"]


def test_a_run_of_before_goes_on_in_the_precision_of_its_checkpoint(tmp_path):
    run = train(tmp_path / "run", precision="bf16")
    config = json.loads((run.path / "config.json").read_text())
    config["schedule"]["precision"] = "auto"
    del config["execution"]
    (run.path / "config.json").write_text(json.dumps(config))
    resumed = ganzoo.resume(run.path, steps=tuning.SHORT + 2, data=DATA)
    assert computed(resumed)["precision"] == "bf16"


def test_the_command_line_shows_the_choice_in_one_line(tmp_path, digits_npz):
    command = [sys.executable, "-m", "ganzoo", "train", "vanilla", "--data", digits_npz]
    command += ["--steps", "200", "--batch-size", "4", "--out", tmp_path / "run"]
    command += [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    shown = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stderr
    measured = json.loads((tmp_path / "run/config.json").read_text())["execution"]["measured"]
    lines = [line for line in shown.splitlines() if line.startswith("measured: ")]
    assert len(lines) == (1 if measured else 0), shown


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("dcagn",), "Did you mean 'dcgan'?"),
        (("ctgan",), "--data"),
        (("vanilla", "--precision", "bf8"), "bf8"),
        (("vanilla", "--image-size", "0"), "0"),
        (("vanilla", "--data", "/nowhere"), "/nowhere"),
        (("vanilla", "--device", "cuda:99"), "cuda:99"),
    ],
)
def test_mistakes_of_bench_are_one_message(words, text):
    from test_cli import call

    result = call("bench", *words)
    assert result.exit_code == 2
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_bench_counts_what_a_penalty_computes():
    from test_cli import call

    words = ["wgan-gp", "--image-size", "8", "--batch-size", "4", "--seconds", "0.1", "--json"]
    counts = []
    for penalty in ("none", "wgan-gp"):
        settings = ["--set", "width=4", "--set", f"objective.penalty={penalty}"]
        result = call("bench", *words, *settings)
        assert result.exit_code == 0, result.output
        counts.append(json.loads(result.stdout)["speeds"][0]["operations"])
    assert counts[1] > 1.3 * counts[0]


def test_bench_measures_each_candidate():
    from test_cli import call

    words = ["vanilla", "--image-size", "8", "--batch-size", "8", "--seconds", "0.1", "--json"]
    result = json.loads(call("bench", *words, *("--set", "widths=[16]")).stdout)
    assert [speed["name"] for speed in result["speeds"]] == ["fp32", "bf16"]
    for speed in result["speeds"]:
        assert 0 < speed["lowest"] <= speed["samples_per_second"] <= speed["highest"]
        assert speed["memory"] > 2**20
        # Forward and backward of 3 linear layers of each network, both players: some products.
        assert speed["operations"] > 8 * 2 * 16 * 192
        assert 0 < speed["of_peak"] < 1
        assert sum(speed["parts"].values()) == pytest.approx(1)
    assert result["fastest"] in ("fp32", "bf16")
    shown = call("bench", *words[:-1]).stdout
    assert "Fastest: " in shown and "time of a step" in shown


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_captured_steps_are_candidates(tmp_path):
    run = train(tmp_path / "run", device="cuda")
    execution = computed(run)
    assert execution["reason"] == ""
    assert {"fp32", "fp32 captured"} <= execution["measured"].keys()
    forced = train(tmp_path / "forced", device="cuda", precision="fp32", step="eager")
    assert computed(forced)["step"] == "eager"
    resumed = ganzoo.resume(run, steps=tuning.SHORT + 20, data=DATA)
    assert computed(resumed) == execution


def test_a_run_begins_without_torchs_compiler(tmp_path):
    code = (
        "import sys, torch, ganzoo\n"
        "data = torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8)\n"
        "settings = {'width': 4, 'training.batch_size': 8}\n"
        "ganzoo.train('dcgan', data, settings=settings, steps=200, device='cpu', out=sys.argv[1])\n"
        "assert 'torch._dynamo' not in sys.modules, 'it takes two seconds to import'\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "run"], check=True, timeout=300)
