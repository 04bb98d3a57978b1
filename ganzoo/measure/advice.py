"""What to try against each sickness of the game, in the run's own options."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

from ganzoo.entries import ObjectiveEntry
from ganzoo.objectives import Objective
from ganzoo.options import Options
from ganzoo.plugins import catalogue
from ganzoo.training import Training

_NOT_PENALISED: Final = "none"  # the value of an objective's option `penalty` without any


@dataclass(frozen=True)
class Setting:
    """What a run is played with, on which advice depends. kind: of its samples."""

    training: Training
    objective: Objective
    kind: str
    precision: str


def advice(sickness: str, setting: Setting) -> str:
    """A sentence that names options to try, with their present values, as a shell takes them. What
    is set already, or what the objective or the kind of samples does not have, is left out."""
    tries = {"overpowered": _overpowered, "collapsed": _collapsed, "diverged": _diverged}
    return f"Try one of: {', '.join(tries[sickness](setting))}"


def _overpowered(setting: Setting) -> list[str]:
    training, objective = setting.training, setting.objective
    steps = training.discriminator_steps
    # As soon as one of both is used, it follows the other, or has been chosen.
    image = setting.kind == "image" and not training.augment
    augment = {"augment": '["translation"]', "ada_target": "0.6"} if image else {}
    return [
        _lower_rate("discriminator_lr", training, 4),
        *([f"--set training.discriminator_steps=1 (now {steps})"] if steps > 1 else []),
        *_penalty(objective),
        *_still_default(training, "training.", **augment, instance_noise="0.1"),
        *_still_default(objective.config, "objective.", real_label="0.9"),
        *_other_objective("overpowered", objective),
        "more data",
    ]


def _collapsed(setting: Setting) -> list[str]:
    training, objective = setting.training, setting.objective
    return [
        _lower_rate("generator_lr", training, 4),
        f"--batch-size {2 * training.batch_size} (now {training.batch_size})",
        *_penalty(objective),
        *_still_default(training, "training.", instance_noise="0.1"),
        f"--set training.discriminator_steps={2 * training.discriminator_steps} "
        f"(now {training.discriminator_steps})",
        *_other_objective("collapsed", objective),
    ]


def _diverged(setting: Setting) -> list[str]:
    training, objective = setting.training, setting.objective
    return [
        _lower_rate("generator_lr", training, 10),
        _lower_rate("discriminator_lr", training, 10),
        *_penalty(objective),
        *([] if training.clip_gradients else ["--set training.clip_gradients=1"]),
        *([] if setting.precision == "fp32" else ["--precision fp32"]),
    ]


def _lower_rate(name: str, training: Training, divisor: int) -> str:
    now = getattr(training, name)
    return f"--set training.{name}={now / divisor:.3g} (now {now:.3g})"


def _penalty(objective: Objective) -> list[str]:
    """A gradient penalty where the objective has one: the usual one, or a heavier weight."""
    config = objective.config
    penalty = getattr(config, "penalty", None)
    if penalty is None:
        return []
    if penalty != _NOT_PENALISED:
        weight = getattr(config, "penalty_weight", None)
        return (
            [f"--set objective.penalty_weight={10 * weight:g} (now {weight:g})"] if weight else []
        )
    usual = type(config).model_fields["penalty"].default
    return [f"--set objective.penalty={'r1' if usual == _NOT_PENALISED else usual}"]


def _other_objective(sickness: str, objective: Objective) -> list[str]:
    """Objectives whose entries say that they help, unless the run's own is one of them."""
    own = {catalogue().name_of(ObjectiveEntry, base) for base in type(objective).__mro__}
    names = [
        name
        for name, entry in catalogue().entries(ObjectiveEntry).items()
        if sickness in entry.helps and name not in own
    ]
    return [f"--objective {' or '.join(names)}"] if names else []


def _still_default(options: Options, group: str, **values: str) -> list[str]:
    """`values` of those options that exist and have their default."""
    fields = type(options).model_fields
    return [
        f"--set {shlex.quote(f'{group}{name}={value}')}"
        for name, value in values.items()
        if name in fields and getattr(options, name) == fields[name].default
    ]
