"""The check of training in two processes, and what each of the two does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from ganzoo.errors import one_line
from ganzoo.plugins import file_of, use
from ganzoo.processes import processes_of
from ganzoo.targets import import_object
from ganzoo.testing.case import Case
from ganzoo.testing.check import Fault, NotHere

_WORK = "import sys; from ganzoo.testing.processes import work; work(*sys.argv[1:])"
_SAME = "same"


def processes(case: Case) -> None:
    """Two processes, each with half of the batch, keep the same weights."""
    where = f"{case.architecture.__module__}:{case.architecture.__qualname__}"
    if not _importable(case, where):
        raise NotHere(f"another process cannot import {where}")
    if torch.get_num_threads() == 1:  # without it, torchrun speaks of threads
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    paths = [str(Path(path).resolve()) for path in sys.path]
    file = file_of(case.architecture.__module__)
    with tempfile.TemporaryDirectory(prefix="ganzoo-check-") as folder:
        report = Path(folder) / "report"
        words = [where, case.name, json.dumps(dict(case.options)), str(report), file]
        done = subprocess.run(
            [*launcher, "--nproc-per-node=2", "--no-python", sys.executable, "-c", _WORK, *words],
            # torchrun leaves a folder behind where temporary files go.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=600,
        )
        outcome = report.read_text() if report.exists() else ""
    if done.returncode or outcome != _SAME:
        raise Fault(
            "two processes",
            "the same weights in both after three steps",
            outcome or _last_error(done.stderr),
        )


def _importable(case: Case, where: str) -> bool:
    try:
        return not where.startswith("__main__:") and import_object(where) is case.architecture
    except (ImportError, AttributeError):
        return False


def _last_error(text: str) -> str:
    """The last line of `text` that is an exception's."""
    lines = re.findall(r"^(?:\[rank\d+\]: )?([\w.]+(?:Error|Exception)\b.*)$", text, re.MULTILINE)
    return str(lines[-1]) if lines else (text.strip() or "no answer")[-300:]


def work(where: str, name: str, options: str, report: str, file: str) -> None:
    """In one of two processes: play three steps, write to `report` whether both ended with the
    same weights, and end the process.

    where: the architecture's class. file: of the plugin, where it is one that is not installed,
    else empty.
    """
    if file:
        use(file)
    case = Case(import_object(where), name, json.loads(options))
    with processes_of("cpu") as both:
        try:
            match = case.match(processes=both)
            case.play(match, 3)
            modules = match.networks.modules().values()
            weights = torch.cat([p.detach().flatten() for m in modules for p in m.parameters()])
            first, second = both.collect(weights, torch.device("cpu"))
            outcome = _SAME if torch.equal(first, second) else "weights that differ"
        except Exception as error:
            outcome = one_line(error)
        if both.first:
            Path(report).write_text(outcome)
    os._exit(0)  # gloo's threads now and then abort Python while it winds up
