"""One round of the game, as an objective sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.convolutions import twice_differentiable


@dataclass
class Networks:
    """All modules of a run.

    partners: further networks that are trained with the generator. extras: what no player trains.
    objective: the run's, which may have parameters, trained with the discriminator, and buffers.
    """

    generator: nn.Module
    discriminator: nn.Module
    partners: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    extras: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    objective: nn.Module = field(default_factory=nn.Module)

    def parameters(self, player: str) -> list[nn.Parameter]:
        """What ``generator`` or ``discriminator`` trains: those that require a gradient."""
        sides = {
            "generator": (self.generator, self.partners),
            "discriminator": (self.discriminator, self.objective),
        }
        return [p for module in sides[player] for p in module.parameters() if p.requires_grad]

    def playing(self) -> dict[str, nn.Module]:
        """Those that a model may be stored with, by name: without extras and objective."""
        names = ("generator", "discriminator", "partners")
        return {name: module for name, module in self.modules().items() if name in names}

    def modules(self) -> dict[str, nn.Module]:
        """All of them, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass
class Game:
    """One player's turn in one round.

    real: (N, *shape), the real samples in the spec's range. labels: (N,) int64 of the real
    samples, which the fakes share, or None. latent: what the fakes were made from.
    inputs: the data set's inputs that belong to the real samples, or None.
    context: what the discriminator is told beside real samples and fakes, by the names of its
    parameters; see `Architecture.context`.
    fake: (N, *shape); it carries the generator's gradient in the generator's turn only.
    partners: further networks that are trained with the generator. step: the current step.
    view: what the run asks to do to samples before the discriminator sees them, or None.
    watch: called with each batch that the discriminator judges, and its output.
    mean, record: of the engine, for `average` and `log`. joined: whether the discriminator judges
    each sample (or pack) by itself, so that `scores` may call it once for several batches.
    """

    real: Tensor
    fake: Tensor
    latent: Tensor
    labels: Tensor | None
    generator: nn.Module
    discriminator: nn.Module
    partners: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    step: int = 0
    view: Callable[[Tensor], Tensor] | None = None
    watch: Callable[[Game, Tensor, Any], None] | None = None
    inputs: Tensor | None = None
    context: Mapping[str, Tensor] = field(default_factory=dict)
    mean: Callable[[Tensor], Tensor] | None = None
    record: Callable[[str, Tensor], None] | None = None
    joined: bool = False
    _scored: list[tuple[Tensor, Tensor]] = field(default_factory=list, init=False, repr=False)
    _slopes: list[tuple[Tensor, Tensor]] = field(default_factory=list, init=False, repr=False)

    def due(self, every: int) -> bool:
        """Whether what is done every so many steps is done in this one. The warm-up is all of step
        0, and does it in each update.

        Ask this rather than computing with `step`: a step that reads the number itself is not
        captured as a CUDA graph.
        """
        return self.step % every == 0

    def shown(self, samples: Tensor) -> Tensor:
        """What the discriminator sees of `samples`, real or fake: augmented, and with noise, where
        the run asks for it, drawn anew at each call. A gradient passes."""
        return samples if self.view is None else self.view(samples)

    def discriminate(self, samples: Tensor, **inputs: Any) -> Any:
        """What the discriminator returns for `samples`, as they are shown, the labels and the
        context bound.

        `inputs` are handed on to the discriminator: a latent, for one that judges pairs.
        """
        beside = {**self.context, **inputs}
        output = call(self.discriminator, self.shown(samples), self.labels, **beside)
        if self.watch is not None:
            self.watch(self, samples, output)
        return output

    def score(self, samples: Tensor, **inputs: Any) -> Tensor:
        """The scores of `samples`, flat and in float32, whatever the precision around.

        Right after `score_gradient` of the same samples, it gives the scores of that pass.
        """
        scores = None if inputs else _taken(self._scored, samples)
        if scores is None:
            return score_of(self.discriminate(samples, **inputs))
        if self.watch is not None:
            self.watch(self, samples, scores)
        return scores

    def scores(self, *batches: Tensor) -> list[Tensor]:
        """The scores of each of `batches`, equally long, as `score` gives them.

        The discriminator is called once for all of them where it judges each sample by itself:
        without batch statistics, and without buffers that a call changes. That is faster.
        """
        if not self.joined or any(
            _position(self._scored, samples) is not None for samples in batches
        ):
            return [self.score(samples) for samples in batches]
        together = torch.cat([self.shown(samples) for samples in batches])
        labels, context = self._repeated(len(batches))
        output = call(self.discriminator, together, labels, **context)
        scores = score_of(output).chunk(len(batches))
        if self.watch is not None:
            for samples, own in zip(batches, scores, strict=True):
                self.watch(self, samples, own)
        return list(scores)

    def _repeated(self, times: int) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Labels and context for so many batches in one."""
        labels = None if self.labels is None else self.labels.repeat(times)
        return labels, {name: torch.cat([told] * times) for name, told in self.context.items()}

    def generate(self, latent: Tensor) -> Tensor:
        """Samples for `latent`, the labels bound."""
        samples: Tensor = call(self.generator, latent, self.labels)
        return samples

    def average(self, tensor: Tensor) -> Tensor:
        """The mean of `tensor` over all processes; alone, the tensor itself.

        All of them must call it. A gradient passes: what a loss of the mean asks of a tensor
        reaches the process's own.
        """
        return tensor if self.mean is None else self.mean(tensor)

    def log(self, name: str, tensor: Tensor) -> None:
        """Log a figure other than a loss, a scalar, under its own name in ``metrics.jsonl``.

        A line has its mean since the line before, over all processes. It is summed on the device,
        and nothing waits for it. Raises GanzooError where the name is already used in the line.
        """
        if self.record is not None:
            self.record(name, tensor)

    def score_gradient(self, samples: Tensor, **inputs: Any) -> Tensor:
        """The gradient of the scores with respect to `samples`, as they are shown: (N, values a
        sample). A penalty on it bounds the discriminator's slope where it judges.

        `inputs` are handed on to the discriminator, as in `discriminate`. Where it judges packs of
        k samples, each row is the gradient of one pack: (N / k, k times the values). It can be
        differentiated again. Computed in float32 outside autocast: second-order penalties overflow
        in half precision.
        """
        known = None if inputs else _taken(self._slopes, samples)
        if known is not None:
            return known
        beside = {**self.context, **inputs}
        scores, gradient = self._differentiated(self._bare(samples), self.labels, **beside)
        if not inputs:
            self._scored.append((samples, scores))
        return gradient

    def foresee_gradients(self, *batches: Tensor) -> None:
        """Compute in one pass what `score_gradient` will be asked for each of `batches`, equally
        long. It does nothing where the discriminator does not judge each sample by itself."""
        if not self.joined:
            return
        together = torch.cat([self._bare(samples) for samples in batches])
        labels, context = self._repeated(len(batches))
        scores, gradients = self._differentiated(together, labels, **context)
        parts = scores.chunk(len(batches)), gradients.chunk(len(batches))
        for samples, own, gradient in zip(batches, *parts, strict=True):
            self._scored.append((samples, own))
            self._slopes.append((samples, gradient))

    def _bare(self, samples: Tensor) -> Tensor:
        """Samples in float32 as they are shown, without what they were computed from."""
        return self.shown(samples.detach().float()).detach()

    def _differentiated(
        self, shown: Tensor, labels: Tensor | None, **inputs: Any
    ) -> tuple[Tensor, Tensor]:
        """The scores and their gradients with respect to `shown`, a row a score."""
        shown.requires_grad_()
        device = shown.device
        with torch.autocast(device.type, enabled=False), twice_differentiable(device):
            scores = score_of(call(self.discriminator, shown, labels, **inputs))
            (gradient,) = torch.autograd.grad(scores.sum(), shown, create_graph=True)
        return scores, gradient.reshape(min(len(scores), len(shown)), -1)


def _position(kept: list[tuple[Tensor, Tensor]], samples: Tensor) -> int | None:
    """Where in `kept` there is something of `samples`."""
    return next((n for n, (known, _) in enumerate(kept) if known is samples), None)


def _taken(kept: list[tuple[Tensor, Tensor]], samples: Tensor) -> Tensor | None:
    """What a penalty's pass has left of `samples`. It serves once: an objective that asks twice
    wants two draws of dropout or of an augmentation."""
    position = _position(kept, samples)
    return None if position is None else kept.pop(position)[1]


def call(network: nn.Module, values: Tensor, labels: Tensor | None, **inputs: Any) -> Any:
    """Call a network of either player, with labels where there are any."""
    return network(values, **inputs) if labels is None else network(values, labels, **inputs)


def score_of(output: Any) -> Tensor:
    """The scores in a discriminator's output: the tensor itself or its field ``score``."""
    score: Tensor = output if isinstance(output, Tensor) else output.score
    return score.float().flatten()
