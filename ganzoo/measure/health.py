"""The health of the game: what is measured in a step, and what it says of three common sicknesses.

Overpowered: the discriminator is sure of every sample, and the generator has nothing to learn
from (Arjovsky 2017, arXiv:1701.04862). Collapsed: the generator makes a few samples over and over
(Goodfellow 2016, arXiv:1701.00160, section 5.1.1). Diverged: losses or gradients grow without
bound. Each is reported once in a run; docs/health.md says what is measured, and how the limits
were chosen.

Measuring runs no network again, draws no random number, and does not wait for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.game import Game, score_of
from ganzoo.measure.advice import Setting, advice

#: A sickness must show in so many lines in a row, over at least so many steps.
LINES: Final = 3
STEPS: Final = {"overpowered": 100, "collapsed": 200, "diverged": 50}
#: Overpowered: at least this share of pairs in the right order, and of one of these figures less
#: than this share of its largest value so far is left. The order alone says nothing: a healthy
#: critic, and a healthy DCGAN, have all pairs in the right order for hundreds of steps.
SURE: Final = 0.995
SIGNALS: Final = {
    "discriminator_slope": ("the slope of its loss", 0.05),
    "generator_gradient": ("the generator's gradient", 0.01),
}
#: Collapsed: the share of near duplicates among the fakes' pairs exceeds that of the real ones by
#: ALIKE. All generators begin with samples that are much alike, so there must have been more
#: variety before: an excess below VARIED, or a diversity of which less than FALLEN is left. Or
#: PATIENCE steps are over, and the diversity is not yet GROWTH times the first.
ALIKE: Final = 0.6
VARIED: Final = 0.2
FALLEN: Final = 0.4
PATIENCE: Final = 2000
GROWTH: Final = 1.25
#: Diverged: this many times as large as in the first step, or as 1 where that is more.
BEYOND: Final = 1000.0

LOSSES: Final = ("discriminator_loss", "generator_loss")
#: What grows in a game that diverges. Only the spread of the scores is first measured before any
#: update: the generator's figures come from a discriminator that has had its first.
SIZES: Final = (*LOSSES, "score_spread", "discriminator_gradient", "generator_gradient")

#: The most samples whose distances are taken, and the most scores that are compared.
SAMPLES: Final = 64
SCORES: Final = 256
#: Two samples are near duplicates if closer than this share of the mean distance of real ones.
NEAR: Final = 0.25

#: A sum, and what to divide it by, each a scalar.
Figure = tuple[Tensor, Tensor]
#: Replaces tensors by their means over all processes.
Average = Callable[[list[Tensor]], None]


class Watch:
    """Measures one step.

    figures: by name, a sum and its weight; several steps are averaged as sum over weight.
    scale: what the discriminator's loss is multiplied by before its backward pass.
    """

    def __init__(self, game: Game) -> None:
        self.figures: dict[str, Figure] = distances(game.real, game.fake.detach(), game.labels)
        self.scale = torch.ones((), device=game.real.device)
        self._slopes: dict[str, Tensor] = {}
        self._scores: dict[str, Tensor] = {}

    def note(self, name: str, value: Tensor) -> None:
        """Note a scalar of this step."""
        self.figures[name] = value, torch.ones_like(value)

    def judged(self, game: Game, samples: Tensor, output: Any) -> None:
        """For `Game.watch`: notes the scores of the real samples and of the fakes, and, in the
        backward pass, the slope of the loss at them.

        Other batches, such as those between real and fake that a penalty scores, are ignored.
        """
        name = "real" if samples is game.real else "fake" if samples is game.fake else None
        scores = output if isinstance(output, Tensor) else getattr(output, "score", None)
        if name is None or name in self._scores or scores is None:
            return
        self._scores[name] = score_of(scores).detach()
        if scores.requires_grad:
            scores.register_hook(partial(self._note_slope, name))
        if len(self._scores) == 2:
            real, fake = self._scores["real"], self._scores["fake"]
            self.note("separation", separation(real, fake))
            both = torch.cat([real, fake])  # a critic's scores may drift together
            self.note("score_spread", (both - both.mean()).abs().mean())

    def _note_slope(self, name: str, gradient: Tensor) -> None:
        self._slopes[name] = gradient.detach().float().abs().sum() / self.scale
        if len(self._slopes) == 2:
            self.note("discriminator_slope", self._slopes["real"] + self._slopes["fake"])


def separation(real: Tensor, fake: Tensor) -> Tensor:
    """The share of pairs in which the real sample has the higher score, ties halved: the area
    under the ROC curve. 0.5 is a guess, 1 a discriminator that is never wrong.

    Only the order of the scores matters, so it means the same for probabilities, energies and a
    critic's unbounded scores.
    """
    real, fake = (scores[:: 1 + len(scores) // SCORES] for scores in (real, fake))
    ahead = real[:, None] - fake[None, :]
    return (ahead.sign().mean() + 1) / 2


def distances(real: Tensor, fake: Tensor, labels: Tensor | None) -> dict[str, Figure]:
    """How far apart the samples of a batch are, for real ones and fakes: the mean Euclidean
    distance of its pairs, and the share of pairs that are near duplicates.

    With labels, only pairs of the same class count: a generator that has one picture for each
    class has collapsed, too.
    """
    flat = [samples.detach()[:SAMPLES].float().flatten(1) for samples in (real, fake)]
    flat = [values - flat[0].mean(0) for values in flat]  # far from 0, float32 has few digits left
    paired = torch.ones(len(flat[0]), len(flat[0]), dtype=torch.bool, device=real.device)
    if labels is not None:
        paired = labels[:SAMPLES, None] == labels[None, :SAMPLES]
    paired = paired.triu(1)
    pairs = paired.sum().float()
    with torch.autocast(real.device.type, enabled=False):
        apart = {name: torch.cdist(x, x) for name, x in zip(("real", "fake"), flat, strict=True)}
    near = NEAR * (apart["real"] * paired).sum() / pairs.clamp_min(1)
    figures: dict[str, Figure] = {}
    for name, distance in apart.items():
        figures[f"{name}_distance"] = (distance * paired).sum(), pairs
        figures[f"{name}_duplicates"] = ((distance < near) & paired).sum().float(), pairs
    return figures


class Health:
    """Gathers figures on the device, and judges them when a line is logged.

    every: steps from one that is measured to the next; the first is measured, too. Few are enough
    to judge by, and their cost is not noticed.
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
        """Add a measured step. Does not wait for the device.

        What is not finite is left out: fp16's scaler skips such steps, too.
        """
        for name, (value, weight) in watch.figures.items():
            pair = torch.stack([value, weight]).float()
            pair = torch.where(pair.isfinite().all(), pair, 0.0)
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair
        if not self._memory["first"] and not self._first:
            self._first = dict(self._sums)

    def line(self, step: int, average: Average) -> tuple[dict[str, float], list[str]]:
        """The figures for a line of metrics, and warnings as sentences.

        average: over all processes. Waits for the device once; all processes must call it.
        """
        if not self._sums:
            return {}, []
        if self._first:
            self._memory["first"] = _means(self._first, average)
        figures = _means(self._sums, average)
        self._sums, self._first = {}, {}
        largest = self._memory["largest"]
        for name in (*SIGNALS, "diversity"):
            seen = [of[name] for of in (self._memory["first"], figures, largest) if name in of]
            largest[name] = max(seen, default=0.0)
        warnings, worse = [], False
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
                warnings.append(f"step {step}: {why}. {advice(sickness, self.setting)}")
        logged = {f"health_{name}": v for name, v in figures.items() if name not in LOSSES}
        return logged, warnings

    def _overpowered(self, step: int, figures: Mapping[str, float]) -> str:
        if figures.get("separation", 0.0) < SURE:
            return ""
        largest = self._memory["largest"]
        signs = [
            f"{words} has fallen to {figures[name] / largest[name]:.2g} of what it was"
            for name, (words, left) in SIGNALS.items()
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
        """Whether it has lasted long enough to be reported, and has not been reported yet."""
        streaks = self._memory["streaks"]
        if not shows:
            streaks.pop(sickness, None)
            return False
        since, lines = streaks.get(sickness, (step, 0))
        streaks[sickness] = [since, lines + 1]
        long = lines + 1 >= LINES and step - since >= STEPS[sickness]
        return long and sickness not in self._memory["warned"]

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a checkpoint keeps, so that a resumed run logs and reports the same."""
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


def _means(sums: Mapping[str, Tensor], average: Average) -> dict[str, float]:
    """The figures of some steps over all processes, with the diversity in place of distances."""
    flat = torch.stack(list(sums.values()))
    average([flat])
    means = {
        name: total / weight
        for name, (total, weight) in zip(sums, flat.tolist(), strict=True)
        if weight > 0
    }
    real, fake = means.pop("real_distance", 0.0), means.pop("fake_distance", 0.0)
    if real > 0:
        means["diversity"] = fake / real
    return means
