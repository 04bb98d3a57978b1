"""Publishing to and loading from the Hub: the real client, real HTTP, a Hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from conftest import call
from huggingface_hub import ModelCard, hf_hub_download
from loopback import Hub

import ganzoo
from ganzoo import GanzooError, GanzooWarning
from ganzoo.errors import WorkFailed

PRINT_SAMPLES = """
import sys, ganzoo
generator = ganzoo.load(sys.argv[1])
print(generator.revision, generator.sample(8, seed=3).numpy().tobytes().hex())
"""


def in_another_process(name: str, cache: Path, **environment: str) -> tuple[str, bytes]:
    """The revision and samples of a model, by a process with a cache of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_SAMPLES, name],
        env={**os.environ, "HF_HOME": str(cache), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    revision, samples = done.stdout.split()
    return revision, bytes.fromhex(samples)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A repository of this test's own."""
    return f"alice/{request.node.name.split('[')[0][5:60].strip('_')}"


def one_message(text: str) -> bool:
    """Whether there is one error, without a traceback and without anybody's token."""
    errors = [line for line in text.splitlines() if line.startswith("Error:")]
    return len(errors) == 1 and "Traceback" not in text and "hf_alice" not in text


def folder_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def published(trained: Path, name: str, *args: object) -> str:
    result = call("publish", trained, f"hf://{name}", *args)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_what_is_published_loads_elsewhere_to_the_bit_and_offline(hub, trained, name, tmp_path):
    url = published(trained, name)
    assert url.startswith(f"{hub.url}/{name}/commit/")
    assert len(hub.commits(name)) == 1
    expected = ganzoo.load(trained).sample(8, seed=3).numpy().tobytes()
    commit = hub.commits(name)[0]
    assert in_another_process(f"hf://{name}", tmp_path) == (commit, expected)

    again = call("publish", trained, f"hf://{name}")
    assert again.exit_code == 0
    assert "Nothing changed" in again.stderr
    assert hub.commits(name) == [commit]

    hub.stop()
    assert in_another_process(f"hf://{name}", tmp_path) == (commit, expected)
    assert in_another_process(f"hf://{name}@{commit}", tmp_path) == (commit, expected)
    offline = in_another_process(f"hf://{name}", tmp_path, HF_HUB_OFFLINE="1")
    assert offline == (commit, expected)
    with pytest.raises(WorkFailed, match="not in the cache"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path / "another")


def test_the_repository_is_the_model_folder(hub, trained, name):
    published(trained, name, "--license", "mit")
    files = hub.files(name)
    names = {*folder_names(trained / "model"), ".gitattributes"}
    assert set(files) == names
    for file in names - {".gitattributes", "README.md"}:
        assert files[file] == (trained / "model" / file).read_bytes()
    card = files["README.md"].decode()
    assert f'ganzoo.load("hf://{name}")' in card
    assert ModelCard(card).data.license == "mit"


def test_a_chosen_step_with_its_discriminator(hub, trained, name, tmp_path):
    published(trained, name, "--step", 2, "--discriminator")
    expected = ganzoo.load(trained, step=2).sample(4)
    loaded = ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    assert torch.equal(loaded.sample(4), expected)
    assert loaded.training["step"] == 2
    assert "step | 2 of 4" in loaded.card
    options = ("--steps", 1, "--set", "width=4", "--set", "data.image_size=16")
    out = tmp_path / "run"
    result = call(
        *("train", "dcgan", "--data", trained.parent / "none", *options),
        *("--init", f"hf://{name}", "--out", out),
    )
    assert result.exit_code == 2  # no such data; now the real one:
    source = json.loads((trained / "config.json").read_text())["data"]["source"]
    result = call(
        *("train", "dcgan", "--data", source, *options, "--init", f"hf://{name}", "--out", out),
        *("--set", "training.generator_lr=1e-12", "--set", "training.discriminator_lr=1e-12"),
        *("--set", "training.batch_size=16"),
    )
    assert result.exit_code == 0, result.output
    assert "discriminator" not in result.stderr  # it had one, so no word that it starts afresh
    (commit,) = hub.commits(name)
    config = json.loads((out / "config.json").read_text())
    assert config["init"] == f"hf://{name}@{commit}"  # what a branch stands for changes
    assert (ganzoo.load(out).sample(4) - expected).abs().max() < 0.05


def test_publishing_without_the_discriminator_removes_the_one_of_before(hub, trained, name):
    published(trained, name, "--discriminator")
    assert "discriminator.safetensors" in hub.files(name)
    hub.commit(name, {"notes.txt": b"mine"})
    published(trained, name)
    assert "discriminator.safetensors" not in hub.files(name)
    assert hub.files(name)["notes.txt"] == b"mine"


def test_tags_branches_and_pull_requests(hub, trained, name, tmp_path):
    published(trained, name, "--revision", "v1")
    first = hub.commits(name)[0]
    assert hub.tags(name) == {"v1": first}
    published(trained, name, "--revision", "v1")  # the same again
    refused = call("publish", trained, f"hf://{name}", "--revision", "v1", "--step", 2)
    assert refused.exit_code == 2
    assert "'v1' is there already" in refused.stderr
    assert hub.commits(name) == [first]

    url = published(trained, name, "--create-pr", "--step", 2)
    (request,) = hub.pull_requests(name)
    assert url.endswith(f"/discussions/{request.number}")
    assert hub.commits(name) == [first]
    there = ganzoo.load(f"hf://{name}", revision=request.ref, cache_dir=tmp_path)
    assert torch.equal(there.sample(4), ganzoo.load(trained, step=2).sample(4))

    published(trained, name, "--step", 2, "--revision", "v2")
    assert len(hub.commits(name)) == 2
    old = ganzoo.load(f"hf://{name}@v1", cache_dir=tmp_path)
    assert old.revision == first
    assert torch.equal(old.sample(4), ganzoo.load(trained).sample(4))
    assert ganzoo.load(f"hf://{name}", cache_dir=tmp_path).revision == hub.tags(name)["v2"]
    refused = call("publish", trained, f"hf://{name}", "--create-pr", "--revision", "v3")
    assert refused.exit_code == 2


def test_a_users_own_text_and_metadata_survive(hub, trained, name):
    published(trained, name)
    card = hub.files(name)["README.md"].decode()
    card = card.replace("tags:\n", "tags:\n- digits\n")
    mine = card.replace("license: unknown", "license: cc-by-4.0\nlanguage: en") + "\n## My notes\n"
    hub.commit(name, {"README.md": mine.encode()})
    published(trained, name, "--step", 2)  # ganzoo's part differs
    card = hub.files(name)["README.md"].decode()
    assert "## My notes" in card
    assert "step | 2 of 4" in card
    assert ModelCard(card).data.to_dict()["license"] == "cc-by-4.0"
    assert ModelCard(card).data.to_dict()["language"] == "en"
    assert {"digits", "ganzoo", "dcgan"} <= set(ModelCard(card).data.tags)
    commits = hub.commits(name)
    published(trained, name, "--step", 2)
    assert hub.commits(name) == commits


def test_a_dry_run_asks_nothing_of_the_hub(hub, trained):
    result = call("publish", trained, "hf://alice/not-made", "--dry-run")
    assert result.exit_code == 0
    listed = {line.split()[1]: int(line.split()[0]) for line in result.stdout.splitlines()}
    assert set(listed) == (folder_names(trained / "model"))
    size = (trained / "model" / "model.safetensors").stat().st_size
    assert listed["model.safetensors"] == size
    assert hub.requests == []


def test_push_to_hub_and_run_publish(hub, trained, name):
    generator = ganzoo.load(trained)
    done = generator.push_to_hub(name, license="mit")
    assert done.changed and done.commit == hub.commits(name)[-1]
    run = ganzoo.Run.open(trained)
    assert not run.publish(f"hf://{name}").changed  # the same weights are the same bytes
    with pytest.raises(GanzooError, match=f"hf://{name}"):
        run.publish(name)


def test_private_is_not_made_public(hub, trained, name):
    published(trained, name, "--private")
    assert hub.repositories[name].private
    hub.create(f"{name}-open")
    refused = call("publish", trained, f"hf://{name}-open", "--private")
    assert refused.exit_code == 2
    assert "is public" in refused.stderr
    assert hub.commits(f"{name}-open") == []


def test_remote_models_are_listed_without_touching_their_files(hub, trained, name):
    published(trained, name)
    hub.create("bob/other")
    hub.commit("bob/other", {"README.md": b"---\ntags: [text]\n---\n", "config.json": b"{}"})
    hub.requests.clear()
    result = call("list", "--remote", "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows[f"hf://{name}"]["kind"] == "model"
    assert "hf://bob/other" not in rows
    assert all(path.startswith("/api/models?") for _, path in hub.requests)
    assert f"hf://{name}" in ganzoo.list_models("hf://alice/*", remote=True)
    assert not any(place.startswith("hf://") for place in ganzoo.list_models())

    told = call("info", f"hf://{name}")
    assert told.exit_code == 0
    assert f'ganzoo.load("hf://{name}")' in told.stdout


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


def test_from_one_repository_to_another(hub, trained, name):
    published(trained, name, "--discriminator")
    hub.requests.clear()
    done = call("publish", f"hf://{name}", f"hf://{name}-copy")
    assert done.exit_code == 0, done.output
    assert "discriminator.safetensors" not in hub.files(f"{name}-copy")
    assert not any("discriminator" in path for _, path in hub.requests)
    assert "samples.png" in hub.files(f"{name}-copy")


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


def test_names_revisions_and_repositories_of_others(hub, trained, name, tmp_path):
    hub.create(name)
    hub.commit(name, {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x" * 100})
    with pytest.raises(GanzooError, match="not a model of ganzoo"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    hub.create(f"{name}-empty")
    with pytest.raises(GanzooError, match=r"it has no config.json"):
        ganzoo.load(f"hf://{name}-empty", cache_dir=tmp_path)
    for wrong in ("hf://x", "hf://a/b/c", "hf://a/../b", "hf://a/b@", "hf://a/b@../c", "hf:///b"):
        with pytest.raises(GanzooError, match="hf://OWNER/NAME"):
            ganzoo.load(wrong)
    with pytest.raises(GanzooError, match="give one"):
        ganzoo.load("hf://a/b@v1", revision="v2")
    with pytest.raises(GanzooError, match="not on the Hub"):
        ganzoo.load(trained, revision="v2")
    with pytest.raises(GanzooError, match="only a run has steps"):
        ganzoo.load(f"hf://{name}", step=3, cache_dir=tmp_path)
    with pytest.raises(GanzooError, match="If a model on the Hugging Face Hub is meant: hf://a/b"):
        ganzoo.load("a/b")


def test_a_download_by_the_client_itself_loads_too(hub, trained, name, tmp_path):
    """The folder format is the repository's layout."""
    published(trained, name)
    from huggingface_hub import snapshot_download

    folder = snapshot_download(name, cache_dir=tmp_path / "cache", local_dir=tmp_path / "plain")
    assert torch.equal(ganzoo.load(folder).sample(2), ganzoo.load(trained).sample(2))
    folder = Path(hf_hub_download(name, "config.json", cache_dir=tmp_path / "cache")).parent
    with pytest.raises(GanzooError, match="no run and no model folder"):
        ganzoo.load(folder)


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


def test_force_download_and_a_branch_that_moved(hub, trained, name, tmp_path):
    published(trained, name)
    first = ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    hub.requests.clear()
    again = ganzoo.load(f"hf://{name}", cache_dir=tmp_path, force_download=True)
    assert any("/resolve/" in path and "safetensors" in path for _, path in hub.requests)
    assert again.revision == first.revision
    published(trained, name, "--step", 2)
    moved = ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    assert moved.revision == hub.commits(name)[1]
    hub.requests.clear()
    pinned = ganzoo.load(f"hf://{name}@{first.revision}", cache_dir=tmp_path)
    assert torch.equal(pinned.sample(2), first.sample(2))
    assert hub.requests == []  # a commit never changes


def test_a_model_that_is_not_ganzoos_is_not_downloaded(hub, name, tmp_path):
    hub.create(name)
    hub.commit(name, {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x" * 999})
    with pytest.raises(GanzooError, match="not a model of ganzoo"):
        ganzoo.load(f"hf://{name}", cache_dir=tmp_path)
    assert not any("safetensors" in path for _, path in hub.requests)


def test_a_model_of_somebody_elses_making_is_not_overwritten(hub, trained, name):
    hub.create(name)
    theirs = {"config.json": b'{"model_type": "bert"}', "samples.csv": b"1,2"}
    hub.commit(name, theirs)
    refused = call("publish", trained, f"hf://{name}")
    assert refused.exit_code == 2
    assert "not ganzoo's" in refused.stderr
    assert len(hub.commits(name)) == 1
    hub.commit(name, {"README.md": b"---\nlibrary_name: diffusers\n---\nnot library_name: ganzoo"})
    refused = call("publish", trained, f"hf://{name}")
    assert refused.exit_code == 2
    hub.commit(name, {"samples.csv": b"1,2"}, delete=["config.json", "README.md"])
    published(trained, name)
    assert hub.files(name)["samples.csv"] == b"1,2"


@pytest.mark.parametrize(
    "revision", ["refs/pr/1", "0" * 40, "my tag", "../x", "-x", "a..b", "", "a\nb", "x.lock"]
)
def test_revisions_that_could_not_be_loaded_again(hub, trained, revision):
    refused = call("publish", trained, "hf://alice/odd", "--revision", revision)
    assert refused.exit_code == 2, refused.output
    assert "--revision" in refused.stderr
    assert hub.requests == []


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


def test_weights_that_are_not_finite_are_not_pushed(hub, trained, name):
    generator = ganzoo.load(trained)
    next(iter(generator.network.parameters())).fill_(torch.nan)
    with pytest.raises(GanzooError, match="not finite"):
        generator.push_to_hub(name)
    assert hub.requests == []


@pytest.mark.parametrize("answer", [b"[]", b"{}", b"null", b'{"id": 5}', b"<html>log in</html>"])
def test_something_that_is_no_hub(trained, answer, tmp_path):
    """A proxy's page, another server: what is asked of it is not what it answers."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
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
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(tmp_path)}
    for args in (["sample", "hf://alice/x"], ["publish", str(trained), "hf://alice/x"]):
        done = subprocess.run(
            [sys.executable, "-m", "ganzoo", *args],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode in (1, 2), done.stderr
        assert one_message(done.stderr), done.stderr
    server.shutdown()


def test_the_loopback_hub_had_no_faults_of_its_own(hub: Hub):
    assert hub.errors == []
