"""What to try against each sickness of the game, in the run's own options."""

from __future__ import annotations

from typing import Any

from ganzoo.architecture import Training
from ganzoo.objectives import Objective, Wasserstein


def advice(sickness: str, training: Training, objective: Objective) -> str:
    """A sentence that names options to try, with what they are now. What is set already, or what
    the objective does not have, is left out."""
    tries = {"overpowered": _overpowered, "collapsed": _collapsed, "diverged": _diverged}
    return f"Try one of: {', '.join(tries[sickness](training, objective))}"


def _overpowered(training: Training, objective: Objective) -> list[str]:
    few = training.discriminator_steps
    return [
        _rate("discriminator_lr", training, 4),
        *([f"--set training.discriminator_steps=1 (now {few})"] if few > 1 else []),
        *_penalty(objective),
        *_absent(training, "training.", augment='["translation"]', instance_noise="0.1"),
        *_absent(objective.config, "objective.", real_label="0.9"),
        "--objective hinge or wasserstein",
        "more data",
    ]


def _collapsed(training: Training, objective: Objective) -> list[str]:
    return [
        _rate("generator_lr", training, 4),
        f"--batch-size {2 * training.batch_size} (now {training.batch_size})",
        *_penalty(objective),
        *_absent(training, "training.", instance_noise="0.1"),
        f"--set training.discriminator_steps={2 * training.discriminator_steps} "
        f"(now {training.discriminator_steps})",
        "--objective wasserstein or relativistic",
    ]


def _diverged(training: Training, objective: Objective) -> list[str]:
    return [
        _rate("generator_lr", training, 10),
        _rate("discriminator_lr", training, 10),
        *_penalty(objective),
        *([] if training.clip_gradients else ["--set training.clip_gradients=1"]),
        "--precision fp32",
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


def _absent(options: Any, group: str, **values: str) -> list[str]:
    """`values` of options that exist and are as they are by default."""
    fields = type(options).model_fields
    return [
        f"--set {group}{name}={value}"
        for name, value in values.items()
        if name in fields and getattr(options, name) == fields[name].default
    ]
