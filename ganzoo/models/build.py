"""From an architecture and stored weights to a network, checked before memory is taken."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganzoo.architecture import Architecture, build_architecture
from ganzoo.catalogue import PluginReference
from ganzoo.chance import Chance
from ganzoo.errors import GanzooError, GanzooWarning, memory_message, one_line
from ganzoo.models.stored import StoredModel
from ganzoo.plugins import reference_of
from ganzoo.tensors import Stored, Weights, select

Network = TypeVar("Network", bound=nn.Module)


def prepare(
    stored: StoredModel, architecture: type[Architecture], networks: Sequence[str]
) -> tuple[Architecture, dict[str, Weights]]:
    """The architecture with the options of a stored model, and the weights of those of `networks`
    that the model has; both brought up to date where another version of the plugin made them.

    Raises GanzooError where options, spec or files do not fit. Where nothing is to be upgraded,
    the weights are asked for last: those of a model on the Hub are then downloaded.
    """
    config = stored.config
    options, upgraded = config.options, None
    if needs_upgrade(architecture, config.architecture, config.plugin):
        options, upgraded = _upgraded(stored, architecture, networks)
    try:
        instance = build_architecture(architecture, config.architecture, options, stored.spec)
    except GanzooError as error:
        note = versions_note(config.architecture, config.plugin)
        raise GanzooError(f"{stored.where}: {error}{note}") from None
    return instance, _lying(stored, networks) if upgraded is None else upgraded


def prepare_weights(
    stored: StoredModel, architecture: type[Architecture], networks: Sequence[str]
) -> dict[str, Weights]:
    """The weights alone, whatever the options of the stored model."""
    if needs_upgrade(architecture, stored.config.architecture, stored.config.plugin):
        return _upgraded(stored, architecture, networks)[1]
    return _lying(stored, networks)


def _lying(stored: StoredModel, networks: Sequence[str]) -> dict[str, Weights]:
    weights = {network: stored.weights(network) for network in networks}
    return {network: lying for network, lying in weights.items() if lying is not None}


def _upgraded(
    stored: StoredModel, architecture: type[Architecture], networks: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Weights]]:
    config, lying = stored.config, _lying(stored, networks)
    options = config.options
    # A plugin knows one generator. Where both are asked for, each goes with the rest of its own.
    both = {"generator", "average"} <= lying.keys()
    upgraded: dict[str, Weights] = {}
    for group in ([n for n in lying if n != "average"], ["average"]) if both else (list(lying),):
        names = {name: name.replace("average", "generator") for name in group}
        state = {
            f"{names[name]}.{key}": tensor
            for name in group
            for key, tensor in lying[name].tensors().items()
        }
        options, state = upgrade(
            architecture, config.architecture, config.plugin, config.options, state
        )
        for name in group:
            tensors = select(state, names[name])
            upgraded[name] = Weights.of_tensors(tensors, f"{lying[name].where}, upgraded")
    return options, upgraded


def needs_upgrade(architecture: type[Architecture], name: str, plugin: PluginReference) -> bool:
    """Whether the plugin knows how to bring up to date what another version of it made."""
    knows = any(
        "upgrade" in vars(base) for base in architecture.__mro__ if base is not Architecture
    )
    return knows and bool(versions_note(name, plugin))


def upgrade(
    architecture: type[Architecture],
    name: str,
    plugin: PluginReference,
    options: Mapping[str, Any],
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Options and state of a model or checkpoint as this version of the plugin wants them.

    name, plugin: of the architecture that made them. state: tensors named ``generator.*``,
    ``discriminator.*`` and ``partners.*``. Raises GanzooError where the plugin cannot do it.
    """
    try:
        options, state = architecture.upgrade(dict(options), dict(state), plugin.version)
        return dict(options), dict(state)
    except Exception as error:
        raise GanzooError(
            f"{name}: it cannot be brought up to date: {type(error).__name__}: "
            f"{one_line(error)[:300]}{versions_note(name, plugin)}"
        ) from error


def versions_note(name: str, plugin: PluginReference) -> str:
    """Which version of a plugin made a model, and which is installed; empty where it is that one,
    or where another plugin's architecture of this name is installed."""
    here = reference_of(name)
    if not here.same_plugin(plugin) or not plugin.version or here.version == plugin.version:
        return ""
    return f" (made by {plugin.origin}; {here.version} is installed)"


def build_network(build: Callable[[], Network], weights: Weights, note: str = "") -> Network:
    """The network that `build` makes, in eval mode, with stored weights in its own memory.

    It is built without memory first (torch's meta device) and compared with the header, name by
    name and shape by shape; only then is it built for real. Where its code cannot do without
    memory, it is compared afterwards. note: ends a message. Raises GanzooError where they do not
    fit.
    """
    header, where = weights.header, weights.where
    try:
        expected = _built(build, "meta").state_dict()
    except _NotBuilt as error:
        if memory_message(error.cause) is not None:
            raise GanzooError(f"{where}: {error}") from error.cause
        expected = None  # some code, such as reading a number from a tensor, cannot do without
    if expected is not None:
        _check(expected, header, where, note)
    try:
        network = _built(build, "cpu")
    except _NotBuilt as error:
        raise GanzooError(f"{where}: {error}{note}") from error.cause
    tensors = network.state_dict()
    if expected is None:
        _check(tensors, header, where, note)
    try:
        _put(network, tensors, weights.fill)
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
    network: nn.Module, tensors: dict[str, Tensor], fill: Callable[[Mapping[str, Tensor]], None]
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


def _built(build: Callable[[], Network], device: str) -> Network:
    """Build a network on a device, without a trace in the caller's random states."""
    try:
        with Chance(), torch.device(device), _Unfilled():
            return build()
    except Exception as error:
        raise _NotBuilt(error) from error


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


def _check(
    expected: Mapping[str, Tensor], header: Mapping[str, Tensor | Stored], where: str, note: str
) -> None:
    odd = [name for name, value in expected.items() if not isinstance(value, Tensor)]
    if odd:
        raise GanzooError(f"{where}: the network keeps state that is not a tensor: {odd[0]}")
    wrong = misfit(expected, header)
    if wrong:
        raise GanzooError(
            f"{where}: its tensors do not fit its configuration and the architecture as it is "
            f"installed: {wrong}{note}"
        )


def misfit(expected: Mapping[str, Tensor], header: Mapping[str, Tensor | Stored]) -> str:
    """How a file's tensors are not those that a network wants; empty where they are."""
    problems = [f"{name} is missing" for name in sorted(expected.keys() - header.keys())]
    problems += [f"{name} is too much" for name in sorted(header.keys() - expected.keys())]
    for name in (name for name in expected if name in header):
        want, have = expected[name], header[name]
        if tuple(have.shape) != tuple(want.shape):
            problems.append(f"{name} is {tuple(have.shape)}, not {tuple(want.shape)}")
        elif not fits(want, have):
            problems.append(f"{name} is {have.dtype}, not {want.dtype}")
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return "; ".join(problems[:3]) + more


def fits(want: Tensor, have: Tensor | Stored) -> bool:
    """Whether a stored tensor can be put into one of a network: of its shape, and of its type or
    floating point as that is."""
    floats = have.dtype.is_floating_point and want.dtype.is_floating_point
    return tuple(have.shape) == tuple(want.shape) and (floats or have.dtype == want.dtype)
