"""The health of the game: what the figures of a line say of its three common sicknesses.

Overpowered: the discriminator is sure of every sample, and the generator has nothing to learn
from (Arjovsky 2017, arXiv:1701.04862). Collapsed: the generator makes a few samples over and over
(Goodfellow 2016, arXiv:1701.00160, section 5.1.1). Diverged: losses or gradients grow without
bound. Each is told once in a run; docs/health.md says what is measured, and how the limits were
chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.engine.processes import Processes
from ganzoo.measure.advice import Setting, advice
from ganzoo.measure.watch import Watch

#: A sickness must show in so many lines in a row, over at least so many steps.
LINES: Final = 3
STEPS: Final = {"overpowered": 100, "collapsed": 200, "diverged": 50}
#: Overpowered: at least this share of pairs in the right order, and less than one of these shares
#: left of the largest such figure so far. The order alone is no sign: a healthy critic's,
#: and a healthy DCGAN's, is right in all pairs for hundreds of steps.
SURE: Final = 0.995
SIGNALS: Final = {
    "discriminator_slope": ("the slope of its loss", 0.05),
    "generator_gradient": ("the generator's gradient", 0.01),
}
#: Collapsed: this share of the fakes' pairs are near duplicates, beyond that of the real ones. All
#: generators begin with samples that are much alike, so there must have been more: a share below
#: VARIED, or a diversity of which less than FALLEN is left. Or PATIENCE steps are over, and the
#: diversity is not GROWTH times the first.
ALIKE: Final = 0.6
VARIED: Final = 0.2
FALLEN: Final = 0.4
PATIENCE: Final = 2000
GROWTH: Final = 1.25
#: Diverged: so many times as large as in the first step, or as 1.
BEYOND: Final = 1000.0

LOSSES: Final = ("discriminator_loss", "generator_loss")
#: What grows in a game that diverges. The spread of the scores is the one that begins before any
#: update; the generator's figures are of a discriminator that has had its first.
SIZES: Final = (*LOSSES, "score_spread", "discriminator_gradient", "generator_gradient")


class Health:
    """Gathers figures on the device, and judges them when a line is logged.

    every: measure each so-manieth step, and the first. Judging, which needs few steps, then
    costs nothing that can be noticed.
    """

    def __init__(self, setting: Setting, every: int) -> None:
        self.every = every
        self.setting = setting  # for what to try
        self._sums: dict[str, Tensor] = {}  # by name, (2,): sum and weight
        self._first: dict[str, Tensor] = {}  # of the first step that was measured
        self._memory: dict[str, Any] = {"warned": [], "streaks": {}, "first": {}, "largest": {}}

    def due(self, step: int) -> bool:
        """Whether `step` is one that is measured."""
        return step == 1 or step % self.every == 0

    def add(self, watch: Watch) -> None:
        """Take in a measured step. Waits for nothing.

        What is not finite is left out: fp16's scaler skips such steps, too.
        """
        for name, (value, weight) in watch.figures.items():
            pair = torch.stack([value, weight]).float()
            pair = torch.where(pair.isfinite().all(), pair, 0.0)
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair
        if not self._memory["first"] and not self._first:
            self._first = dict(self._sums)

    def line(self, step: int, processes: Processes) -> tuple[dict[str, float], list[str]]:
        """The figures for a line of metrics, and what there is to warn of, as sentences.

        Waits for the device once; all processes must call it.
        """
        if not self._sums:
            return {}, []
        if self._first:
            self._memory["first"] = _means(self._first, processes)
        figures = _means(self._sums, processes)
        self._sums, self._first = {}, {}
        largest = self._memory["largest"]
        for name in (*SIGNALS, "diversity"):
            seen = [of[name] for of in (self._memory["first"], figures, largest) if name in of]
            largest[name] = max(seen, default=0.0)
        told, worse = [], False
        for sickness, judge in (
            ("diverged", self._diverged),
            ("overpowered", self._overpowered),
            ("collapsed", self._collapsed),
        ):
            # One sickness brings the others: only the worst that shows is counted.
            why = "" if worse else judge(step, figures)
            worse = worse or bool(why)
            if self._lasts(sickness, bool(why), step):
                self._memory["warned"].append(sickness)
                told.append(f"step {step}: {why}. {advice(sickness, self.setting)}")
        return {f"health_{name}": v for name, v in figures.items() if name not in LOSSES}, told

    def _overpowered(self, step: int, figures: Mapping[str, float]) -> str:
        if figures.get("separation", 0.0) < SURE:
            return ""
        largest = self._memory["largest"]
        signs = [
            f"{said} has fallen to {figures[name] / largest[name]:.2g} of what it was"
            for name, (said, left) in SIGNALS.items()
            if name in figures and figures[name] < left * largest[name]
        ]
        if not signs:
            return ""
        return (
            "the discriminator overpowers the generator, which learns little from it: it ranks "
            f"the real sample first in {figures['separation']:.1%} of pairs, and "
            + " and ".join(signs)
        )

    def _collapsed(self, step: int, figures: Mapping[str, float]) -> str:
        if not {"fake_duplicates", "real_duplicates", "diversity"} <= figures.keys():
            return ""
        memory, fake, real = self._memory, figures["fake_duplicates"], figures["real_duplicates"]
        if fake - real < VARIED:
            memory["varied"] = True
        diversity = figures["diversity"]
        fell = memory.get("varied") or diversity < FALLEN * memory["largest"]["diversity"]
        stuck = diversity < GROWTH * memory["first"].get("diversity", 0.0) and step >= PATIENCE
        if fake - real < ALIKE or not (fell or stuck):
            return ""
        return (
            f"the generator's samples are much alike (mode collapse): {fake:.0%} of the pairs in a "
            f"batch are near duplicates, of real samples {real:.0%}, and their mean distance is "
            f"{diversity:.2g} of that of real ones"
        )

    def _diverged(self, step: int, figures: Mapping[str, float]) -> str:
        first = self._memory["first"]
        beyond = [
            f"{name.replace('_', ' ')} {figures[name]:.3g}"
            for name in SIZES
            if abs(figures.get(name, 0.0)) > BEYOND * max(1.0, abs(first.get(name, 0.0)))
        ]
        if not beyond:
            return ""
        return f"the game diverges: {', '.join(beyond)}, over {BEYOND:,.0f} times the first"

    def _lasts(self, sickness: str, shows: bool, step: int) -> bool:
        """Whether it has lasted long enough now to be told, and was not told before."""
        streaks = self._memory["streaks"]
        if not shows:
            streaks.pop(sickness, None)
            return False
        since, lines = streaks.get(sickness, (step, 0))
        streaks[sickness] = [since, lines + 1]
        long = lines + 1 >= LINES and step - since >= STEPS[sickness]
        return long and sickness not in self._memory["warned"]

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a checkpoint keeps, so that a resumed run logs and says the same."""
        groups = {"sums": self._sums, "first": self._first}
        tensors = {f"{g}.{name}": t for g, sums in groups.items() for name, t in sums.items()}
        return tensors, self._memory

    def load_state(
        self, tensors: dict[str, Tensor], memory: dict[str, Any], device: torch.device
    ) -> None:
        """Go on from `state`."""
        for name, tensor in tensors.items():
            group, _, figure = name.partition(".")
            (self._sums if group == "sums" else self._first)[figure] = tensor.to(device)
        self._memory = memory


def _means(sums: Mapping[str, Tensor], processes: Processes) -> dict[str, float]:
    """The figures of some steps, over all processes, with the diversity out of the distances."""
    flat = torch.stack(list(sums.values()))
    processes.average([flat])
    means = {
        name: total / weight
        for name, (total, weight) in zip(sums, flat.tolist(), strict=True)
        if weight > 0
    }
    real, fake = means.pop("real_distance", 0.0), means.pop("fake_distance", 0.0)
    if real > 0:
        means["diversity"] = fake / real
    return means
