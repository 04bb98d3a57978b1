"""A Hub that fails, refuses, breaks off or answers nonsense: one message, and nothing half done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from conftest import call, one_message, published
from loopback import Hub

import ganzoo
from ganzoo import GanzooError, GanzooWarning
from ganzoo.errors import WorkFailed

# What the Hub answers, to which request, and what the user reads. Loading: exit status and words.
LOAD_FAULTS = {
    "401": (("GET", "/api/models/", {"status": 401}), 2, "log in"),
    "403": (("GET", "/api/models/", {"status": 403, "code": "GatedRepo"}), 2, "ask for access"),
    "404 repository": (
        ("GET", "/api/models/", {"status": 404, "code": "RepoNotFound"}),
        2,
        "no such",
    ),
    "404 revision": (
        ("GET", "/api/models/", {"status": 404, "code": "RevisionNotFound"}),
        2,
        "no branch, tag or commit",
    ),
    "404 file": (
        ("GET|HEAD", "/resolve/.*safetensors", {"status": 404, "code": "EntryNotFound"}),
        2,
        "model.safetensors",
    ),
    "429": (("GET", "/api/models/", {"status": 429}), 1, "too many requests"),
    "500": (("GET", "/api/models/", {"status": 500}), 1, "status 500"),
    "dropped": (
        ("GET", "/resolve/.*safetensors", {"drop_after": 999, "reset": True}),
        1,
        "connection",
    ),
    "truncated": (("GET", "/resolve/.*safetensors", {"truncate": 999}), 1, "should be of size"),
    "wrong hash": (("GET", "/resolve/.*safetensors", {"corrupt": True}), 1, "hash"),
}


@pytest.mark.parametrize("fault", LOAD_FAULTS)
def test_a_failed_load_says_what_to_do_and_leaves_nothing(hub, trained, fault, tmp_path):
    name = "alice/load-faults"
    published(trained, name)
    (method, path, options), status, words = LOAD_FAULTS[fault]
    hub.fail(method, path, times=None, echo_token=True, **options)
    with pytest.raises(GanzooError, match=words) as told:
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    assert told.value.exit_status == status
    assert "hf_alice" not in str(told.value)
    hub.clear_faults()
    loaded = ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    assert torch.equal(loaded.sample(2), ganzoo.load(trained).sample(2))


def test_once_500_or_a_dropped_answer_is_tried_again(hub, trained, name, tmp_path):
    hub.fail("GET", "/api/models/", status=500)
    hub.fail("POST", "/commit/", status=500)
    published(trained, name)
    assert len(hub.commits(name)) == 1
    hub.fail("GET", "/api/models/", status=500)
    assert ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "a").revision == hub.commits(name)[0]
    hub.fail("GET", "/api/models/", drop_after=5, reset=True)
    assert ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "b").revision == hub.commits(name)[0]
    # The commit is made, but its answer is lost: the second try finds it there.
    hub.fail("POST", "/commit/", drop_after=1 << 30, reset=True)
    published(trained, name, "--step", 2)
    assert len(hub.commits(name)) == 2


PUBLISH_FAULTS = {
    "401": (("GET", "/api/models/", {"status": 401}), 2, "log in"),
    "403": (("POST", "/commit/", {"status": 403}), 2, "may not do this"),
    "404": (("POST", "/commit/", {"status": 404, "code": "RepoNotFound"}), 2, "no such"),
    "409": (("POST", "/commit/", {"status": 409}), 1, "meanwhile"),
    "429": (("POST", "/commit/", {"status": 429}), 1, "too many requests"),
    "500": (("POST", "/commit/", {"status": 500}), 1, "status 500"),
    "refused card": (("POST", "/validate-yaml", {"status": 400}), 1, "refuses the card"),
    "dropped commit": (("POST", "/commit/", {"drop_after": 9, "reset": True}), 1, "connection"),
}


@pytest.mark.parametrize("fault", PUBLISH_FAULTS)
def test_a_failed_publish_leaves_the_repository_as_it_was(hub, trained, fault):
    name = "alice/publish-faults"
    hub.create(name)
    published(trained, name)
    before, files = hub.commits(name), hub.files(name)
    (method, path, options), status, words = PUBLISH_FAULTS[fault]
    hub.fail(method, path, times=None, echo_token=True, **options)
    result = call("publish", trained, f"hf://{name}", "--step", 2)
    assert result.exit_code == status, result.output
    assert words in result.stderr
    assert one_message(result.stderr)
    assert hub.commits(name) == before
    assert hub.files(name) == files
    hub.clear_faults()
    published(trained, name, "--step", 2)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/lfs-objects/|/lfs/", "/preupload/"])
def test_an_upload_that_always_breaks_off(hub, trained, path):
    """The client itself tries again for half a minute."""
    name = "alice/broken-upload"
    hub.create(name)
    hub.fail("PUT|POST", path, times=None, drop_after=100, reset=True)
    result = call("publish", trained, f"hf://{name}")
    assert result.exit_code == 1, result.output
    assert "connection" in result.stderr
    assert hub.commits(name) == []
    hub.clear_faults()
    published(trained, name)


def test_an_upload_that_breaks_off_once(hub, trained, name):
    hub.fail("PUT", "safetensors|lfs", drop_after=1000, reset=True)
    published(trained, name)
    assert len(hub.commits(name)) == 1
    assert ganzoo.load(f"hf://{name}").sample(1).isfinite().all()


def test_another_owner_and_no_token(hub, trained):
    refused = call("publish", trained, "hf://bob/mine")
    assert refused.exit_code == 2
    assert "may not" in refused.stderr
    environment = {**os.environ, "HF_TOKEN": ""}
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "publish", str(trained), "hf://alice/new"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "hf auth login" in done.stderr
    wrong = ganzoo.Run.open(trained)
    with pytest.raises(GanzooError, match="log in") as told:
        wrong.publish("hf://alice/new", token="hf_not_a_token_of_anyone")
    assert "hf_not_a_token" not in str(told.value)


@pytest.mark.parametrize("token", ["secret-of-alice\n", "gehe\u00edm-of-alice"])
def test_a_token_that_is_none_is_not_shown(trained, token):
    for work in (
        lambda: ganzoo.Run.open(trained).publish("hf://alice/new", token=token),
        lambda: ganzoo.load("hf://alice/new", token=token),
    ):
        with pytest.raises(GanzooError) as told:
            work()
        assert "of-alice" not in str(told.value)


def test_a_full_disk_while_downloading(hub, trained, name):
    """On a file system of its own that is really too small."""
    published(trained, name)
    script = f"""
        mount -t tmpfs -o size=32k none /mnt && export HF_HOME=/mnt/hf &&
        {sys.executable} -m ganzoo sample hf://{name} -o /tmp/ganzoo-full.png; code=$?
        umount /mnt; exit $code
    """
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no file system of its own can be mounted here")
    assert done.returncode == 1, done.stderr
    assert "disk is full" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cache_that_was_damaged_is_noticed(hub, trained, name, tmp_path):
    published(trained, name)
    loaded = ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    (weights,) = tmp_path.glob("*/snapshots/*/model.safetensors")
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.resolve().write_bytes(content)
    with pytest.raises(WorkFailed, match="hash"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    again = ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    assert torch.equal(again.sample(2), loaded.sample(2))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_copy_is_not_served_where_access_was_withdrawn(hub, trained, name, tmp_path, status):
    published(trained, name)
    ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    hub.fail("GET", "/api/models/", status=status, times=None, code="RepoNotFound")
    with pytest.raises(GanzooError):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    local = ganzoo.load(f"hf://{name}", cache_dir=tmp_path, local_files_only=True)
    assert local.revision == hub.commits(name)[0]


def test_a_copy_is_served_with_a_warning_where_the_hub_is_down(hub, trained, name, tmp_path):
    published(trained, name)
    ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    hub.fail("GET|HEAD", ".*", status=503, times=None)
    with pytest.warns(GanzooWarning, match="was in the cache"):
        loaded = ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    assert loaded.revision == hub.commits(name)[0]
    with pytest.raises(WorkFailed, match="status 503"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path, force_download=True)
    requests = len(hub.requests)
    with pytest.raises(WorkFailed, match="only local files were asked for"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "empty", local_files_only=True)
    assert len(hub.requests) == requests


def test_a_commit_whose_tag_fails_is_told_and_the_next_try_tags_it(hub, trained, name):
    hub.fail("POST", "/tag/", status=400, times=None)
    failed = call("publish", trained, f"hf://{name}", "--revision", "v1")
    assert failed.exit_code == 1
    assert "the commit is made, but it has no tag 'v1'" in failed.stderr
    hub.clear_faults()
    published(trained, name, "--revision", "v1")
    assert hub.tags(name) == {"v1": hub.commits(name)[0]}


def test_a_first_publish_that_fails_says_what_is_left(hub, trained, name):
    hub.fail("POST", "/commit/", status=403, times=None)
    failed = call("publish", trained, f"hf://{name}")
    assert failed.exit_code == 2
    assert "the repository itself was made" in failed.stderr
    hub.clear_faults()
    missing = call("publish", trained, f"hf://{name}-none", "--create-pr")
    assert missing.exit_code == 2
    assert f"{name}-none" not in hub.repositories


def test_an_answer_that_was_lost_is_no_unchanged_model(hub, trained, name):
    published(trained, name)
    hub.fail("POST", "/commit/", drop_after=1 << 30, reset=True)
    done = ganzoo.Run.open(trained).publish(f"hf://{name}", step=2)
    assert done.changed
    assert done.url.endswith(f"/commit/{hub.commits(name)[1]}")


ANSWERS = (b"[]", b"{}", b"null", b'{"id": 5}', b"<html>log in</html>")
#: What each of the commands says about each answer, as a line of JSON. One process asks them all:
#: the address of the Hub is read once a process.
ASK_ALL = """
import json, os, sys
from urllib.request import urlopen
from click.testing import CliRunner
from ganzoo.cli import commands
run, answers = sys.argv[1], int(sys.argv[2])
for number in range(answers):
    urlopen(os.environ["HF_ENDPOINT"] + f"/answer/{number}").close()
    for words in (["sample", "hf://alice/x"], ["publish", run, "hf://alice/x"]):
        done = CliRunner().invoke(commands, words)
        print(json.dumps([done.exit_code, done.stderr]))
"""


def test_something_that_is_no_hub(trained, tmp_path):
    """A proxy's page, another server: what is asked of it is not what it answers."""

    class Other(BaseHTTPRequestHandler):
        number = 0

        def do_GET(self) -> None:
            if chosen := re.fullmatch(r"/answer/(\d)", self.path):
                Other.number = int(chosen[1])
            answer = ANSWERS[self.number]
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    done = subprocess.run(
        [sys.executable, "-c", ASK_ALL, str(trained), str(len(ANSWERS))],
        cwd=tmp_path,
        env={**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    server.shutdown()
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 2 * len(ANSWERS), done.stderr
    for status, message in told:
        assert status in (1, 2), message
        assert one_message(message), message


def test_the_loopback_hub_had_no_faults_of_its_own(hub: Hub):
    assert hub.errors == []
