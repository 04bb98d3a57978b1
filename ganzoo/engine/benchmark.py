"""How fast an architecture trains on this machine, how near that is to what it can do, and where
the time of a step goes."""

from __future__ import annotations

import contextlib
import gc
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import Dataset
from ganzoo.devices import Device, find_device
from ganzoo.engine.match import Match
from ganzoo.engine.setup import prepare
from ganzoo.engine.tuning import Trials, candidates, has_grouped, in_turns
from ganzoo.errors import GanzooWarning
from ganzoo.processes import Processes
from ganzoo.runs.config import Execution, RunConfig

#: Where the time of a step goes. engine: what is left, and the moving average.
PARTS: Final = ("data", "discriminator", "generator", "optimizer", "engine")


@dataclass(frozen=True)
class Speed:
    """How fast one candidate plays.

    samples_per_second: the median turn; lowest, highest: of all turns. memory: bytes, the most
    that the process (on CUDA, torch) held in a step. operations: floating-point operations of a
    step, as torch counts them: of products and convolutions. peak: the most of them a second that
    a large product or convolution reached just before. parts: shares of a step's time.
    """

    name: str
    samples_per_second: float
    lowest: float
    highest: float
    memory: int | None
    operations: int
    peak: float
    parts: dict[str, float] = field(default_factory=dict)

    def of_peak(self, batch_size: int) -> float:
        """The share of what the machine can do."""
        return self.operations * self.samples_per_second / batch_size / self.peak


@dataclass(frozen=True)
class Benchmark:
    """The speeds of all candidates on one machine. samples: what one is. reason: why the step is
    not captured, where the device could."""

    architecture: str
    samples: str
    batch_size: int
    device: str
    threads: int
    torch: str
    speeds: tuple[Speed, ...]
    reason: str = ""

    @property
    def fastest(self) -> Speed:
        return max(self.speeds, key=lambda speed: speed.samples_per_second)


def benchmark(
    config: RunConfig, architecture: type[Architecture], dataset: Dataset, seconds: float
) -> Benchmark:
    """Measure what a run of this configuration would compute. Nothing is written.

    seconds: that each candidate plays in turns, about.
    """
    device, processes = find_device(config.schedule.device), Processes()
    data = config.data.model_copy(update={"cache": "no"})
    config = config.model_copy(update={"data": data})
    config, made, dataset, _ = prepare(architecture, config, dataset, processes)
    grouped = has_grouped(made)
    (first, *_) = candidates(config.schedule, device, grouped, captured=False)
    trials = Trials(config, made, dataset, device, processes)
    reason = trials.why_not_captured(first)
    asked = candidates(config.schedule, device, grouped, captured=not reason)
    return Benchmark(
        architecture=config.architecture,
        samples=f"{made.spec.kind} {'x'.join(map(str, made.spec.shape))}",
        batch_size=config.training.batch_size,
        device=Device(device, "fp32").describe(),
        threads=torch.get_num_threads(),
        torch=str(torch.__version__),
        speeds=tuple(speeds(trials, asked, seconds)),
        reason=reason if device.type == "cuda" else "",
    )


def speeds(trials: Trials, asked: Sequence[Execution], seconds: float) -> list[Speed]:
    """The speed of each candidate, which play one after the other.

    seconds: that each plays in turns, about.
    """
    device, batch = trials.device, trials.config.training.batch_size
    measured: list[Speed] = []
    operations: dict[str, int] = {}
    for each in asked:
        computing = Device(device, each.precision, each.layout)
        peak = _peak(computing)
        with warnings.catch_warnings(), _most_memory(device) as memory:
            warnings.simplefilter("ignore", GanzooWarning)  # a run says them
            trial = trials.trial(each)
            (taken,) = in_turns([trial], seconds, trials.processes)
        eager = each.step == "eager"
        if each.precision not in operations:
            own = each.model_copy(update={"step": "eager"})
            match = trials.trial(own).match
            operations[each.precision] = _operations(match)
            del match  # it would count as the next one's memory
        rates = sorted(batch / turn for turn in taken)
        measured.append(
            Speed(
                name=each.name,
                samples_per_second=statistics.median(rates),
                lowest=rates[0],
                highest=rates[-1],
                memory=memory[-1] if memory else None,
                operations=operations[each.precision],
                peak=peak,
                parts=_parts(trial.match, computing, len(taken)) if eager else {},
            )
        )
        del trial
        gc.collect()
    return measured


def _operations(match: Match) -> int:
    """Of a second step: health measures the first, and not this one."""
    match.play()
    with _Counter() as counter:
        match.play()
    return counter.operations


class _Counter(TorchDispatchMode):
    """Counts floating-point operations by torch's own formulas.

    torch's FlopCounterMode also follows modules, and fails where a penalty takes a gradient.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        from torch.utils.flop_counter import flop_registry  # it imports a compiler

        self.formulas = flop_registry
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = self.formulas.get(func._overloadpacket)
        if formula is not None:
            self.operations += int(formula(*args, **(kwargs or {}), out_val=result))
        return result


def _peak(device: Device) -> float:
    """Operations a second of the faster of a large product and a large convolution."""
    large = 4096 if device.device.type == "cuda" else 1024
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(device.precision, torch.float32)
    square = torch.randn(large, large, device=device.device, dtype=dtype)
    maps = torch.randn(32, 256, 32, 32, device=device.device, dtype=dtype)
    maps = maps.contiguous(memory_format=torch.channels_last)
    weight = torch.randn(256, 256, 3, 3, device=device.device, dtype=dtype)
    weight = weight.contiguous(memory_format=torch.channels_last)
    work: list[tuple[Callable[[], Any], int]] = [
        (lambda: square @ square, 2 * large**3),
        (lambda: F.conv2d(maps, weight, padding=1), 2 * 32 * 32 * 32 * 256 * 256 * 9),
    ]
    return max(operations / _least_seconds(device, call) for call, operations in work)


def _least_seconds(device: Device, call: Callable[[], Any]) -> float:
    times = []
    for _ in range(6):
        device.synchronize()
        begin = time.perf_counter()
        call()
        device.synchronize()
        times.append(time.perf_counter() - begin)
    return min(times[1:])


@contextlib.contextmanager
def _most_memory(device: torch.device) -> Iterator[list[int]]:
    """Afterwards the list has the most bytes that were held within; empty where none can know."""
    held: list[int] = []
    reset = Path("/proc/self/clear_refs")
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):
            reset.write_text("5")  # Linux begins anew with the process's peak
    yield held
    if device.type == "cuda":
        held.append(torch.cuda.max_memory_allocated(device))
        return
    with contextlib.suppress(OSError, IndexError, ValueError):
        status = Path("/proc/self/status").read_text()
        held.append(1024 * int(status.split("VmHWM:")[1].split()[0]))
    if not held:
        held.append(psutil.Process().memory_info().rss)


class _Clock:
    """Shares the time of a step out among its parts, the inner of nested ones first."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._inside: list[str] = []
        self._since = 0.0

    @contextlib.contextmanager
    def within(self, part: str) -> Iterator[None]:
        self._turn()
        self._inside.append(part)
        try:
            yield
        finally:
            self._turn()
            self._inside.pop()

    def _turn(self) -> None:
        self.device.synchronize()
        now = time.perf_counter()
        if self._inside:
            self.seconds[self._inside[-1]] += now - self._since
        self._since = now

    def watch(self, owner: Any, method: str, part: Callable[..., str]) -> None:
        """Count the calls of a method as the part that its first argument says."""
        called = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.within(part(*args)):
                return called(*args, **kwargs)

        setattr(owner, method, timed)


def _parts(match: Match, device: Device, steps: int) -> dict[str, float]:
    """The share of each part in the time of some steps, played one operation at a time."""
    clock = _Clock(device)
    clock.watch(match, "draw", lambda: "data")
    clock.watch(match, "game", lambda *_: "generator")
    clock.watch(match, "turn", lambda player, *_: player.name)
    for player in match.players.values():
        clock.watch(player, "update", lambda *_: "optimizer")
    for _ in range(steps):
        with clock.within("engine"):
            match.play()
    whole = sum(clock.seconds.values())
    return {part: seconds / whole for part, seconds in clock.seconds.items()}
