"""What a recording of a step would not repeat, found by watching steps of a match that is thrown
away.

A recording repeats what the device was asked to do, and none of what Python did. So a step must
not read the device, count in Python, or draw from Python's chance. Where a line of a plugin does,
it is told with its file and number, on any device.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganzoo.engine.captured import Observed, told
from ganzoo.engine.match import Match
from ganzoo.engine.rehearsal import is_theirs

#: Operations whose result, or its shape, is not known before the device has computed.
READS: Final = frozenset(
    f"aten::{name}"
    for name in (
        *("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "bincount"),
        *("_unique", "_unique2", "unique_dim", "unique_consecutive", "histc"),
    )
)
#: Functions that read a tensor of the CPU without an operation.
_ASKS: Final = frozenset(f"torch.Tensor.{name}" for name in ("cpu", "tolist", "numpy", "__array__"))
#: Functions that bring values from Python to a device.
_BRINGS: Final = frozenset({"torch.tensor", "torch.as_tensor", "torch.asarray"})
_STDLIB: Final = str(Path(dataclasses.__file__).parent)


def reads(match: Match) -> list[str]:
    """What a recording of a step of `match` would not repeat, in words with file and line.

    match: one to be thrown away: a few steps are played, on any device.
    """
    if match.replay is not None and not match.replay.filled:
        match.replay.size = match.replay.count  # full at once
    look = _Look(match.device.device)
    match.observe = lambda game: _Read.of(game, asked=look.asked, readers=look.readers)
    try:
        for number, step in enumerate(tour(match, look.asked)):
            match.step, before = step - 1, _kept(match)
            match.begin()
            with look.at(before):
                match.alternate()
            match.follow()
            match.average.update(match.step)
            if number:  # what is made at its first use is there
                look.compare(before, _kept(match))
    except Exception as error:
        return [told(error)]
    finally:
        match.observe = lambda game: game
    return look.found


def tour(match: Match, asked: dict[int, bool]) -> Iterator[int]:
    """Steps of different kinds: a plain one, one that is measured, one where all that is `asked`
    is due."""
    yield 2
    yield match.health.every if match.health.every > 1 else 3
    if max(asked, default=1) > 1:
        yield math.lcm(*asked)


@dataclass
class _Read(Observed):
    """A game that notes who reads its step."""

    readers: list[str] = field(default_factory=list)

    def __getattribute__(self, name: str) -> Any:
        if name == "step":
            caller = sys._getframe(1)
            if _is_plugins(caller):
                readers: list[str] = super().__getattribute__("readers")
                readers.append(f"{_place(caller)} reads game.step; game.due(every) can be captured")
        return super().__getattribute__(name)


class _Look:
    """Watches steps, and keeps what it `found`.

    asked: the intervals that were asked for. readers: of the step.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.asked: dict[int, bool] = {}
        self.readers: list[str] = []
        self._lines: list[str] = []
        self._changes: list[str] = []
        self._calls: list[str] = []  # of torch's functions, by their names, that are running
        self._old: set[int] = set()  # addresses of tensors that were kept before the step
        self._used: set[int] = set()  # those of them that the step has read

    @property
    def found(self) -> list[str]:
        return list(dict.fromkeys([*self._lines, *self.readers, *self._changes]))

    @contextlib.contextmanager
    def at(self, before: dict[str, Any]) -> Iterator[None]:
        """Watch what a step does that would be recorded. before: what is kept."""
        self._old = {_address(value) for value in before.values() if isinstance(value, Tensor)}
        self._used, chance = set(), self._chance()
        with _Functions(self), _Operations(self):
            yield
        for name, state in self._chance().items():
            if chance[name] != state:
                self._changes.append(f"a step draws from {name}'s own chance")

    def compare(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Note what a step has changed that a recording would not."""
        for name, value in {**after, **before}.items():
            now, both = after.get(name), name in before and name in after
            if both and now is value:
                continue
            if isinstance(value, Tensor):
                lasts = name.startswith("the buffer ") or _address(value) in self._used
                if name in before and lasts:
                    self._changes.append(f"a step puts another tensor in the place of {name}")
            elif not both or isinstance(now, Tensor) or now != value:
                self._changes.append(f"a step changes {name}, which is not a tensor")

    def _chance(self) -> dict[str, Any]:
        states: dict[str, Any] = {
            "Python": hash(random.getstate()),
            "numpy": str(np.random.get_state(legacy=False)),  # noqa: NPY002
        }
        if self.device.type != "cpu":
            states["the CPU"] = hash(torch.get_rng_state().numpy().tobytes())
        return states

    def called(self, name: str, kwargs: dict[str, Any]) -> None:
        """A function of torch is called."""
        brings = name in _BRINGS and kwargs.get("device") is not None
        if brings and torch.device(kwargs["device"]).type == self.device.type:
            self._note(f"brings a value to the device by {name}")
        elif name in _ASKS:
            self._note(f"reads the device by {name.removeprefix('torch.')}")

    def ran(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An operation is run."""
        for tensor in (t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)):
            address = _address(tensor)
            if address in self._old:
                self._used.add(address)
        if name in READS or self._crosses(name, args, kwargs) or _masks(name, args):
            call = self._calls[-1] if self._calls else name.replace("::", ".")
            self._note(f"reads the device by {call.removeprefix('torch.')}")

    def _crosses(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether values go to the device that the step is not played on, or come from there."""
        if name == "aten::_to_copy":
            device = kwargs.get("device")
            return device is not None and torch.device(device).type != args[0].device.type
        return name == "aten::copy_" and args[0].device.type != args[1].device.type

    def _note(self, what: str) -> None:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame.f_code is not Match.alternate.__code__:
            if _is_plugins(frame):
                self._lines.append(f"{_place(frame)} {what}")
                return
            frame = frame.f_back


class _Functions(TorchFunctionMode):
    def __init__(self, look: _Look) -> None:
        super().__init__()
        self.look = look

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, kwargs = resolve_name(func) or "", kwargs or {}
        self.look.called(name, kwargs)
        self.look._calls.append(name)
        try:
            return func(*args, **kwargs)
        finally:
            self.look._calls.pop()


class _Operations(TorchDispatchMode):
    def __init__(self, look: _Look) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.look = look

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.look.ran(func._schema.name, args, kwargs or {})
        return func(*args, **(kwargs or {}))


def _masks(name: str, args: tuple[Any, ...]) -> bool:
    """Whether an operation selects by a mask, so that its shape must be read. One value put where
    a mask says needs no shape."""
    if name not in ("aten::index", "aten::index_put", "aten::index_put_"):
        return False
    if name != "aten::index" and args[2].numel() == 1:
        return False
    return any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])


def _is_plugins(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    library = name.startswith(_STDLIB) and "site-packages" not in name
    return is_theirs(name) and not library and not name.startswith("<")


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _address(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (NotImplementedError, RuntimeError):  # sparse, or a subclass without memory
        return id(tensor)


def _kept(match: Match) -> dict[str, Any]:
    """What networks, objective and architecture keep beside parameters, by its name."""
    kept: dict[str, Any] = dict(_leaves("the architecture", vars(match.architecture), 0))
    ours = vars(nn.Module())
    for owner, network in match.networks.modules().items():
        for path, module in network.named_modules():
            name = f"{type(module).__name__} ({'.'.join(filter(None, (owner, path)))})"
            for key, buffer in module._buffers.items():
                kept[f"the buffer {key} of {name}"] = buffer
            own = {key: v for key, v in vars(module).items() if key not in ours}
            kept.update(_leaves(name, own, 0))
    return kept


def _leaves(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, bool | int | float | str | None | Tensor):
        yield name, value
    elif depth > 3 or isinstance(value, nn.Module | type):
        return
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(f"{name}.{key}", part, depth + 1)
    elif isinstance(value, list | tuple | deque):
        for number, part in enumerate(value):
            yield from _leaves(f"{name}[{number}]", part, depth + 1)
    elif hasattr(value, "__dict__") and not callable(value):
        yield from _leaves(name, vars(value), depth + 1)
