"""Other rules of training, on a small DCGAN: optimism, lookahead and a warm-up.

Optimistic Adam is an optimizer for every architecture, chosen by name::

    ganzoo --plugin rules.py train dcgan --data mnist-5k --set training.optimizer=optimistic-adam

The architecture ``lookahead`` has rules of its own. Its players have different betas, and each
batch is played in two parts, whose gradients are added up: with `accumulate`, memory for half of it
does.
"""

import copy
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import nn

from ganzoo import (
    Architecture,
    ArchitectureEntry,
    Networks,
    OptimizerEntry,
    Options,
    Training,
    hookimpl,
)
from ganzoo.layers import dcgan_weights, doubling, halving


class OptimisticAdam(torch.optim.Adam):
    """Daskalakis 2017, "Training GANs with optimism" (arXiv:1711.00141), algorithm 1: of each
    update, take it twice, and take back the one before."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        parameters = [
            p for group in self.param_groups for p in group["params"] if p.grad is not None
        ]
        before = [parameter.clone() for parameter in parameters]
        loss = super().step(closure)
        for parameter, old in zip(parameters, before, strict=True):
            update, state = parameter - old, self.state[parameter]
            parameter += update - state.get("update", 0)
            state["update"] = update
        return loss


def optimistic_adam(
    parameters: list[nn.Parameter], lr: float, training: Training, player: str
) -> OptimisticAdam:
    betas = (training.of(player, "beta1"), training.of(player, "beta2"))
    return OptimisticAdam(parameters, lr, betas)


class Lookahead(Architecture):
    """A DCGAN with Lookahead-minimax (Chavdarova 2020, arXiv:2006.14567).

    Every few steps both players go back to a point between where they are and where they were after
    the last look back; their slow weights are that point.
    """

    class Config(Options):
        latent_size: int = Field(64, ge=1, description="length of a latent")
        width: int = Field(32, ge=1, description="channels next to the image")
        every: int = Field(5, ge=1, description="steps from one look back to the next")
        share: float = Field(0.5, gt=0, le=1, description="of the way that is kept")
        warmup: int = Field(500, ge=1, description="steps in which the learning rates rise")

    image_sizes: ClassVar = (16, 32, 64)
    training: ClassVar = Training(
        batch_size=128, accumulate=2, generator_beta1=0.0, discriminator_beta1=0.5
    )
    paper: ClassVar = "https://arxiv.org/abs/2006.14567"

    def build_extras(self, networks: Networks) -> dict[str, nn.Module]:
        """The slow weights of both players, which no player trains and nobody publishes."""
        players = nn.ModuleList([networks.generator, networks.discriminator])
        return {"slow": copy.deepcopy(players).requires_grad_(False)}

    def after_step(self, networks: Networks, step: int) -> None:
        if step % self.config.every:
            return
        players = (networks.generator, networks.discriminator)
        fast = [parameter for network in players for parameter in network.parameters()]
        for slow, parameter in zip(networks.extras["slow"].parameters(), fast, strict=True):
            slow.lerp_(parameter, self.config.share)
            parameter.copy_(slow)

    def learning_rate(self, player: str, step: int) -> float:
        return super().learning_rate(player, step) * min(1.0, (step + 1) / self.config.warmup)

    @property
    def channels(self) -> list[int]:
        """From the image down to maps of 4x4 pixels."""
        halvings = int(math.log2(self.spec.shape[-1])) - 2
        return [self.spec.shape[0], *(self.config.width << index for index in range(halvings))]

    def build_generator(self) -> nn.Module:
        channels = self.channels[::-1]
        network = nn.Sequential(
            nn.Linear(self.config.latent_size, channels[0] * 4 * 4),
            nn.Unflatten(1, (channels[0], 4, 4)),
        )
        for count, layer in zip(channels, doubling(channels), strict=False):
            network.extend([nn.BatchNorm2d(count), nn.ReLU(), layer])
        return network.append(nn.Tanh()).apply(dcgan_weights)

    def build_discriminator(self) -> nn.Module:
        network = nn.Sequential()
        for layer in halving(self.channels):
            network.extend([layer, nn.LeakyReLU(0.2)])
        network.extend([nn.Flatten(), nn.Linear(self.channels[-1] * 4 * 4, 1)])
        return network.apply(dcgan_weights)


@hookimpl
def ganzoo_architectures() -> Iterator[ArchitectureEntry]:
    yield ArchitectureEntry("lookahead", Lookahead, "a DCGAN that looks back (Chavdarova 2020)")


@hookimpl
def ganzoo_optimizers() -> Iterator[OptimizerEntry]:
    yield OptimizerEntry("optimistic-adam", optimistic_adam, "optimistic Adam (Daskalakis 2017)")
