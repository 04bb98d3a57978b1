"""What the tests share: small real data, the command as a real process, fake distributions."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Networks this small are slower on two threads than on one, and far slower on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# huggingface_hub reads its settings when it is imported, so the Hub of these tests comes first.
from loopback import Hub

ROOT = Path(__file__).parent.parent
SCRATCH = Path(tempfile.mkdtemp(prefix="ganzoo-tests-"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
HUB = Hub(tokens={"hf_alice_writes": "alice", "hf_bob_writes": "bob"})
HUB.start()
os.environ.update(HUB.environment(SCRATCH), GANZOO_HOME=str(SCRATCH / "home"))

import numpy as np
import pytest
import torch
from architectures import Labelled
from click.testing import CliRunner, Result
from filelock import FileLock
from PIL import Image

import ganzoo as package
from ganzoo import plugins
from ganzoo.cli import commands

#: Of signals, terminals and process groups, as Windows has none.
collect_ignore = ["test_cli.py", "test_machines.py"] if sys.platform == "win32" else []

#: Settings that make each architecture small enough to train in a test.
SMALL = {
    "vanilla": {"widths": [16, 32], "training.batch_size": 20},
    "dcgan": {"width": 4, "training.batch_size": 16, "data.image_size": 16},
    "wgan-gp": {"width": 4, "training.batch_size": 16, "data.image_size": 16},
}


#: A whole plugin, in a file.
PLUGIN = """
from typing import ClassVar
from torch import nn
from ganzoo import Architecture, ArchitectureEntry, Options, Training, hookimpl
from pydantic import Field

class Tiny(Architecture):
    class Config(Options):
        latent_size: int = Field(4, description="length of a latent")
    training: ClassVar = Training(batch_size=8, steps=3)
    def build_generator(self):
        layers = [nn.Linear(4, self.spec.size), nn.Tanh(), nn.Unflatten(1, self.spec.shape)]
        return nn.Sequential(*layers)
    def build_discriminator(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(self.spec.size, 1))

@hookimpl
def ganzoo_architectures():
    yield ArchitectureEntry("tiny", Tiny)
"""


@pytest.fixture(scope="session")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """1,000 real digits (1000, 1, 28, 28) uint8 and their labels."""
    from ganzoo.kinds.image.named import mnist_5k

    dataset = mnist_5k("train")
    assert isinstance(dataset.samples, torch.Tensor)
    assert dataset.labels is not None
    return dataset.samples[::5].clone(), dataset.labels[::5].clone()


@pytest.fixture(scope="session")
def digits_npz(digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    images, labels = digits
    np.savez(path, images=images.numpy(), labels=labels.numpy())
    return path


def set_options(settings: dict[str, object]) -> list[str]:
    return [arg for key, value in settings.items() for arg in ("--set", f"{key}={value}")]


#: Enough to measure in a moment.
FEW = ("--samples", 300, "--seeds", 1)


def write_pictures(images: torch.Tensor, folder: Path) -> Path:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[0].numpy()).save(folder / f"{number:04}.png")
    return folder


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ganzoo(tmp_path: Path) -> Command:
    """Run the ganzoo command as a process of its own, in an empty folder."""

    def run(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
        if "PYTHONPATH" in environment:  # it goes before the one that this process has
            paths = [environment["PYTHONPATH"], os.environ.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return subprocess.run(
            [sys.executable, "-m", "ganzoo", *map(str, args)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def models(trained, digits, tmp_path_factory) -> dict[str, Path]:
    """A model folder of each of several forms."""
    root = tmp_path_factory.mktemp("models")
    small = {"widths": [4, 4], "latent_size": 3, "training.batch_size": 8}
    package.train("vanilla", digits[0][:50], steps=1, settings=small, out=root / "v")
    package.train("vanilla", "ring", steps=1, settings=small, out=root / "r")
    critic = {"width": 4, "training.batch_size": 8, "data.image_size": 8}
    package.train("wgan-gp", digits[0][:50], steps=1, settings=critic, out=root / "w")
    rows = {"width": 4, "latent_size": 3, "training.batch_size": 20}
    package.train("ctgan", "auto-mpg", steps=1, settings=rows, out=root / "c")
    sound = package.Dataset(
        "sound", torch.rand(8, 1, 1024) - 0.5, kind="audio", details={"sample_rate": 8000}
    )
    waves = {"width": 1, "latent_size": 3, "training.batch_size": 8}
    package.train("wavegan", sound, steps=1, settings=waves, out=root / "s")
    labels = torch.arange(50) % 3
    package.train(Labelled, digits[0][:50], labels=labels, steps=1, out=root / "l")
    return {
        "dcgan": trained / "model",
        **{name: root / name[0] / "model" for name in ("vanilla", "ring", "wgan-gp", "labelled")},
        "ctgan": root / "c" / "model",
        "sound": root / "s" / "model",
    }


@pytest.fixture
def hub() -> Iterator[Hub]:
    """The Hub of these tests, without faults and without memory of earlier requests."""
    HUB.clear_faults()
    HUB.requests.clear()
    yield HUB
    HUB.clear_faults()
    HUB.start()


def call(*args: object) -> Result:
    """The command in this process: quick, for what needs no process of its own."""
    return CliRunner().invoke(commands, [str(arg) for arg in args])


@pytest.fixture(scope="session")
def trained(digits_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a small DCGAN, with checkpoints of steps 2 and 4. Read only."""
    out = tmp_path_factory.mktemp("trained") / "run"
    result = call(
        *("train", "dcgan", "--data", digits_npz, "--steps", 4, "--out", out),
        *("--log-every", 2, "--checkpoint-every", 2, *set_options(SMALL["dcgan"])),
    )
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory) -> Path:
    """A model folder of a module's own."""
    folder = tmp_path_factory.mktemp("evaluated") / "model"
    shutil.copytree(trained / "model", folder)
    return folder


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A repository of this test's own."""
    return f"alice/{request.node.name.split('[')[0][5:60].strip('_')}"


def one_message(text: str) -> bool:
    """Whether there is one error, without a traceback and without anybody's token."""
    errors = [line for line in text.splitlines() if line.startswith("Error:")]
    return len(errors) == 1 and "Traceback" not in text and "hf_alice" not in text


def published(trained: Path, name: str, *args: object) -> str:
    result = call("publish", trained, f"hf://{name}", *args)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.fixture
def distribution(tmp_path: Path) -> Callable[..., Path]:
    """Make a distribution with one plugin module; the folder goes on PYTHONPATH.

    It is what pip would leave: a module and a .dist-info with its entry point.
    """
    site = tmp_path / "site"
    site.mkdir()

    def make(name: str, code: str, requires: str = "", attribute: str = "") -> Path:
        module = name.replace("-", "_")
        (site / f"{module}.py").write_text(code)
        info = site / f"{module}-1.2.dist-info"
        info.mkdir()
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n{needs}"
        )
        (info / "entry_points.txt").write_text(f"[ganzoo]\n{name} = {module}{attribute}\n")
        return site

    return make


@pytest.fixture
def fresh_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of this test's own, made on first use."""
    monkeypatch.setattr(plugins, "_catalogue", None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, fresh_catalogue) -> Iterator[Callable[[Path], None]]:
    """Have the distributions of a folder found in this process, until the test is over.

    Called again after a change there, it forgets what it has imported from the folder.
    """
    folders: set[Path] = set()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which knows a change by the second

    def forget() -> None:
        plugins._catalogue = None
        for name, module in list(sys.modules.items()):
            if folders & set(Path(getattr(module, "__file__", None) or "/").parents):
                del sys.modules[name]

    def find(site: Path) -> None:
        folders.add(site)
        monkeypatch.syspath_prepend(site)
        forget()

    yield find
    forget()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this clone, built once for all workers."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / "wheel"
    with FileLock(root / "wheel.lock"):
        if not folder.exists():
            build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
            pip = [sys.executable, "-m", "pip", "-q", *build]
            subprocess.run(pip, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def fresh(wheel, tmp_path_factory) -> Path:
    """The programs of a fresh environment with the wheel, and this one's other packages."""
    home = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "-q", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    # Not its .pth files, so that the clone which is installed here stays out.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "bin"


@pytest.fixture(scope="session")
def author(fresh: Path) -> Path:
    """The programs of an author's environment: ganzoo, pip that asks no index, pytest."""
    # pip's own way to say so: 0 switches the isolation off.
    offline = "PIP_NO_INDEX=1 PIP_NO_BUILD_ISOLATION=0 PIP_DISABLE_PIP_VERSION_CHECK=1"
    for name in ("pip", "pytest"):
        script = f'#!/bin/sh\nexport {offline}\nexec "{fresh}/python" -m {name} "$@"\n'
        (fresh / name).write_text(script)
        (fresh / name).chmod(0o755)
    return fresh
