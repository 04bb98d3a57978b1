"""A Hub that accepts and stays silent, or states what would name files elsewhere."""

from __future__ import annotations

import time

import pytest
import torch
from conftest import call, published
from huggingface_hub import constants

import ganzoo
from ganzoo import GanzooWarning
from ganzoo.errors import WorkFailed
from ganzoo.models import hub_guard


@pytest.fixture
def impatient(monkeypatch):
    """Limits of time that a test can wait for."""
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.3)
    monkeypatch.setattr(hub_guard, "_SENDING", 0.3)
    monkeypatch.setattr(hub_guard, "_SILENT", 0.3)


SILENT = {
    "always": ("GET|HEAD", "."),
    "when asked for the files": ("GET", "/tree/"),
    "when asked for a file": ("HEAD", "/resolve/"),
}


@pytest.mark.parametrize("when", SILENT)
def test_a_silent_hub_is_told_and_the_cache_used(hub, trained, name, when, tmp_path, impatient):
    published(trained, name)
    loaded = ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "full")
    hub.fail(*SILENT[when], times=None, silent=True)
    began = time.monotonic()
    if when == "always":
        with pytest.warns(GanzooWarning, match="did not answer; its commit"):
            again = ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "full")
        assert torch.equal(again.sample(2), loaded.sample(2))
    with pytest.raises(WorkFailed, match=r"not in the cache|connection to the Hub failed"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "empty")
    assert time.monotonic() - began < 20


def test_publishing_to_a_silent_hub_ends(hub, trained, name, impatient):
    published(trained, name)
    before = hub.commits(name)
    for method, path in (("GET", "/api/models/"), ("POST", "/commit/")):
        hub.fail(method, path, times=None, silent=True)
        result = call("publish", trained, f"hf://{name}", "--license", "mit")
        assert result.exit_code == 1
        assert "connection to the Hub failed" in result.stderr
        hub.clear_faults()
    assert hub.commits(name) == before


ODD = ["../../../elsewhere", "main", "A" * 40, "0" * 39, "\x1b[31m" + "0" * 36]


@pytest.mark.parametrize("commit", ODD)
def test_a_commit_that_is_none_is_refused(hub, trained, name, commit, tmp_path):
    hub.repositories.pop(name, None)
    published(trained, name)
    stated = hub.repositories[name].branches["main"][-1]
    object.__setattr__(stated, "oid", commit)
    with pytest.raises(WorkFailed, match="states the commit") as told:
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "a" / "b" / "cache")
    assert "\x1b" not in str(told.value)
    found = {path.name for path in tmp_path.rglob("*")}
    assert not found & {"elsewhere", "elsewhere.json", "main", "config.json"}


@pytest.mark.parametrize("tag", ["../../../../elsewhere", "/tmp/elsewhere", "..\\elsewhere"])
def test_a_hash_that_would_name_a_file_elsewhere_is_refused(hub, trained, name, tag, tmp_path):
    published(trained, name)
    headers = {"ETag": f'"{tag}"', "X-Repo-Commit": hub.commits(name)[-1]}
    hub.fail("HEAD", "/resolve/", status=200, times=None, headers=headers)
    with pytest.raises(WorkFailed, match="states the hash"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "a" / "b" / "cache")
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("elsewhere")]


def test_what_the_hub_says_neither_steers_a_terminal_nor_forges_a_line(hub, trained, name):
    published(trained, name)
    for odd in ("eve/x\nlocal/model", "eve/\x1b[2Jx", "eve/x\u202ey"):
        hub.create(odd)
        hub.commit(odd, {"README.md": b"---\ntags: [ganzoo]\n---\n"})
    listed = call("list", "--remote", "models")
    for odd in [repository for repository in hub.repositories if repository.startswith("eve/")]:
        del hub.repositories[odd]
    assert f"hf://{name}" in listed.stdout
    assert "eve" not in listed.stdout
    hub.fail("GET", "/api/models/", status=418, times=None, message="\x1b[2Jgone\rError: forged")
    told = call("sample", f"hf://{name}", "-o", "x.png").stderr
    assert len(told.splitlines()) == 1
    assert "\x1b" not in told
