"""Machines as they are: signals, closed streams, file systems without locks, launchers, moves."""

from __future__ import annotations

import errno
import fcntl
import gzip
import hashlib
import http.server
import json
import math
import os
import pty
import shutil
import signal
import stat
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import call, one_message

import ganzoo
from ganzoo import GanzooError, GanzooWarning, Observer
from ganzoo.data.reading import left_in_group
from ganzoo.engine import session
from ganzoo.engine.signals import Interrupted
from ganzoo.errors import WorkFailed
from ganzoo.files import portable, write_folder
from ganzoo.kinds.image.named import mnist
from ganzoo.locks import Busy, locked
from ganzoo.runs.folder import free_number

SMALL = {"widths": [4, 4], "latent_size": 3, "training.batch_size": 8}


def train(out: Path | None, steps: int = 6, **more: object) -> ganzoo.Run:
    settings = SMALL | more.pop("settings", {})
    return ganzoo.train("vanilla", "ring", steps=steps, out=out, settings=settings, **more)


class Sending(Observer):
    """Sends this process signals at step 2."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def stepped(self, step: int) -> None:
        for number in self.numbers if step == 2 else ():
            os.kill(os.getpid(), number)


SENT = {
    "hangup": (signal.SIGHUP,),
    "twice": (signal.SIGTERM, signal.SIGTERM),
    "a terminal and what forwards": (signal.SIGINT, signal.SIGINT, signal.SIGTERM),
    "a session that ends": (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP),
}


@pytest.mark.parametrize("name", SENT)
def test_a_signal_ends_a_run_with_a_checkpoint_however_often_it_comes(name, tmp_path):
    numbers = SENT[name]
    handlers = [signal.getsignal(number) for number in numbers]
    with pytest.raises(Interrupted) as stopped:
        train(tmp_path / "run", observers=[Sending(*numbers)])
    assert stopped.value.signal == numbers[0]
    assert ganzoo.Run.open(tmp_path / "run").checkpoints.steps() == [2]
    assert [signal.getsignal(number) for number in numbers] == handlers


def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert train(tmp_path / "run", observers=[Sending(signal.SIGHUP)]).finished
    finally:
        signal.signal(signal.SIGHUP, before)


HANDLER = "#include <signal.h>\nvoid h(int s){} __attribute__((constructor)) void c(void)"


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_handler_of_a_host_program_is_left_to_it(tmp_path):
    library, code = tmp_path / "h.so", tmp_path / "h.c"
    code.write_text(HANDLER + "{signal(SIGTERM,h);}\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, code], check=True)
    script = f"import ganzoo; ganzoo.train('vanilla', 'ring', steps=1, settings={SMALL}, out='r')"
    subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "LD_PRELOAD": str(library)},
        cwd=tmp_path,
        check=True,
        timeout=100,
    )
    assert (tmp_path / "r" / "model").is_dir()


def in_shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = line.replace("ganzoo", f"{sys.executable} -m ganzoo", 1)
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_closed_streams_and_poor_encodings_stop_nothing(tmp_path):
    closed = in_shell("ganzoo plugins nothing 2>&-", tmp_path)
    assert (closed.returncode, closed.stdout) == (2, "")
    every = in_shell("ganzoo --version <&- >&- 2>&-", tmp_path)
    assert every.returncode == 0
    info = in_shell("ganzoo info r3gan-mnist", tmp_path, PYTHONIOENCODING="ascii")
    assert (info.returncode, info.stderr) == (0, "")


def test_a_terminal_that_goes_away_stops_nothing(tmp_path):
    """It hangs up, and what is written to it fails from then on."""
    child, terminal = pty.fork()
    if not child:
        os.chdir(tmp_path)
        words = "train vanilla --data ring --steps 1000000 --log-every 1 --out r --batch-size 8"
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "ganzoo", *words.split()])
    while not (tmp_path / "r" / "metrics.jsonl").exists():
        os.read(terminal, 1 << 16)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert ganzoo.Run.open(tmp_path / "r").checkpoints.steps()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_and_done_without(number, monkeypatch, tmp_path):
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.warns(GanzooWarning, match=r"\.lock: this file system has no locks"):
        assert train(tmp_path / "run", steps=1).finished


def test_a_lock_keeps_another_out_until_it_is_left(tmp_path):
    with locked(tmp_path / "lock"), pytest.raises(Busy), locked(tmp_path / "lock"):
        pass
    with locked(tmp_path / "lock", -1):
        pass


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("vanilla-ring", "vanilla-ring"),
        ("dcgan-d:train", "dcgan-d-train"),
        ('a<b>c"d|e?f*g\\h/i', "a-b-c-d-e-f-g-h-i"),
        ("ends. ", "ends"),
        ("CON", "CON-"),
        ("lpt1.txt", "lpt1.txt-"),
        ("...", "-"),
    ],
)
def test_names_are_ones_that_every_system_takes(name, made):
    assert portable(name) == made


def test_a_folder_is_flushed_as_windows_needs_it(monkeypatch, tmp_path):
    """There, what is open for reading alone cannot be flushed."""
    flushed, flush = [], os.fsync

    def fsync(handle: int) -> None:
        mode = fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE
        flushed.append((stat.S_ISDIR(os.fstat(handle).st_mode), mode))
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_folder(tmp_path / "made", lambda folder: (folder / "file").write_bytes(b"x") and None)
    assert (False, os.O_RDWR) in flushed
    assert all(mode != os.O_RDONLY for is_folder, mode in flushed if not is_folder)


LAUNCHED = {
    "nowhere to meet": ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "MASTER_ADDR"),
    "no port": (
        {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"},
        "MASTER_PORT are not set",
    ),
    "a rank too many": ({"RANK": "2", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "RANK='2'"),
    "no rank": ({"WORLD_SIZE": "4"}, "RANK=''"),
    "no number": ({"RANK": "0", "WORLD_SIZE": "two", "LOCAL_RANK": "0"}, "WORLD_SIZE='two'"),
    "no such place": (
        {
            "RANK": "1",
            "WORLD_SIZE": "2",
            "LOCAL_RANK": "1",
            "MASTER_PORT": "x",
            "MASTER_ADDR": "127.0.0.1",
        },
        "MASTER_ADDR and MASTER_PORT",
    ),
}


@pytest.mark.parametrize("name", LAUNCHED)
def test_a_launcher_that_sets_half_is_told_what_is_missing(name, monkeypatch, tmp_path):
    variables, says = LAUNCHED[name]
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    result = call("train", "vanilla", "--data", "ring", "--steps", 1, "--out", tmp_path / "r")
    assert says in result.stderr
    assert one_message(result.stderr)
    assert not (tmp_path / "r").exists()


def test_runs_that_begin_at_once_have_numbers_of_their_own(monkeypatch, tmp_path):
    """Another one takes the number between the look and the making."""
    monkeypatch.chdir(tmp_path)

    def stale(root: Path, name: str, after: int = 0) -> int:
        number = free_number(root, name, after)
        if number < 3:
            (root / f"{name}-{number}").mkdir(parents=True)
        return number

    monkeypatch.setattr(session, "free_number", stale)
    assert train(None, steps=1).path == Path("runs/vanilla-ring-3")


class Slowly(http.server.BaseHTTPRequestHandler):
    """Gives the files of a tiny MNIST, and counts how often."""

    files: dict[str, bytes] = {}
    asked: list[str] = []

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.asked.append(name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.files[name])))
        self.end_headers()
        self.wfile.write(self.files[name])

    def log_message(self, *_: object) -> None:
        pass


def idx(*shape: int) -> bytes:
    head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    values = np.arange(math.prod(shape), dtype=np.int64) % 10
    return gzip.compress(head + values.astype(np.uint8).tobytes())


def test_who_needs_the_same_download_waits_for_it(monkeypatch, tmp_path):
    from torchvision import datasets

    names = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
    Slowly.files = dict(zip(names, (idx(50, 28, 28), idx(50)), strict=True))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slowly)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in Slowly.files.items()]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    with ThreadPoolExecutor(4) as pool:
        assert [len(data) for data in pool.map(mnist, ["train"] * 4)] == [50] * 4
    server.shutdown()
    assert sorted(Slowly.asked) == sorted(names * 2)  # torchvision looks first where it is


def test_a_home_that_cannot_be_written_is_told_and_done_without(monkeypatch, tmp_path):
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "home"))
    assert train(tmp_path / "run", steps=2).finished
    with pytest.raises(WorkFailed, match="mnist could not be downloaded to"):
        mnist("train")


@pytest.mark.parametrize(
    ("limit", "used", "cached", "left"),
    [("1000", 900, 800, 900), ("1000", 900, 0, 100), ("1000", 1100, 0, 0), ("max", 900, 0, None)],
)
def test_a_containers_limit_counts_and_its_page_cache_is_free(limit, used, cached, left, tmp_path):
    group = tmp_path / "cgroup" / "docker" / "one"
    group.mkdir(parents=True)
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\n")
    (tmp_path / "own").write_text("0::/docker/one\n")
    assert left_in_group(tmp_path / "cgroup", tmp_path / "own") == left
    assert left_in_group(tmp_path / "nothing", tmp_path / "own") is None


@pytest.fixture
def begun(digits, tmp_path) -> Path:
    """A run of two steps, on a file that is its own."""
    np.savez(tmp_path / "digits.npz", images=digits[0][:64].numpy())
    settings = SMALL | {"schedule.precision": "fp32"}
    path, data = tmp_path / "run", tmp_path / "digits.npz"
    ganzoo.train("vanilla", data, steps=2, out=path, settings=settings, device="cpu")
    return path


def resumed(run: Path, *words: object) -> dict[str, dict[str, object]]:
    result = call("resume", run, "--steps", 4, *words)
    assert result.exit_code == 0, result.output
    return json.loads((run / "config.json").read_text())


def test_a_run_moves_to_another_device(begun):
    config = json.loads((begun / "config.json").read_text())
    config["schedule"] |= {"device": "cuda:7", "step": "captured"}
    config["execution"] |= {"step": "captured"}
    (begun / "config.json").write_text(json.dumps(config))
    config = resumed(begun, "--device", "cpu")
    assert config["schedule"]["device"] == "cpu"
    assert config["execution"]["step"] == "eager"
    assert config["execution"]["precision"] == "fp32"


@pytest.mark.filterwarnings("default::ganzoo.GanzooWarning")
def test_a_run_goes_on_in_another_precision(begun):
    config = resumed(begun, "--precision", "bf16")
    assert config["execution"]["precision"] == config["schedule"]["precision"] == "bf16"


def test_a_run_goes_on_where_its_data_is_now(begun, monkeypatch, tmp_path):
    (tmp_path / "digits.npz").rename(tmp_path / "moved.npz")
    with pytest.raises(GanzooError, match=r"ganzoo resume .*--data PATH"):
        ganzoo.resume(begun, steps=3)
    monkeypatch.chdir(tmp_path)
    assert resumed(begun, "--data", "moved.npz")["data"]["source"] == str(tmp_path / "moved.npz")
    assert ganzoo.resume(begun, steps=5).finished  # it is known from now on


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--device", "tpu"), "--device tpu"),
        (("--precision", "fp8"), "fp8"),
        (("--data", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_a_run_does_not_move_to_where_nothing_is(words, says, begun):
    before = (begun / "config.json").read_text()
    result = call("resume", begun, "--steps", 4, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert (begun / "config.json").read_text() == before
