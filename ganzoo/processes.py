"""Several processes, started by torchrun: which one this is, and what it shares with the others.

Gradients are averaged with a collective of our own instead of DDP: gradient penalties
differentiate twice, and the two players share one backward graph, which DDP's hooks do not expect.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganzoo.errors import GanzooError, WorkFailed, one_line

#: How long processes wait where one of them works alone: an evaluation may take hours, and one that
#: ends is noticed by its closed connection.
_PATIENCE: Final = datetime.timedelta(days=30)


@dataclass(frozen=True)
class Processes:
    """This process among `world`, all training one model.

    patient: the group of all, with a time limit that nothing reaches.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    patient: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in one message."""
        group = list(tensors)
        if self.world == 1 or not group:
            return
        flat = torch.cat([tensor.flatten() for tensor in group])
        dist.all_reduce(flat)
        parts = flat.div_(self.world).split([tensor.numel() for tensor in group])
        for tensor, part in zip(group, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average the gradients; a parameter without one here counts as zero."""
        if self.world == 1:
            return
        gradients = []
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        self.average(gradients)

    def mean(self, tensor: Tensor) -> Tensor:
        """The mean of `tensor` over all processes, which a gradient passes: see `Game.average`."""
        if self.world == 1:
            return tensor
        mean: Tensor = _Mean.apply(tensor, self)
        return mean

    def agree(self, buffers: Iterable[Tensor]) -> None:
        """Make buffers the same everywhere: floating ones averaged, others the first process's."""
        if self.world == 1:
            return
        every = list(buffers)
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for buffer in every:
            if buffer.is_floating_point():
                by_type.setdefault(buffer.dtype, []).append(buffer)
            else:
                dist.broadcast(buffer, 0)
        for group in by_type.values():
            self.average(group)

    def same_start(self, module: nn.Module) -> None:
        """Give every process the first one's parameters and buffers."""
        if self.world > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def any(self, flag: int) -> int:
        """The largest `flag` of all processes, however long one of them takes. All must call it."""
        if self.world == 1:
            return flag
        value = torch.tensor(flag)
        dist.all_reduce(value, dist.ReduceOp.MAX, group=self.patient)
        return int(value)

    def collect(self, tensor: Tensor, device: torch.device) -> list[Tensor]:
        """The same tensor of every process, in the order of ranks, on the CPU."""
        if self.world == 1:
            return [tensor.cpu()]
        parts = [torch.empty_like(tensor, device=device) for _ in range(self.world)]
        dist.all_gather(parts, tensor.to(device))
        return [part.cpu() for part in parts]

    def wait(self) -> None:
        """Return when all processes have arrived here, however long one of them takes."""
        self.any(0)


class _Mean(torch.autograd.Function):
    """The mean over processes. Backward, the gradient goes to the process's own tensor whole:
    gradients are averaged over processes afterwards, which makes it the mean's."""

    @staticmethod
    def forward(context: Any, tensor: Tensor, processes: Processes) -> Tensor:
        mean = tensor.clone()
        processes.average([mean])
        return mean

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


@contextlib.contextmanager
def processes_of(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, until the context ends; without torchrun there is
    only this one.

    Raises GanzooError where a launcher's environment variables make no sense, WorkFailed where the
    others cannot be reached.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    values = [os.environ.get(name, "") for name in names]
    if values[1] in ("", "1"):
        yield Processes()
        return
    rank, world, local_rank = _numbers(dict(zip(names, values, strict=True)))
    if dist.is_initialized():
        yield Processes(rank, world, local_rank, _patient())
        return
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if missing:
        raise GanzooError(
            f"WORLD_SIZE={world}, but {' and '.join(missing)} are not set: where the processes "
            "meet. torchrun sets them; without several processes, unset WORLD_SIZE"
        )
    gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if gpu:
        count = torch.cuda.device_count()
        if local_rank >= count:
            raise GanzooError(
                f"LOCAL_RANK={local_rank}: each process needs a GPU of its own, and there are "
                f"{count} (torchrun --nproc-per-node {count}, or --device cpu)"
            )
        torch.cuda.set_device(local_rank)
    try:
        dist.init_process_group("nccl" if gpu else "gloo")
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise WorkFailed(
            f"process {rank} of {world} cannot meet the others at {place} (MASTER_ADDR and "
            f"MASTER_PORT): {one_line(error)[:300]}"
        ) from error
    try:
        yield Processes(rank, world, local_rank, _patient())
    finally:
        dist.destroy_process_group()


def _numbers(variables: dict[str, str]) -> tuple[int, int, int]:
    """RANK, WORLD_SIZE and LOCAL_RANK. Raises GanzooError where they make no sense."""
    rank, world, local_rank = (
        int(value) if value.isdecimal() else -1 for value in variables.values()
    )
    if not 0 <= local_rank < world or not 0 <= rank < world:
        told = ", ".join(f"{name}={value!r}" for name, value in variables.items())
        raise GanzooError(f"{told}: several processes are started with torchrun, which sets them")
    return rank, world, local_rank


def _patient() -> dist.ProcessGroup:
    group = dist.new_group(timeout=_PATIENCE, backend="gloo")
    assert isinstance(group, dist.ProcessGroup)  # this process is in it
    return group
