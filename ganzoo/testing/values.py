"""Checks of the values that networks give: their range, and that low precision does for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ganzoo.spec import SampleSpec
from ganzoo.testing.case import Case, Judging, generated, judged
from ganzoo.testing.check import DISCRIMINATOR, GENERATOR, Fault, NotHere

TRIALS = 8  # networks with other weights, before a bound is believed in


def range_of_samples(case: Case) -> None:
    """Samples are in the spec's range, for far latents too; where it has no bounds and any kind
    is taken, they can leave [-1, 1]."""
    bounded = [spec for spec in case.specs if spec.low is not None and spec.high is not None]
    free = [spec for spec in case.specs if spec.low is None and spec.high is None]
    if bounded:
        _stay(case, bounded[0])
    if free and not case.architecture.kinds:
        _leave(case, free[0])
    elif not bounded:
        raise NotHere("its samples have no bounds")


def _stay(case: Case, spec: SampleSpec) -> None:
    networks = case.networks(spec)
    networks.generator.eval()
    with torch.no_grad():
        for parameter in networks.generator.parameters():
            parameter.mul_(3)  # as far as training may take them
    for scale in (1, 10):
        samples = generated(networks.generator, case.latents(spec) * scale, case.labels())
        low, high = float(samples.min()), float(samples.max())
        if spec.low is None or spec.high is None:
            continue
        if low < spec.low - 1e-3 or high > spec.high + 1e-3:
            expected = f"values in [{spec.low:g}, {spec.high:g}]"
            raise Fault(GENERATOR, expected, f"{low:.3g} to {high:.3g}")


def _leave(case: Case, spec: SampleSpec) -> None:
    latents, labels = case.latents(spec), case.labels()
    for seed in range(TRIALS):
        network = _shaken(case.networks(spec, seed).generator)
        for scale in (1, 10, 100):
            if (generated(network, latents * scale, labels).abs() > 1).any():
                return
    raise Fault(
        GENERATOR,
        f"values beyond [-1, 1] from some weights, for {spec.kind} samples without bounds",
        "none: a tanh at the end is for where self.spec.bounded is true",
    )


def scores(case: Case) -> None:
    """A discriminator's scores are raw: they leave [0, 1], in which a sigmoid would keep them."""
    seen = []
    for seed in range(TRIALS):
        networks = case.networks(seed=seed)
        judging = case.judging(networks)
        _shaken(networks.discriminator)
        for further in _further(judging):
            values = judged(networks.discriminator, further)
            if ((values < 0) | (values > 1)).any():
                return
            seen.append(values[values.isfinite()])
    together = torch.cat(seen)
    if len(together.unique()) > 1:  # it may know but one score, which is another check's subject
        raise Fault(
            DISCRIMINATOR,
            "raw scores, any real number: the objective squashes them itself",
            f"none outside [0, 1], with any weights, but {float(together.min()):.3g} to "
            f"{float(together.max()):.3g}: a sigmoid at the end?",
        )


def _shaken(network: nn.Module) -> nn.Module:
    """The network with weights that are larger, and none that is zero, in eval mode."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3).add_(0.1 * torch.randn(parameter.shape))
    return network.eval()


def _further(judging: Judging) -> Iterator[Judging]:
    for scale in (1, 10, 100):
        yield judging._replace(samples=judging.samples * scale)


def precision(case: Case) -> None:
    """float32 and bf16 agree, in the networks' outputs and in the losses."""
    networks = case.networks()
    game = case.game(networks)
    judging = case.judging(networks)
    generator, discriminator = networks.generator.eval(), networks.discriminator.eval()
    outputs: dict[str, Callable[[], Tensor]] = {
        GENERATOR: lambda: generated(generator, game.latent, game.labels),
        DISCRIMINATOR: lambda: judged(discriminator, judging),
    }
    for method, output in outputs.items():
        full = output().float()
        with torch.autocast("cpu", torch.bfloat16):
            half = output().float()
        apart = _distance(full, half)
        if not apart <= 0.1:
            raise Fault(method, "in bf16 what it gives in float32, within 10%", f"{apart:.0%} off")
    match = case.match("bf16")
    case.play(match, 2)
    means = match.totals.means(match.processes)
    bad = [name for name, value in means.items() if not abs(value) < float("inf")]
    if bad:
        raise Fault("the losses under bf16", "finite values", f"{', '.join(bad)} not finite")


def _distance(full: Tensor, half: Tensor) -> float:
    """How far the one is from the other, as a part of its size."""
    return float((full - half).norm() / full.norm().clamp_min(1e-3 * len(full) ** 0.5))
