"""How the game is played: the options of training, and ganzoo's own optimizers and schedules.

Both come through the hooks `ganzoo_optimizers` and `ganzoo_schedules`, as a plugin's do.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field, field_validator

from ganzoo.entries import AugmentationEntry, OptimizerEntry, ScheduleEntry
from ganzoo.entry import Entry
from ganzoo.options import Options, choices
from ganzoo.plugins import catalogue

if TYPE_CHECKING:  # ganzoo train --help reads the fields, and needs no torch
    import torch
    from torch import nn

PLAYERS: Final = ("generator", "discriminator")


def one_of(kind: type[Entry], *more: str) -> Callable[[dict[str, Any]], None]:
    """For an option that takes the name of an entry: its schema says which there are."""
    return choices(lambda: [*more, *catalogue().entries(kind)])


class Training(Options):
    """How the game is played. An architecture sets its recipe's values as defaults."""

    steps: int = Field(
        20_000,
        ge=1,
        description="generator updates in the whole run",
        json_schema_extra={"flag": "--steps", "repeat": "always"},
    )
    batch_size: int = Field(
        64,
        ge=1,
        description="real samples a step, over all processes",
        json_schema_extra={"flag": "--batch-size", "repeat": "set"},
    )
    accumulate: int = Field(
        1, ge=1, description="parts that a batch is split into, if it is larger than memory"
    )
    optimizer: str = Field(
        "adam", description="optimizer of both players", json_schema_extra=one_of(OptimizerEntry)
    )
    generator_optimizer: str | None = Field(
        None,
        description="the generator's optimizer, if it differs",
        json_schema_extra=one_of(OptimizerEntry),
    )
    discriminator_optimizer: str | None = Field(
        None,
        description="the discriminator's optimizer, if it differs",
        json_schema_extra=one_of(OptimizerEntry),
    )
    generator_lr: float = Field(2e-4, gt=0, description="learning rate of the generator")
    discriminator_lr: float = Field(2e-4, gt=0, description="learning rate of the discriminator")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's first beta")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's second beta; RMSprop's alpha")
    generator_beta1: float | None = Field(None, ge=0, lt=1, description="the generator's beta1")
    generator_beta2: float | None = Field(None, ge=0, lt=1, description="the generator's beta2")
    discriminator_beta1: float | None = Field(
        None, ge=0, lt=1, description="the discriminator's beta1"
    )
    discriminator_beta2: float | None = Field(
        None, ge=0, lt=1, description="the discriminator's beta2"
    )
    momentum: float = Field(0.0, ge=0, lt=1, description="momentum of sgd and rmsprop")
    lr_decay: str = Field(
        "constant",
        description="schedule of both learning rates; linear: down to 0 over the run",
        json_schema_extra=one_of(ScheduleEntry),
    )
    discriminator_steps: int = Field(1, ge=1, description="discriminator updates a step")
    discriminator_warmup: int = Field(
        0, ge=0, description="discriminator updates before the first step"
    )
    freeze_discriminator: int = Field(
        0,
        ge=0,
        description="layers of the discriminator, from its input on, that keep the weights that "
        "--init gives them (FreezeD)",
    )
    ema_decay: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="decay of the generator's moving average, reached gradually; 0: no average",
    )
    clip_gradients: float | None = Field(
        None, gt=0, description="largest norm of each player's gradient"
    )
    flip: bool = Field(False, description="mirror half of the images, left to right")
    dequantize: bool = Field(
        False, description="add uniform noise of one level to 8-bit samples, as WGAN-GP does"
    )
    augment: tuple[str, ...] = Field(
        (),
        description="what is done to samples, real and fake, before the discriminator sees them",
        json_schema_extra=one_of(AugmentationEntry),
    )
    ada_target: float | None = Field(
        None,
        gt=-1,
        lt=1,
        description="augment a share of the samples, which grows while the discriminator overfits: "
        "while the mean sign of its scores of real samples is above this, such as 0.6 (ADA)",
    )
    ada_images: int = Field(
        500_000, ge=1, description="real samples over which that share can rise from 0 to 1"
    )
    instance_noise: float = Field(
        0.0,
        ge=0,
        description="standard deviation of the noise on all that the discriminator sees; it falls "
        "linearly to 0",
    )
    instance_noise_steps: int | None = Field(
        None, ge=1, description="steps over which that noise falls to 0; null: the whole run"
    )
    replay: float = Field(
        0.0, ge=0, lt=1, description="share of the discriminator's fakes that are old ones"
    )
    replay_size: int = Field(
        1024, ge=1, description="old fakes that are kept for that, over all processes"
    )

    @field_validator("augment")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a name is there twice")
        return names

    def of(self, player: str, option: str) -> Any:
        """An option that a player may have of its own: ``optimizer``, ``beta1`` or ``beta2``."""
        own = getattr(self, f"{player}_{option}")
        return getattr(self, option) if own is None else own

    def lr(self, player: str) -> float:
        """A player's learning rate before any schedule."""
        rate: float = getattr(self, f"{player}_lr")
        return rate


def find(kind: type[Entry], name: str) -> Any:
    """The object behind an entry. Raises GanzooError that suggests the nearest name."""
    return catalogue().find(kind, name).load()


def check_names(training: Training) -> None:
    """Raise GanzooError where an option names an optimizer, a schedule or an augmentation that no
    plugin offers; it suggests the nearest."""
    for player in PLAYERS:
        find(OptimizerEntry, training.of(player, "optimizer"))
    find(OptimizerEntry, training.optimizer)
    find(ScheduleEntry, training.lr_decay)
    for name in training.augment:
        find(AugmentationEntry, name)


def make_optimizer(
    parameters: list[nn.Parameter], training: Training, player: str
) -> torch.optim.Optimizer:
    """The optimizer of a player as its options say."""
    make = find(OptimizerEntry, training.of(player, "optimizer"))
    optimizer: torch.optim.Optimizer = make(parameters, training.lr(player), training, player)
    return optimizer


def scheduled(training: Training, step: int) -> float:
    """What the learning rates are multiplied by in the step after `step` others."""
    return float(find(ScheduleEntry, training.lr_decay)(step, training))


def adam(
    parameters: list[nn.Parameter], lr: float, training: Training, player: str
) -> torch.optim.Optimizer:
    """Kingma 2015 (arXiv:1412.6980)."""
    betas = (training.of(player, "beta1"), training.of(player, "beta2"))
    import torch

    return _light(torch.optim.Adam)(parameters, lr, betas, fused=_fused(parameters))


def rmsprop(
    parameters: list[nn.Parameter], lr: float, training: Training, player: str
) -> torch.optim.Optimizer:
    """Hinton's running mean of squares; beta2 is its alpha."""
    alpha, foreach = training.of(player, "beta2"), parameters[0].device.type != "cpu"
    import torch

    return _light(torch.optim.RMSprop)(
        parameters, lr, alpha=alpha, momentum=training.momentum, foreach=foreach
    )


def sgd(
    parameters: list[nn.Parameter], lr: float, training: Training, player: str
) -> torch.optim.Optimizer:
    """Plain gradient descent, with momentum where asked for."""
    import torch

    return _light(torch.optim.SGD)(parameters, lr, training.momentum, fused=_fused(parameters))


@functools.cache
def _light(optimizer: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """One of torch's optimizers, whose first step does not import torch's compiler.

    That takes two seconds, and is for decorators that keep the compiler away from these methods.
    The same methods are called without them.
    """
    import torch

    plain = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in plain}
    step = torch.no_grad()(inspect.unwrap(getattr(optimizer, "step")))  # noqa: B009 - of any class
    return type(optimizer.__name__, (optimizer,), {**methods, "step": step})


def _fused(parameters: list[nn.Parameter]) -> bool:
    """Whether torch has a fused optimizer there, which never waits for the device."""
    return parameters[0].device.type in ("cpu", "cuda")


def constant(step: int, training: Training) -> float:
    """The learning rates stay as they are."""
    return 1.0


def linear(step: int, training: Training) -> float:
    """The learning rates go down to 0 over the run."""
    return max(0.0, 1 - step / training.steps)
