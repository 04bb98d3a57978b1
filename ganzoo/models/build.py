"""From an architecture and a file of weights to a network, checked before memory is taken."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganzoo.errors import GanzooError, GanzooWarning, memory_message, one_line
from ganzoo.tensors import Stored


def build_network(
    build: Callable[[], nn.Module],
    header: Mapping[str, Tensor | Stored],
    fill: Callable[[dict[str, Tensor]], None],
    where: str,
) -> nn.Module:
    """The network that `build` makes, with weights that `fill` puts into its own memory.

    It is built without memory first (torch's meta device) and compared with `header`, name by
    name and shape by shape; only then is it built for real. Where its code cannot do without
    memory, it is compared afterwards. where: names the weights in messages. Raises GanzooError
    where they do not fit.
    """
    try:
        wanted = _built(build, "meta").state_dict()
    except _NotBuilt as error:
        if memory_message(error.cause) is not None:
            raise GanzooError(f"{where}: {error}") from error.cause
        wanted = None  # some code, such as reading a number from a tensor, cannot do without
    if wanted is not None:
        _check(wanted, header, where)
    try:
        network = _built(build, "cpu")
    except _NotBuilt as error:
        raise GanzooError(f"{where}: {error}") from error.cause
    tensors = network.state_dict()
    if wanted is None:
        _check(tensors, header, where)
    try:
        _put(network, tensors, fill)
    except RuntimeError as error:
        raise GanzooError(f"{where}: cannot be put into the network: {one_line(error)}") from error
    bad = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        warnings.warn(
            f"{where}: {bad[0]}{more} holds values that are not finite; samples will be wrong",
            GanzooWarning,
            stacklevel=2,
        )
    return network.requires_grad_(False).eval()


def _put(
    network: nn.Module, tensors: dict[str, Tensor], fill: Callable[[dict[str, Tensor]], None]
) -> None:
    """Fill the network's own memory, unless what its state_dict gives is not that."""
    own = {tensor.data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    if all(tensor.data_ptr() in own and tensor.is_contiguous() for tensor in tensors.values()):
        fill(tensors)
        return
    for name, tensor in tensors.items():
        tensors[name] = torch.empty(tensor.shape, dtype=tensor.dtype)
    fill(tensors)
    network.load_state_dict(tensors)


class _NotBuilt(Exception):
    """Whatever a plugin's code raised for the options in a file."""

    def __init__(self, cause: Exception) -> None:
        why = memory_message(cause) or f"{type(cause).__name__}: {one_line(cause)[:300]}"
        super().__init__(f"the network for its configuration cannot be built: {why}")
        self.cause = cause


def _built(build: Callable[[], nn.Module], device: str) -> nn.Module:
    """Build a network on a device, without a trace in torch's random state."""
    state = torch.get_rng_state()
    try:
        with torch.device(device), _Unfilled():
            return build()
    except Exception as error:
        raise _NotBuilt(error) from error
    finally:
        torch.set_rng_state(state)


class _Unfilled(TorchFunctionMode):
    """Leaves a tensor without memory alone where random numbers would go into it.

    There is nothing to fill, and for the attempt torch imports its compiler, which takes a second.
    """

    _RANDOM: Final = frozenset({"normal_", "uniform_", "bernoulli_", "random_"})

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in self._RANDOM:
            tensor = args[0] if args else kwargs.get("tensor")
            if isinstance(tensor, Tensor) and tensor.is_meta:
                return tensor
        return func(*args, **kwargs)


def _check(wanted: Mapping[str, Tensor], header: Mapping[str, Tensor | Stored], where: str) -> None:
    odd = [name for name, value in wanted.items() if not isinstance(value, Tensor)]
    if odd:
        raise GanzooError(f"{where}: the network keeps state that is no tensor: {odd[0]}")
    wrong = misfit(wanted, header)
    if wrong:
        raise GanzooError(
            f"{where}: its tensors do not fit its configuration and the architecture as it is "
            f"installed: {wrong}"
        )


def misfit(wanted: Mapping[str, Tensor], header: Mapping[str, Tensor | Stored]) -> str:
    """How a file's tensors are not those that a network wants; empty where they are."""
    problems = [f"{name} is missing" for name in sorted(wanted.keys() - header.keys())]
    problems += [f"{name} is too much" for name in sorted(header.keys() - wanted.keys())]
    for name in (name for name in wanted if name in header):
        want, have = wanted[name], header[name]
        if tuple(have.shape) != tuple(want.shape):
            problems.append(f"{name} is {tuple(have.shape)}, not {tuple(want.shape)}")
        elif have.dtype != want.dtype and not (
            have.dtype.is_floating_point and want.dtype.is_floating_point
        ):
            problems.append(f"{name} is {have.dtype}, not {want.dtype}")
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return "; ".join(problems[:3]) + more
