"""How fast images that do not fit in memory reach training, and how much memory they take.

    python tests/benchmarks/data_speed.py                     # many small pictures: memory
    python tests/benchmarks/data_speed.py --count 4000 --size 64 --format jpeg

Writes pictures into a temporary folder, and the same into a zip, and streams them as training
does, without a network: without the cache of decoded samples, in the epoch that fills it, in the
next one, and in another run. Samples are counted by the second and by the second of processor
time, of all processes together: a busy machine changes the first. Memory is the proportional set
size of all processes at an epoch's end, over that of a process that has imported all and read
nothing. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import tempfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image

from ganzoo.data.batches import Batches
from ganzoo.data.decoded import keep_decoded
from ganzoo.kinds.image.fit import fit_images
from ganzoo.sources.find import find_dataset

BATCH = 64


def write_pictures(root: Path, count: int, size: int, form: str) -> tuple[Path, Path]:
    """Soft random pictures, in a folder with ten classes and in a zip."""
    rng = np.random.default_rng(0)
    archive = root / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(count):
            small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
            content = io.BytesIO()
            small.resize((size, size), Image.Resampling.BICUBIC).save(content, form)
            path = root / "pictures" / f"class-{number % 10}" / f"{number:07}.{form}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.getvalue())
            packed.write(path, path.relative_to(root))
    return root / "pictures", archive


def everyone() -> list[psutil.Process]:
    return [psutil.Process(), *psutil.Process().children()]


def memory() -> float:
    """MiB of all processes; what they share is counted once."""
    return sum(process.memory_full_info().pss for process in everyone()) / 2**20


def seconds() -> float:
    """Processor time of all processes."""
    return sum(sum(process.cpu_times()[:2]) for process in everyone())


def stream(path: Path, size: int, cache: str, epochs: int, workers: int) -> list[dict[str, float]]:
    """The figures of each epoch."""
    multiprocessing.set_start_method("fork", force=True)  # as in a process that was not spawned
    torch.set_num_threads(1)
    start, before = time.perf_counter(), memory()
    dataset = fit_images(find_dataset(str(path)), size, 3)
    if cache != "no":
        dataset, _ = keep_decoded(dataset, "yes")
    opened = time.perf_counter() - start
    batches = Batches(dataset, BATCH, 0, torch.Generator(), torch.device("cpu"), workers=workers)
    running, figures = batches.start(0), []
    next(running)  # the workers have begun
    for _ in range(epochs):
        begin, spent = time.perf_counter(), seconds()
        for _ in range(batches.per_epoch):
            next(running)
        wall, spent = time.perf_counter() - begin, seconds() - spent
        count, more = BATCH * batches.per_epoch, memory() - before
        figures.append({"wall": count / wall, "cpu": count / spent, "memory": more, "open": opened})
    running.close()
    return figures


def apart(*args: Any) -> list[dict[str, float]]:
    """The figures of `stream` in a new process, as another run is."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(stream, *args).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=16, help="pixels")
    parser.add_argument("--format", default="png", choices=["png", "jpeg"])
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ganzoo-benchmark-") as root:
        os.environ["GANZOO_HOME"] = root
        print("| data | epoch | samples/s | samples/s of processor | MiB more | seconds to open |")
        print("| --- | --- | --- | --- | --- | --- |")
        for path in write_pictures(Path(root), args.count, args.size, args.format):
            for cache, names in (
                ("no", ("no cache, first", "no cache, second")),
                ("yes", ("first, fills the cache", "second")),
                ("yes", ("another run, first", "another run, second")),
            ):
                figures = apart(path, args.size, cache, len(names), args.workers)
                for name, f in zip(names, figures, strict=True):
                    cells = (f"{f[key]:,.0f}" for key in ("wall", "cpu", "memory"))
                    row = (path.name, name, *cells, f"{f['open']:.1f}")
                    print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
