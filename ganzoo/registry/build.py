"""From an architecture and a file of weights to a network, checked before memory is taken."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganzoo.errors import GanzooError, GanzooWarning, memory_message, one_line
from ganzoo.tensors import Stored


def build_network(
    build: Callable[[], nn.Module],
    header: Mapping[str, Tensor | Stored],
    read: Callable[[], dict[str, Tensor]],
    where: str,
) -> nn.Module:
    """The network that `build` makes, with the tensors that `read` gives.

    It is built without memory first and compared with `header`, name by name and shape by shape;
    only then are the tensors read, and they become the network's own, without a copy. where: names
    them in messages. Raises GanzooError where they do not fit.
    """
    network = _quietly(build, "meta", where)
    wanted = network.state_dict()
    _compare(wanted, header, where)
    kept = {id(tensor) for tensor in network.state_dict(keep_vars=True).values()}
    if any(id(tensor) not in kept for tensor in _tensors(network)):
        # What is in no file, such as a table of constants, has a value only when built for real.
        network = _quietly(build, "cpu", where)
    tensors = read()
    bad = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        warnings.warn(
            f"{where}: {bad[0]}{more} holds values that are not finite; samples will be wrong",
            GanzooWarning,
            stacklevel=2,
        )
    fitting = {name: tensor.to(wanted[name].dtype) for name, tensor in tensors.items()}
    network.load_state_dict(fitting, assign=True)
    return network.requires_grad_(False).eval()


def _quietly(build: Callable[[], nn.Module], device: str, where: str) -> nn.Module:
    """Build a network on a device, without a trace in torch's random state."""
    state = torch.get_rng_state()
    try:
        with torch.device(device), _Unfilled():
            return build()
    except Exception as error:
        # Whatever a plugin's code raises for the options in a file, the file is what is wrong.
        why = memory_message(error) or f"{type(error).__name__}: {one_line(error)[:300]}"
        raise GanzooError(
            f"{where}: the network for its configuration cannot be built: {why}"
        ) from (error)
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


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()
    for module in network.modules():
        yield from (value for value in vars(module).values() if isinstance(value, Tensor))


def _compare(
    wanted: Mapping[str, Tensor], header: Mapping[str, Tensor | Stored], where: str
) -> None:
    missing, extra = sorted(wanted.keys() - header.keys()), sorted(header.keys() - wanted.keys())
    wrong = [
        f"{name} is {tuple(header[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in header and tuple(header[name].shape) != tuple(tensor.shape)
    ]
    wrong += [
        f"{name} is {header[name].dtype}, not {tensor.dtype}"
        for name, tensor in wanted.items()
        if name in header
        and header[name].dtype != tensor.dtype
        and not (header[name].dtype.is_floating_point and tensor.is_floating_point())
    ]
    problems = [f"{name} is missing" for name in missing] + [
        f"{name} is too much" for name in extra
    ]
    problems += wrong
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise GanzooError(
            f"{where}: its tensors do not fit its configuration and the architecture as it is "
            f"installed: {'; '.join(problems[:3])}{more}"
        )
