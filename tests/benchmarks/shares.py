"""Where the time of a step goes, by kinds of operations, as torch's profiler sees it."""

from __future__ import annotations

import re
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

#: Kinds of operations, and what their names in the profiler begin with or hold. The first that
#: fits counts.
KINDS = {
    "convolutions": r"conv|gemm.*fprop|dgrad|wgrad|winograd",
    "matrix products": r"aten::(mm|addmm|bmm|linear|mv)$|gemm",
    "copies": r"aten::(copy_|clone|contiguous|_to_copy|to|cat|index|fill_)$|copy|memcpy|memset|cat",
    "random numbers": r"bernoulli|rand|uniform|normal_|dropout|distribution",
    "normalisation": r"batch_norm|bn_",
    "optimizer, average": r"adam|_foreach_|lerp|multi_tensor",
    "activations, pooling": r"relu|threshold|tanh|clamp|pool|upsample|softplus",
}
OTHER = "the rest"


def shares(step: Callable[[], None], on_gpu: bool, steps: int = 2) -> dict[str, float]:
    """The share of each kind in the time of all operations, on the GPU's own clock where there is
    one. Plays `steps` steps, and two before them."""
    activities = [ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]
    step(), step()
    with profile(activities=activities) as seen:
        for _ in range(steps):
            step()
    times = dict.fromkeys([*KINDS, OTHER], 0.0)
    for event in seen.key_averages():
        spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        times[kind_of(event.key)] += spent
    whole = sum(times.values())
    return {kind: spent / whole for kind, spent in times.items()}


def kind_of(operation: str) -> str:
    """The kind of an operation by its name."""
    for kind, pattern in KINDS.items():
        if re.search(pattern, operation, re.IGNORECASE):
            return kind
    return OTHER
