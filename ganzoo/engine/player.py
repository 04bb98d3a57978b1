"""A player: some networks, their optimizer, and one update of them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganzoo.architecture import Training
from ganzoo.devices import Device
from ganzoo.processes import Processes


class Player:
    """One side of the game. An update touches the gradients of its own parameters alone."""

    def __init__(
        self,
        networks: Iterable[nn.Module],
        lr: float,
        training: Training,
        device: Device,
        processes: Processes,
    ) -> None:
        self.parameters = [p for net in networks for p in net.parameters() if p.requires_grad]
        self.lr = lr
        self.clip = training.clip_gradients
        self.processes = processes
        self.optimizer = make_optimizer(self.parameters, lr, training, device.device.type)
        self.scaler = device.scaler()

    def set_lr(self, factor: float) -> None:
        """Set the learning rate to `factor` times its first value."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * factor

    def update(self, loss: Tensor, measured: bool = False) -> Tensor | None:
        """One step down `loss`. Returns the norm of the gradient, before clipping, if `measured`.

        Gradients in fp16 are scaled; the norm is not.
        """
        self.optimizer.zero_grad(set_to_none=True)
        # `inputs` keeps the other player free of gradients, and spares computing them.
        self.scaler.scale(loss).backward(inputs=self.parameters)
        self.processes.average_gradients(self.parameters)
        norm = None
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        elif measured:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            norm = nn.utils.get_total_norm(gradients) / self.scale(loss.device)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return norm

    def scale(self, device: torch.device) -> Tensor:
        """What losses are multiplied with in fp16 now; 1 in other precisions. Never waits."""
        scaled: Tensor = self.scaler.scale(torch.ones((), device=device))
        return scaled


def make_optimizer(
    parameters: list[nn.Parameter], lr: float, training: Training, device: str
) -> torch.optim.Optimizer:
    """The optimizer that the recipe names; fused where there is one, which never waits."""
    fused = device in ("cpu", "cuda")
    if training.optimizer == "adam":
        betas = (training.beta1, training.beta2)
        return torch.optim.Adam(parameters, lr, betas, fused=fused)
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr, training.momentum, fused=fused)
    return torch.optim.RMSprop(
        parameters, lr, alpha=training.beta2, momentum=training.momentum, foreach=device != "cpu"
    )
