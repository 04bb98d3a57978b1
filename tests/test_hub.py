"""Publishing to and loading from the Hub: the real client, real HTTP, a Hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import call, published
from huggingface_hub import ModelCard, hf_hub_download

import ganzoo
from ganzoo import GanzooError
from ganzoo.errors import WorkFailed
from ganzoo.models.hub import Access
from ganzoo.models.references import reference_to

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


def folder_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


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


def test_a_cache_without_the_weights_is_not_taken_for_another_model(hub, trained, name, tmp_path):
    published(trained, name)
    cache = tmp_path / "cache"
    reference_to(f"hf://{name}").papers(Access(cache_dir=cache))  # only the small files
    with pytest.raises(WorkFailed, match="not in the cache, or not all of it"):
        ganzoo.load(f"hf://{name}", cache_dir=cache, local_files_only=True)
    hub.stop()
    with (
        pytest.warns(ganzoo.GanzooWarning, match="did not answer"),
        pytest.raises(WorkFailed, match="not in the cache, or not all of it"),
    ):
        ganzoo.load(f"hf://{name}", cache_dir=cache)


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
    published(trained, name, "--revision", "20261123")
    assert set(hub.tags(name)) == {"v1", "20261123"}
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


def test_from_one_repository_to_another(hub, trained, name):
    published(trained, name, "--discriminator")
    hub.requests.clear()
    done = call("publish", f"hf://{name}", f"hf://{name}-copy")
    assert done.exit_code == 0, done.output
    assert "discriminator.safetensors" not in hub.files(f"{name}-copy")
    assert not any("discriminator" in path for _, path in hub.requests)
    assert "samples.png" in hub.files(f"{name}-copy")


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
    with pytest.raises(GanzooError, match="neither a run nor a model folder"):
        ganzoo.load(folder)


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


def test_weights_that_are_not_finite_are_not_pushed(hub, trained, name):
    generator = ganzoo.load(trained)
    next(iter(generator.network.parameters())).fill_(torch.nan)
    with pytest.raises(GanzooError, match="not finite"):
        generator.push_to_hub(name)
    assert hub.requests == []
