"""Weights & Biases and MLflow follow a run: what lies in their own records afterwards."""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SMALL, call, one_message, set_options
from mlflow import MlflowClient
from wandb.proto.wandb_internal_pb2 import Record

import ganzoo


def small(data: Path, out: Path, tracker: str) -> list[object]:
    return [
        *("train", "vanilla", "--data", data, "--steps", 4, "--out", out, "--observer", tracker),
        *("--log-every", 2, "--sample-every", 4, "--checkpoint-every", 2),
        *set_options(SMALL["vanilla"]),
    ]


def records(file: Path) -> Iterator[Record]:
    """What W&B has written: a log as LevelDB's, whose blocks of 32 KiB hold parts of records."""
    content, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if 0x8000 - at % 0x8000 < 7:  # no part begins so near to the end of a block
            at += 0x8000 - at % 0x8000
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def test_wandb_keeps_what_was_logged_and_goes_on_when_resumed(digits_npz, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    out = tmp_path / "run"
    done = call(*small(digits_npz, out, "wandb"))
    assert done.exit_code == 0, done.output
    assert "Warning: observer" not in done.output
    assert call("resume", out, "--steps", 6).exit_code == 0

    ids, config, history = set(), {}, defaultdict(dict)
    summary: dict[str, object] = {}
    for file in sorted(out.glob("wandb/offline-run-*/run-*.wandb")):
        for record in records(file):
            if record.HasField("run"):
                ids.add(record.run.run_id)
                config |= {u.key: json.loads(u.value_json) for u in record.run.config.update}
            for item in record.history.item:
                name = item.key or "/".join(item.nested_key)
                history[record.history.step.num][name] = json.loads(item.value_json)
            for item in record.summary.update:
                summary[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
    assert len(ids) == 1
    assert config["architecture"] == "vanilla"
    for line in ganzoo.Run.open(out).metrics():
        assert history[line["step"]]["generator/loss"] == pytest.approx(line["generator_loss"])
    assert history[4]["samples/_type"] == "image-file"
    assert list(out.glob(f"wandb/*/files/{history[4]['samples/path']}"))
    assert summary["checkpoint"] == 6
    assert any(name.endswith("generator_loss") for name in summary)


def test_mlflow_keeps_what_was_logged_and_goes_on_when_resumed(digits_npz, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    out = tmp_path / "run"
    done = call(*small(digits_npz, out, "mlflow"))
    assert done.exit_code == 0, done.output
    assert "Warning: observer" not in done.output
    assert call("resume", out, "--steps", 6).exit_code == 0

    client = MlflowClient()
    (found,) = client.search_runs([client.get_experiment_by_name("ganzoo").experiment_id])
    identity = found.info.run_id
    assert found.info.status == "FINISHED"
    assert found.data.params["architecture"] == "vanilla"
    assert found.data.tags["checkpoint"] == "6"
    assert "measured/training_seconds" in found.data.metrics
    logged = client.get_metric_history(identity, "generator/loss")
    assert {metric.step: metric.value for metric in logged} == {
        line["step"]: pytest.approx(line["generator_loss"])
        for line in ganzoo.Run.open(out).metrics()
    }
    assert len(logged) == 3  # no step twice
    assert [f.path for f in client.list_artifacts(identity)] == ["config.json", "images"]
    pictures = [f.path for f in client.list_artifacts(identity, "images")]
    assert any(re.search(r"samples.step.4.*png", path) for path in pictures)


@pytest.mark.parametrize("client", ["wandb", "mlflow"])
def test_without_the_client_the_command_that_installs_it_is_told(
    client, digits_npz, tmp_path, monkeypatch
):
    for name in [name for name in sys.modules if name.partition(".")[0] == client]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if not (Path(p) / client).exists()])
    told = call(*small(digits_npz, tmp_path / "run", client))
    assert told.exit_code == 2
    assert f"pip install 'torch-ganzoo[{client}]'" in told.stderr
    assert one_message(told.stderr)
    assert not (tmp_path / "run").exists()
