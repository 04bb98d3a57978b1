"""See the package."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from golden import CASES, LOSSES, differences, digests, losses, train

asked = argparse.ArgumentParser()
asked.add_argument("--folder", type=Path, required=True, help="for the runs; replaced")
asked.add_argument("--write", action="store_true", help="keep the losses from now on")
asked.add_argument("--digests", type=Path, help="write digests of weights and samples here")
options = asked.parse_args()

shutil.rmtree(options.folder, ignore_errors=True)
runs = {name: train(name, options.folder / name) for name in CASES}
found = {name: losses(run) for name, run in runs.items()}
if options.digests:
    told = {name: digests(run) for name, run in runs.items()}
    options.digests.write_text(json.dumps(told, indent=1) + "\n")
if options.write:
    LOSSES.write_text(json.dumps(found, indent=1) + "\n")
wrong = [f"{name}: {text}" for name in CASES for text in differences(name, found[name])]
print("\n".join(wrong) or f"{len(CASES)} trainings have the losses that were kept")
sys.exit(bool(wrong))
