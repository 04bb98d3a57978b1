"""One of two processes that train an architecture on trial: see `runs.processes`."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from ganzoo.errors import one_line
from ganzoo.plugins import use
from ganzoo.processes import processes_of
from ganzoo.testing.case import Case


def main(where: str, name: str, options: str, report: str, file: str) -> None:
    """Play three steps and write to `report` whether both ended with the same weights.

    file: of the plugin, where it is one that is not installed, else empty.
    """
    if file:
        use(file)
    module, _, path = where.partition(":")
    architecture: Any = importlib.import_module(module)
    for part in path.split("."):
        architecture = getattr(architecture, part)
    case = Case(architecture, name, json.loads(options))
    with processes_of("cpu") as processes:
        try:
            match = case.match(processes=processes)
            case.play(match, 3)
            flat = torch.cat(
                [
                    p.detach().flatten()
                    for n in match.networks.modules().values()
                    for p in n.parameters()
                ]
            )
            first, second = processes.collect(flat, torch.device("cpu"))
            told = "same" if torch.equal(first, second) else "weights that differ"
        except Exception as error:
            told = one_line(error)
        if processes.first:
            Path(report).write_text(told)


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # gloo's threads now and then abort Python while it winds up
