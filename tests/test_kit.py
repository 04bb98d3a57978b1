"""The contract's checks: what is sound passes them, and each fault is found by the one meant."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import faults
import pytest
from conftest import PLUGIN, call

from ganzoo.entries import ArchitectureEntry
from ganzoo.plugins import catalogue
from ganzoo.testing import ArchitectureTests, Fault, architecture_checks, plugin_checks
from ganzoo.testing.check import Check, NotHere
from ganzoo.testing.plugin import CHECKS

#: ganzoo's own architectures, small enough to be tried in seconds.
OWN = {
    "vanilla": {"widths": [16, 32]},
    "dcgan": {"width": 4},
    "wgan-gp": {"width": 4},
    "sngan": {"width": 4},
    "ebgan": {"width": 4},
    "r3gan": {"width": 16, "blocks": 1},
    "stylegan2": {"width": 4, "latent_size": 8},
    "projection": {"width": 4},
    "acgan": {"width": 4},
    "biggan": {"width": 4, "latent_size": 16, "embedding_size": 8, "attention": 8},
    "fastgan": {"width": 4, "latent_size": 16},
    "points": {"width": 16},
    "wavegan": {"width": 2},
    "ctgan": {"width": 16},
    "pix2pix": {"width": 4},
    "cyclegan": {"width": 4, "blocks": 1},
    "vaegan": {"width": 4},
    "arae": {"width": 8, "code_size": 8, "hidden": 16},
    "tvae": {"width": 16},
}

#: Those of them that are tried in two processes each time: with conditional batch norm and
#: spectral norm, with draws of the network's own, and with packs. test_processes.py trains
#: vanilla, dcgan and wgan-gp so.
IN_PROCESSES = {"projection", "wavegan", "ctgan"}

#: Those whose networks take long on a CPU, and the checks of them that are not marked slow.
LARGE = {"biggan", "fastgan"}
FIRST = {"resuming", "saving", "gradients"}


class Own(ArchitectureTests):
    __test__ = False

    def pytest_generate_tests(self, metafunc):
        checks = architecture_checks(self.architecture, self.options)
        often, large = self.architecture in IN_PROCESSES, self.architecture in LARGE
        slow = [
            (large and check.name not in FIRST) or (not often and check.name == "processes")
            for check in checks
        ]
        params = [
            pytest.param(check, id=str(check), marks=pytest.mark.slow if late else ())
            for check, late in zip(checks, slow, strict=True)
        ]
        metafunc.parametrize("check", params)


for _name, _options in OWN.items():
    _title = "Test" + _name.title().replace("-", "")
    _attributes = {"architecture": _name, "options": _options, "__test__": True}
    globals()[_title] = type(_title, (Own,), _attributes)


def test_every_architecture_of_ganzoo_is_held_to_its_contract():
    known = catalogue().entries(ArchitectureEntry)
    ours = {n for n, e in known.items() if catalogue().plugin_of(e).distribution == "torch-ganzoo"}
    assert set(OWN) == ours


@pytest.mark.parametrize(
    ("plugin", "name", "check"),
    [
        pytest.param(plugin, name, check, id=f"{plugin}-{name}-{check}")
        for plugin in dict.fromkeys(p.name for p in catalogue().plugins)
        for name, check in plugin_checks(plugin)
        if check.name not in {"entry", *CHECKS}
    ],
)
def test_what_ganzoo_offers_besides_keeps_the_contract(plugin, name, check):
    try:
        check()
    except NotHere as reason:
        pytest.skip(str(reason))


def first_fault(architecture: type, until: str) -> tuple[str, Fault] | None:
    """The first check that fails, of those up to `until`, and how."""
    for check in architecture_checks(architecture):
        try:
            check()
        except NotHere:
            pass
        except Fault as fault:
            return check.name, fault
        if check.name == until:
            return None
    raise AssertionError(f"there is no check {until!r}")


@pytest.mark.parametrize("name", faults.SOUND)
def test_nothing_is_found_where_nothing_is_wrong(name):
    last = "processes" if name == "fine" else "resuming"
    assert first_fault(faults.SOUND[name], last) is None


def test_a_plugin_in_a_file_is_held_to_the_contract_too(ganzoo, tmp_path):
    (tmp_path / "tiny_gan.py").write_text(PLUGIN)
    done = ganzoo("--plugin", "tiny_gan.py", "check-plugin", "tiny_gan")
    assert done.returncode == 0, done.stdout
    assert "ok      tiny: processes" in done.stdout


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_planted_fault_is_found_by_the_check_that_is_meant_for_it(name):
    expected, architecture = faults.FAULTS[name]
    found = first_fault(architecture, expected)
    assert found is not None, f"no check found it up to {expected}"
    check, fault = found
    assert check == expected, str(fault)
    assert fault.method
    assert fault.expected
    assert fault.came
    assert str(fault) == f"{fault.method}: expected {fault.expected}; came {fault.came}"


HEAVY = """
import torch
from ganzoo import ArchitectureEntry, hookimpl

@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry("heavy", "faults:Fine")
"""


def test_torch_imported_by_the_entry_is_found(distribution, installed):
    installed(distribution("ganzoo-heavy", HEAVY))
    first, *others = architecture_checks("heavy")
    assert first.name == "entry"
    with pytest.raises(Fault, match="torch imported"):
        first()
    # What is behind the entry is "fine", in which nothing else is found.
    assert [check.name for check in others] == list(CHECKS)


PARTS = """
import click
from ganzoo import (
    AugmentationEntry, CommandEntry, DatasetEntry, ExtractorEntry, KindEntry, ModelEntry,
    ObjectiveEntry, ObserverEntry, OptimizerEntry, PenaltyEntry, ReaderEntry, ScheduleEntry,
    hookimpl,
)
from pathlib import Path

@hookimpl
def ganzoo_objectives():
    yield ObjectiveEntry("flat", "parts:Flat")
    yield ObjectiveEntry("peeking", "parts:Peeking")

@hookimpl
def ganzoo_optimizers():
    yield OptimizerEntry("still", "parts:still")
    yield OptimizerEntry("forgetful", "parts:Forgetful")

@hookimpl
def ganzoo_schedules():
    yield ScheduleEntry("sinking", "parts:sinking")

@hookimpl
def ganzoo_penalties():
    yield PenaltyEntry("idle-penalty", "parts:idle_penalty")

@hookimpl
def ganzoo_augmentations():
    yield AugmentationEntry("dice", "parts:dice")
    yield AugmentationEntry("cropped", "parts:cropped")

@hookimpl
def ganzoo_datasets():
    for name in ("list", "wild", "holed", "other-labels", "rows", "online"):
        yield DatasetEntry(name, f"parts:{name.replace('-', '_')}_data")

@hookimpl
def ganzoo_kinds():
    yield KindEntry("mute", "parts:Mute")
    yield KindEntry("hidden", "parts:Hidden")
    yield KindEntry("moody", "parts:Moody")
    yield KindEntry("sparkling", "parts:Sparkling")
    yield KindEntry("idle", "ganzoo:Kind")

@hookimpl
def ganzoo_models():
    yield ModelEntry("nobody", Path("/nowhere"))

@hookimpl
def ganzoo_observers():
    yield ObserverEntry("deaf", "parts:Deaf")
    yield ObserverEntry("typing", "parts:Typing")
    yield ObserverEntry("greedy", "parts:Greedy")

@hookimpl
def ganzoo_extractors():
    yield ExtractorEntry("company", "parts:Company")
    yield ExtractorEntry("nameless", "parts:Nameless")

@hookimpl
def ganzoo_commands():
    yield CommandEntry("helpless", click.Command("helpless"))

@hookimpl
def ganzoo_readers():
    yield ReaderEntry("blind", "parts:NOTHING", "", (".blind",))
    yield ReaderEntry("hasty", "parts:hasty", "", (".hasty",))
"""

MODULE = """
import random
import urllib.request
import torch
from ganzoo import (
    AdversarialObjective, Dataset, Extractor, Features, Kind, NonSaturating, Observer, SampleSpec,
)

NOTHING = None

class Flat(AdversarialObjective):
    def real_loss(self, scores): return scores.mean() * 0
    def fake_loss(self, scores): return scores.mean() * 0
    def generator_loss(self, scores): return scores.mean() * 0

class Peeking(NonSaturating):
    def generator_loss(self, scores):
        return super().generator_loss(scores) if scores.mean() < 9 else scores.mean()

def still(parameters, lr, training, player):
    return torch.optim.SGD(parameters, 0.0)

class Forgetful(torch.optim.SGD):
    def __init__(self, parameters, lr, training, player):
        super().__init__(parameters, lr)
        self.steps = 0
    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            group["lr"] = 0.01 * self.steps
        super().step(closure)

def sinking(step, training): return 1 - 2 * step / training.steps
def idle_penalty(game): return game.score_gradient(game.real).detach().mean()
def dice(samples, draws): return samples + torch.rand(len(samples), 1, 1, 1)
def cropped(samples, draws): return samples[..., 1:]

class Lazy:
    shape, dtype = (3,), torch.float32
    def __init__(self, make): self.make = make
    def __len__(self): return 5
    def __getitem__(self, index): return self.make(index)
    def name(self, index): return str(index)
    def fingerprint(self): return "0" * 64

def made(make, **more): return Dataset("made", Lazy(make), kind="array", **more)
def list_data(split): return [torch.zeros(3)]
def wild_data(split): return made(lambda index: torch.full((3,), 7.0))
def holed_data(split): return made(lambda index: torch.tensor([0, float("nan"), 0]))
def rows_data(split): return made(lambda index: torch.zeros(index + 1))
def online_data(split): return urllib.request.urlopen("http://127.0.0.1:9/data").read()
def other_labels_data(split): return Dataset("made", torch.zeros(4, 3), torch.arange(3))
def hasty(path): return torch.frombuffer(path.read_bytes(), dtype=torch.float64)

class Moody(Kind):
    @classmethod
    def examples(cls, sizes=()): return [SampleSpec("moody", (random.randint(1, 10**9),))]

class Sparkling(Kind):
    @classmethod
    def examples(cls, sizes=()): return [SampleSpec("sparkling", (3,))]
    def render(self, samples, suffix): return random.randbytes(9)

class Hidden(Kind):
    preview = ".png"

class Mute(Kind):
    @classmethod
    def examples(cls, sizes=()): return [SampleSpec("mute", (3,))]
    def render(self, samples, suffix): return "text"

class Typing(Observer):
    def loged(self, line): pass

class Greedy(Observer):
    def logged(self, line, more): pass

class Company(Extractor):
    name = "company"
    def features(self, samples):
        flat = samples.float().flatten(1)[:, :8]
        return Features(flat - flat.mean(0))

class Nameless(Extractor):
    def features(self, samples): return Features(samples.float().flatten(1))

class Deaf(Observer):
    def __init__(self, needed): pass
"""


def test_faults_in_other_parts_of_a_plugin_are_found(ganzoo, distribution, tmp_path):
    site = distribution("ganzoo-parts", PARTS)
    (site / "parts.py").write_text(MODULE)
    done = ganzoo("check-plugin", "ganzoo-parts", PYTHONPATH=str(site))
    assert done.returncode == 1
    told = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    for key, text in {
        "failed  flat": "finite loss with a gradient",
        "failed  peeking": "scores.mean() < 9",
        "failed  still": "every parameter moved",
        "failed  forgetful": "the same step from the same state",
        "failed  sinking": "finite number from 0 up",
        "failed  idle-penalty": "depends on the networks",
        "failed  dice": "chance of its own",
        "failed  cropped": "samples of shape (6, ",
        "failed  list": "a ganzoo.Dataset",
        "failed  wild": "values in [-1.0, 1.0]",
        "failed  holed": "finite values",
        "failed  rows": "tensors of shape (3,)",
        "failed  other-labels": "4 samples but labels of shape (3,)",
        "skipped online": "has to be downloaded first",
        "failed  hasty": "Dataset, or ganzoo.GanzooError",
        "failed  moody": "the same specs at each call",
        "failed  sparkling": "the same bytes for the same samples",
        "failed  mute": "expected bytes; came str",
        "failed  hidden": "expected one of its suffixes, .npz, .npy; came '.png'",
        "failed  idle": "expected specs of kind 'idle'",
        "failed  nobody": "no such folder",
        "failed  deaf": "missing 1 required positional argument",
        "failed  typing": "an event, such as 'logged'",
        "failed  greedy": "logged(self, line",
        "failed  helpless": "help text",
        "failed  blind": "something to call",
        "failed  company": "the same row for a sample in any batch",
        "failed  nameless": "a ganzoo.Extractor with a name",
    }.items():
        assert text in told[key], told[key]
    assert told["ok      ganzoo-parts"] == "health"


HALF = """
from ganzoo import ArchitectureEntry, DatasetEntry, hookimpl

@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry("gone", "nowhere:Net")
    yield ArchitectureEntry("leaves", "leaving:Net")

@hookimpl
def ganzoo_datasets():
    yield DatasetEntry("whole", "ganzoo.kinds.points:ring")
"""


def test_an_entry_that_cannot_be_imported_hides_no_other(ganzoo, distribution):
    site = distribution("ganzoo-half", HALF)
    (site / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    done = ganzoo("check-plugin", "ganzoo-half", "--json", PYTHONPATH=str(site))
    assert done.returncode == 1, done.stderr
    found = {result["of"]: result for result in json.loads(done.stdout)}
    assert "nowhere" in found["gone"]["text"]
    assert "SystemExit" in found["leaves"]["text"]
    assert [found[of]["outcome"] for of in ("ganzoo-half", "gone", "leaves", "whole")] == [
        *("ok", "failed", "failed", "ok")
    ]
    with pytest.raises(Fault, match="SystemExit: 3"):
        Check("leaves", "", functools.partial(sys.exit, 3))()


def test_check_plugin_takes_an_architecture_a_distribution_or_an_entry_point(ganzoo, distribution):
    assert call("check-plugin", "tensorboard").exit_code == 0
    assert call("check-plugin", "vanila").exit_code == 2
    site = distribution("ganzoo-broken", "def (")
    for name in ("ganzoo-broken",):
        done = ganzoo("check-plugin", name, PYTHONPATH=str(site))
        assert done.returncode == 1
        assert "SyntaxError" in done.stdout


@pytest.mark.slow
def test_every_plugin_passes_with_its_usual_options():
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "check-plugin", "torch-ganzoo"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
