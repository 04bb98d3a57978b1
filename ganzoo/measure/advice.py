"""What to try against each sickness of the game, in the run's own options."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from ganzoo.architecture import Training
from ganzoo.objectives import Hinge, Objective, Wasserstein


@dataclass(frozen=True)
class Setting:
    """What a run is played with, of which advice depends. kind: of its samples."""

    training: Training
    objective: Objective
    kind: str
    precision: str


def advice(sickness: str, setting: Setting) -> str:
    """A sentence that names options to try, with what they are now, as a shell takes them. What is
    set already, or what the objective or the kind of samples does not have, is left out."""
    tries = {"overpowered": _overpowered, "collapsed": _collapsed, "diverged": _diverged}
    return f"Try one of: {', '.join(tries[sickness](setting))}"


def _overpowered(setting: Setting) -> list[str]:
    training, objective = setting.training, setting.objective
    few = training.discriminator_steps
    augment = {"augment": '["translation"]'} if setting.kind == "image" else {}
    return [
        _rate("discriminator_lr", training, 4),
        *([f"--set training.discriminator_steps=1 (now {few})"] if few > 1 else []),
        *_penalty(objective),
        *_absent(training, "training.", **augment, instance_noise="0.1"),
        *_absent(objective.config, "objective.", real_label="0.9"),
        *_other(objective, hinge=Hinge, wasserstein=Wasserstein),
        "more data",
    ]


def _collapsed(setting: Setting) -> list[str]:
    training, objective = setting.training, setting.objective
    return [
        _rate("generator_lr", training, 4),
        f"--batch-size {2 * training.batch_size} (now {training.batch_size})",
        *_penalty(objective),
        *_absent(training, "training.", instance_noise="0.1"),
        f"--set training.discriminator_steps={2 * training.discriminator_steps} "
        f"(now {training.discriminator_steps})",
        *_other(objective, wasserstein=Wasserstein),
    ]


def _diverged(setting: Setting) -> list[str]:
    training, objective = setting.training, setting.objective
    return [
        _rate("generator_lr", training, 10),
        _rate("discriminator_lr", training, 10),
        *_penalty(objective),
        *([] if training.clip_gradients else ["--set training.clip_gradients=1"]),
        *([] if setting.precision == "fp32" else ["--precision fp32"]),
    ]


def _rate(name: str, training: Training, less: int) -> str:
    now = getattr(training, name)
    return f"--set training.{name}={now / less:.3g} (now {now:.3g})"


def _penalty(objective: Objective) -> list[str]:
    """A gradient penalty where there can be one: another, or a heavier one."""
    penalty = getattr(objective.config, "penalty", None)
    if penalty is None:
        return []
    if penalty != "none":
        weight = getattr(objective.config, "penalty_weight", None)
        return (
            [f"--set objective.penalty_weight={10 * weight:g} (now {weight:g})"] if weight else []
        )
    return [f"--set objective.penalty={'wgan-gp' if isinstance(objective, Wasserstein) else 'r1'}"]


def _other(objective: Objective, **others: type[Objective]) -> list[str]:
    """Objectives that are not the run's own."""
    names = [name for name, other in others.items() if not isinstance(objective, other)]
    return [f"--objective {' or '.join(names)}"] if names else []


def _absent(options: Any, group: str, **values: str) -> list[str]:
    """`values` of options that exist and are as they are by default."""
    fields = type(options).model_fields
    return [
        f"--set {shlex.quote(f'{group}{name}={value}')}"
        for name, value in values.items()
        if name in fields and getattr(options, name) == fields[name].default
    ]
