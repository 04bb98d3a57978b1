"""A player: the parameters of one side, their optimizer, and one update of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.devices import Device
from ganzoo.processes import Processes
from ganzoo.training import Training


class Player:
    """One side of the game. An update touches the gradients of its own parameters alone.

    name: ``generator`` or ``discriminator``.
    """

    def __init__(
        self,
        name: str,
        optimizer: torch.optim.Optimizer,
        training: Training,
        device: Device,
        processes: Processes,
    ) -> None:
        self.name, self.optimizer, self.processes = name, optimizer, processes
        every = [p for group in optimizer.param_groups for p in group["params"]]
        self.parameters: list[nn.Parameter] = [p for p in every if p.requires_grad]
        self.clip = training.clip_gradients
        self.scaler = device.scaler()
        self._ratios = [group["lr"] / training.lr(name) for group in optimizer.param_groups]
        self._first = [_values(group) for group in optimizer.param_groups]
        self._rate: float | None = None  # as it was set last

    def set_lr(self, rate: float) -> None:
        """Set the learning rate; groups made with another than the recipe's keep their ratio."""
        for group, own in zip(self.optimizer.param_groups, self.rates(rate), strict=True):
            if not isinstance(group["lr"], Tensor):
                group["lr"] = own
            elif rate != self._rate:  # a captured step reads it there
                group["lr"].fill_(own)
        self._rate = rate

    def rates(self, rate: float) -> list[float]:
        """The learning rate of each group where the recipe's is `rate`."""
        return [rate * ratio for ratio in self._ratios]

    def prepare_to_capture(self, rates: list[Tensor]) -> None:
        """Put what the optimizer reads from step to step on the device: rates and counters.

        rates: scalars there, of which each group takes the first.
        """
        for group in self.optimizer.param_groups:
            rate = float(group["lr"])
            group["lr"] = rates.pop(0).fill_(rate)
            self._rate = None
            if group["lr"].device.type == "cuda" and "capturable" in group:
                group["capturable"] = True
        for parameter, state in self.optimizer.state.items():
            if isinstance(state.get("step"), Tensor):
                state["step"] = state["step"].to(parameter.device)

    def begin(self) -> None:
        """Begin an update: forget the gradients of the last one."""
        self.optimizer.zero_grad(set_to_none=True)

    def learn(self, loss: Tensor) -> None:
        """Add the gradient of `loss`, which is scaled in fp16."""
        # `inputs` keeps the other player free of gradients, and spares computing them.
        self.scaler.scale(loss).backward(inputs=self.parameters)

    def update(self, measured: bool = False) -> Tensor | None:
        """One step down the gradient. Returns its norm, before clipping, if `measured`.

        Gradients in fp16 are scaled; the norm is not.
        """
        self.processes.average_gradients(self.parameters)
        norm = None
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        elif measured:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            norm = nn.utils.get_total_norm(gradients)
            norm = norm / self.scale(norm.device)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return norm

    def scale(self, device: torch.device) -> Tensor:
        """What losses are multiplied with in fp16 now; 1 in other precisions. Never waits."""
        scaled: Tensor = self.scaler.scale(torch.ones((), device=device))
        return scaled

    def renew_scaler(self, device: Device) -> None:
        """Go on with the same scale after an update that was broken off."""
        state = self.scaler.state_dict()
        self.scaler = device.scaler()
        self.scaler.load_state_dict(state)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The optimizer's state: tensors as ``INDEX.NAME``, and the rest as JSON, with what the
        optimizer changed in its groups.

        Raises TypeError where a value can be kept as neither.
        """
        tensors: dict[str, Tensor] = {}
        numbers: dict[str, Any] = {}
        for index, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                kept = tensors if isinstance(value, Tensor) else numbers
                kept[f"{index}.{name}"] = value
        for value in numbers.values():
            if not isinstance(value, bool | int | float | str | None):
                kind = type(self.optimizer).__name__
                raise TypeError(f"the optimizer {kind} keeps a {type(value).__name__}")
        groups = [
            {key: value for key, value in _values(group).items() if first.get(key) != value}
            for group, first in zip(self.optimizer.param_groups, self._first, strict=True)
        ]
        return tensors, {"values": numbers, "groups": groups}

    def load_state(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Go on from `state`. Checkpoints of ganzoo 0.1 and before have no `values`."""
        every = [p for group in self.optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for key, value in {**tensors, **values.get("values", {})}.items():
            index, _, name = key.partition(".")
            parameter = every[int(index)]
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # The same strides as the parameter: fused optimizers walk both side by side.
                value = torch.empty_like(parameter, dtype=value.dtype).copy_(value).detach()
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        for group, changed in zip(groups, values.get("groups", ()), strict=False):
            group.update(changed)
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _values(group: dict[str, Any]) -> dict[str, Any]:
    """What of a group of parameters an optimizer may count in; the rate is set at each step."""
    kinds = bool | int | float | str | None
    ours = ("lr", "capturable")
    return {k: v for k, v in group.items() if k not in ours and isinstance(v, kinds)}
