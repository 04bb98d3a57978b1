"""How fast ganzoo trains, beside a plain loop and beside its own step written by hand.

    python tests/benchmarks/speed.py [WORK ...] [--device cpu|cuda] [--turns 5] [--json FILE]
    python tests/benchmarks/speed.py [WORK ...] --losses
    python tests/benchmarks/speed.py [WORK ...] --shares

plain:  the loop as the popular implementations have it (``plain.py``).
hand:   ganzoo's own step without ganzoo, at its best (``hand.py``).
ganzoo: the engine, with each precision forced, on CUDA also with its step eager and captured, and
        with ``--precision auto``.

The loops take turns in one process, forth and back, each turn about as long as any other, so that
a machine whose speed drifts treats them alike. Ratios are medians over the turns, with the
smallest and the largest. The tables are Markdown, for ``docs/performance.md``.

``--losses``: the losses of the first steps of each forced precision, against those of float32
played eagerly, from the same seed. ``--shares``: where the time of ganzoo's step goes.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import hand
import plain
import torch
from shares import shares
from works import WORKS, Work, session

from ganzoo.devices import Device
from ganzoo.engine.session import Session
from ganzoo.engine.tuning import playing

Times = dict[str, list[float]]  # seconds a step of each loop, turn by turn

#: How far a loss may be from float32's, relative to the largest of its player in those steps.
TOLERANCES = {"fp32": 1e-3, "bf16": 0.3}


class Loop:
    """A loop with the switches of torch that it was made under: they are global, and its own."""

    def __init__(self, make: Callable[[], Callable[[], None]], device: Device) -> None:
        self.device = device
        torch.backends.cudnn.benchmark = False
        torch.set_float32_matmul_precision("highest")
        self.step = make()
        self.switches = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()

    def seconds(self, steps: int) -> float:
        """Seconds a step, over so many."""
        torch.backends.cudnn.benchmark = self.switches[0]
        torch.set_float32_matmul_precision(self.switches[1])
        self.device.synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        self.device.synchronize()
        return (time.perf_counter() - start) / steps


def forced(device: str) -> list[tuple[str, str]]:
    """What ganzoo can be made to do: precision and step."""
    ways = ["eager", "captured"] if device == "cuda" else ["eager"]
    return [(precision, way) for precision in ("fp32", "bf16") for way in ways]


def words(precision: str, way: str, device: str) -> str:
    """``fp32``, or ``fp32 captured`` where there is a choice."""
    return f"{precision} {way}" if device == "cuda" else precision


def loops_of(work: Work, device: str) -> tuple[dict[str, Loop], str]:
    """All loops of a work by name, and what ``auto`` chose."""
    sessions: dict[str, Session] = {}

    def ganzoo(precision: str, way: str) -> Callable[[], None]:
        sessions[precision] = prepared = session(work, device, precision, way)
        return play(prepared)

    makers = {"plain": lambda: plain.LOOPS[work.architecture](work, device)}
    for precision, way in forced(device):
        name = words(precision, way, device)
        makers[f"hand {name}"] = partial(by_hand, work, device, precision, way)
        makers[f"ganzoo {name}"] = partial(ganzoo, precision, way)
    makers["ganzoo auto"] = partial(ganzoo, "auto", "auto")
    placed = Device(torch.device(device), "fp32")
    loops = {name: Loop(make, placed) for name, make in makers.items()}
    execution = sessions["auto"].config.execution
    return loops, words(execution.precision, execution.step, device)


def play(prepared: Session) -> Callable[[], None]:
    """What plays one step of a run as it was decided."""
    return playing(prepared.match, prepared.config.execution).play


def by_hand(work: Work, device: str, precision: str, way: str) -> Callable[[], None]:
    torch.backends.cudnn.benchmark = True
    step = hand.LOOPS[work.architecture](work, device, precision)
    return hand.captured(step) if way == "captured" else step


def measure(loops: dict[str, Loop], turns: int, steps: int | None, seconds: float) -> Times:
    """Let the loops take turns. steps: of each turn, else as many as take about `seconds`."""
    counts = {}
    for name, loop in loops.items():
        # A captured step is recorded only after some that are played.
        loop.seconds(6 if loop.device.device.type == "cuda" else 2)
        counts[name] = steps or max(1, round(seconds / loop.seconds(1)))
    times: Times = {name: [] for name in loops}
    for turn in range(turns):
        for name in list(loops)[:: -1 if turn % 2 else 1]:
            times[name].append(loops[name].seconds(counts[name]))
    return times


def ratio(above: list[float], below: list[float]) -> str:
    """The median of the ratios, turn by turn, with the smallest and the largest."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def rows(work: Work, times: Times, chosen: str, ways: list[str]) -> tuple[list[str], list[str]]:
    """A work's row in each of the two tables."""
    ours, auto = {way: times[f"ganzoo {way}"] for way in ways}, times["ganzoo auto"]
    best = min(ours, key=lambda way: statistics.median(ours[way]))
    rate = work.batch / statistics.median(times["plain"])
    speed = [work.describe(), f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"]
    speed += [ratio(times["plain"], ours[way]) for way in ways]
    speed += [f"{ratio(times['plain'], auto)}: {chosen}"]
    costs = [ratio(ours[way], times[f"hand {way}"]) for way in ways]
    return speed, [work.describe(), f"{ratio(ours[best], auto)}: {best}", *costs]


def table(head: list[str], body: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    lines = [head, ["-" * width for width in widths], *body]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


def losses(work: Work, device: str, precision: str, way: str, steps: int) -> dict[str, list[float]]:
    """Each player's loss in ganzoo's first steps."""
    prepared = session(work, device, precision, way)
    match, step = prepared.match, play(prepared)
    found: dict[str, list[float]] = {f"{player}_loss": [] for player in match.players}
    for _ in range(steps):
        step()
        means = match.totals.means(match.processes)
        match.totals.clear()
        for name, values in found.items():
            values.append(means[name])
    return found


def difference(ours: dict[str, list[float]], reference: dict[str, list[float]]) -> float:
    """The largest difference of a loss, relative to the largest of its player."""
    apart = []
    for name, values in reference.items():
        worst = max(abs(a - b) for a, b in zip(ours[name], values, strict=True))
        apart.append(worst / max(map(abs, values)))
    return max(apart)


def compare_losses(works: list[str], device: str, steps: int) -> bool:
    """Print the differences as a table. Returns whether all are within the tolerances."""
    others = forced(device)[1:]
    body, good = [], True
    for name in works:
        reference = losses(WORKS[name], device, "fp32", "eager", steps)
        line = [WORKS[name].describe()]
        for precision, way in others:
            apart = difference(losses(WORKS[name], device, precision, way, steps), reference)
            good = good and apart <= TOLERANCES[precision]
            line.append(f"{apart:.1e}")
        body.append(line)
    head = [f"{words(p, way, device)} (at most {TOLERANCES[p]:g})" for p, way in others]
    print(table(["work", *head], body))
    return good


def print_shares(works: list[str], device: str) -> None:
    """Print, for each work and precision, the share of each kind of operations."""
    body: list[list[str]] = []
    kinds: list[str] = []
    for name in works:
        for precision in ("fp32", "bf16"):
            play = session(WORKS[name], device, precision, "eager").match.play
            of = shares(play, on_gpu=device == "cuda")
            kinds = list(of)
            body.append([WORKS[name].describe(), precision, *(f"{v:.0%}" for v in of.values())])
    print(table(["work", "precision", *kinds], body))


def compare_speed(works: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """Print both tables; all that was measured, for ``--json``."""
    ways = [words(*way, args.device) for way in forced(args.device)]
    measured: dict[str, Any] = {}
    speeds, costs = [], []
    for name in works:
        loops, chosen = loops_of(WORKS[name], args.device)
        times = measure(loops, args.turns, args.steps, args.seconds)
        del loops  # their memory serves the next work
        measured[name] = {"auto": chosen, "seconds_per_step": times}
        speed, cost = rows(WORKS[name], times, chosen, ways)
        speeds.append(speed)
        costs.append(cost)
        print(" | ".join([*speed, *cost[1:]]), file=sys.stderr, flush=True)
    ganzoo = [f"ganzoo {way} over plain" for way in [*ways, "auto"]]
    engine = [f"time over the same by hand, {way}" for way in ways]
    print(table(["work", "plain, samples/s", *ganzoo], speeds), end="\n\n")
    print(table(["work", "auto over the best forced", *engine], costs))
    return measured


def machine(device: str) -> str:
    """The hardware, what of bf16 it has, threads and torch, in one line."""
    parts = [Device(torch.device(device), "fp32").describe()]
    if device == "cpu":
        flags = {"avx512_bf16": "AVX-512 bf16", "amx_tile": "AMX"}
        probes = {text: getattr(torch.cpu, f"_is_{name}_supported") for name, text in flags.items()}
        parts += [text if probe() else f"no {text}" for text, probe in probes.items()]
        parts.append(f"{torch.get_num_threads()} threads")
    return ", ".join([*parts, f"torch {torch.__version__}"])


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it takes a whole number from 1 on, not {text}")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--turns", type=positive, default=5, help="turns of each loop")
    parser.add_argument("--seconds", type=float, default=1.5, help="about how long a turn is")
    parser.add_argument("--steps", type=positive, help="steps a turn, or of --losses [20]")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--losses", action="store_true", help="compare losses, not speed")
    other.add_argument("--shares", action="store_true", help="where the time of a step goes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    args = parser.parse_args()
    unknown = [name for name in args.works if name not in WORKS]
    if unknown:
        parser.error(f"there is no work {unknown[0]!r}; there are {', '.join(WORKS)}")
    if args.json and not args.json.parent.is_dir():
        parser.error(f"--json {args.json}: there is no folder {args.json.parent}")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no CUDA device here")
    usual = [n for n, w in WORKS.items() if w.usual and (w.on_cpu or args.device == "cuda")]
    works = args.works or usual
    good = True
    # What `auto` chooses is measured here and now, not read from the user's cache.
    with tempfile.TemporaryDirectory() as home:
        os.environ["GANZOO_HOME"] = home
        torch.manual_seed(0)
        print(f"{machine(args.device)}: `{shlex.join(['python', *sys.argv])}`", end="\n\n")
        if args.losses:
            good = compare_losses(works, args.device, args.steps or 20)
        elif args.shares:
            print_shares(works, args.device)
        else:
            measured = compare_speed(works, args)
            if args.json:
                record = {"machine": machine(args.device), "command": sys.argv, "works": measured}
                args.json.write_text(json.dumps(record, indent=2) + "\n")
    sys.exit(not good)


if __name__ == "__main__":
    main()
