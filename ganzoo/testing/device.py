"""The check that a plugin's code stays on the device that it is put on, and never waits for it.

One round is played on torch's meta device, whose tensors have shapes and no values. What would fail
on a GPU alone fails there on any machine: a tensor that stayed on the CPU, a value that is read.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from ganzoo.engine.reads import READS, reads
from ganzoo.engine.rehearsal import last_line
from ganzoo.game import Game, Networks, call
from ganzoo.testing.case import Case
from ganzoo.testing.check import DISCRIMINATOR, GENERATOR, Fault, NotHere
from ganzoo.training import PLAYERS

#: Operations that may have tensors of the CPU beside others: they move them, or index with them.
_MOVES: Final = frozenset(
    f"aten::{name}" for name in ("copy_", "_to_copy", "index", "index_put", "index_put_")
)
#: Filling a tensor without memory does nothing, and torch would import its compiler for it.
_FILLS: Final = frozenset(f"aten::{name}" for name in ("bernoulli_", "normal_", "uniform_"))
#: What torch says of a meta tensor whose values are asked for without any operation.
_ASKED: Final = ("cannot be called on meta tensors", "copy out of meta", "meta device type tensor")


class _Elsewhere(Exception):
    """An operation met tensors of two devices."""


class _Read(Exception):
    """The value of a tensor was asked for."""


class _OneDevice(TorchDispatchMode):
    """Raises where an operation on meta tensors has others beside them, or reads their values."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        name: str = func._schema.name
        if any(tensor.is_meta for tensor in tensors):
            self._look(name, tensors, args, kwargs)
            if name in _FILLS and args[0].is_meta:
                return args[0]
        return func(*args, **kwargs)

    def _look(self, name: str, tensors: list[Tensor], args: Any, kwargs: Any) -> None:
        away = kwargs.get("device") is not None and torch.device(kwargs["device"]).type != "meta"
        copied = name == "aten::copy_" and not args[0].is_meta
        if name in READS or (name == "aten::_to_copy" and away) or copied:
            raise _Read
        masks = [index for index in (args[1] if name == "aten::index" else ()) if index is not None]
        if any(mask.is_meta and mask.dtype in (torch.bool, torch.uint8) for mask in masks):
            raise _Read
        # One number of the CPU goes with tensors of any device.
        others = [tensor for tensor in tensors if not tensor.is_meta and tensor.dim()]
        if others and name not in _MOVES:
            raise _Elsewhere(f"{tuple(others[0].shape)} in {name.removeprefix('aten::')}")


@contextlib.contextmanager
def _autocast_without_values() -> Iterator[None]:
    """torch.autocast refuses the meta device; where it is asked for it, let it take the CPU's."""
    autocast: Any = torch.autocast
    initialise = autocast.__init__

    def chosen(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        initialise(self, "cpu" if device_type == "meta" else device_type, *args, **kwargs)

    autocast.__init__ = chosen
    try:
        yield
    finally:
        autocast.__init__ = initialise


@contextlib.contextmanager
def _on_meta(method: str) -> Iterator[None]:
    """Run a plugin's code on meta tensors: what it does that a device forbids is its Fault.

    Raises NotHere where torch cannot follow it without values for another reason.
    """
    try:
        with _autocast_without_values(), _OneDevice():
            yield
    except (Fault, NotHere):
        raise
    except _Elsewhere as error:
        raise _elsewhere(method, f"one of the CPU, {error}, {_line(error)}") from error
    except Exception as error:
        if isinstance(error, _Read) or any(words in str(error) for words in _ASKED):
            expected = "no value of a tensor read, for which the device would be waited for"
            raise Fault(method, expected, _line(error)) from error
        # It worked on the CPU: an operation that torch has no meta kernel for, most likely.
        why = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:150]}"
        raise NotHere(f"{method} cannot be run without values, {_line(error)}: {why}") from error


def _elsewhere(method: str, came: str) -> Fault:
    expected = "tensors of its own device alone: buffers, or made with device="
    return Fault(method, expected, came)


def _line(error: BaseException) -> str:
    line = last_line(error)
    return (
        "in torch's own code" if line is None else f"`{line.line}` ({line.filename}:{line.lineno})"
    )


def device(case: Case) -> None:
    """Networks and objective work on the device that they are moved to: none of their tensors
    stays elsewhere, and no value is read, for which the device would be waited for."""
    match = case.match()
    game = match.game(match.draw(), with_gradient=False)
    judging = case.judging(match.networks)
    networks = _bare(match.networks)
    for mode in (False, True):
        with _on_meta(GENERATOR):
            fake = call(networks.generator.train(mode), _moved(game.latent), _moved(game.labels))
        _stayed(GENERATOR, fake)
        with _on_meta(DISCRIMINATOR):
            output = call(
                networks.discriminator.train(mode),
                _moved(game.real),
                _moved(game.labels),
                **_moved(judging.beside),
            )
        _stayed(DISCRIMINATOR, output)
    _play(networks, game, fake)


def captured(case: Case) -> None:
    """On CUDA, a step can be recorded as a CUDA graph, which is what makes small networks fast:
    nothing in it reads the device, counts in Python, or draws from Python's own chance."""
    found = reads(case.match())
    if found:
        raise NotHere(f"steps are not captured: {'; '.join(found)}")


def terms_without_values(networks: Networks, game: Game) -> None:
    """Raise Fault where the objective needs values, or another device, for its terms."""
    networks = _bare(networks)
    with _on_meta(GENERATOR):
        fake = call(networks.generator, _moved(game.latent), _moved(game.labels))
    _play(networks, game, fake)


def _bare(networks: Networks) -> Networks:
    """Copies without values: what a plugin keeps for all its networks must not lose its own."""
    copies = copy.deepcopy(networks)
    for module in copies.modules().values():
        module.to("meta")
    return copies


def _moved(value: Any) -> Any:
    """A tensor, or a structure of tensors, without values."""
    return tree_map_only(Tensor, lambda tensor: tensor.to("meta"), value)


def _play(networks: Networks, game: Game, fake: Tensor) -> None:
    """Compute each player's terms in the round, with nothing of the engine in it."""
    objective: Any = networks.objective
    for player in PLAYERS:
        method = f"objective.{player}_terms"
        bare = Game(
            real=_moved(game.real),
            fake=fake if player == "generator" else fake.detach(),
            latent=_moved(game.latent),
            labels=_moved(game.labels),
            generator=networks.generator,
            discriminator=networks.discriminator,
            partners=networks.partners,
            inputs=_moved(game.inputs),
            context=_moved(game.context),
        )
        with _on_meta(method):
            terms = objective.terms(player, bare)
        _stayed(method, terms)


def _stayed(method: str, output: Any) -> None:
    for value in tree_leaves(output):
        if isinstance(value, Tensor) and not value.is_meta:
            raise _elsewhere(method, "an output that is on the CPU")
