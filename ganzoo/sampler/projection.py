"""Projection: the latents whose samples are nearest to given ones, found by gradient descent.

It begins at the best of many drawn latents, a few for each sample, and follows the gradient
through the generator (Zhu 2016, arXiv:1609.03552; Karras 2019, arXiv:1912.04958, section 5).
"""

from __future__ import annotations

import copy
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganzoo.chance import Chance
from ganzoo.data.dataset import as_levels
from ganzoo.entries import ExtractorEntry
from ganzoo.errors import GanzooError
from ganzoo.files import user_path
from ganzoo.kinds import NUMBERS, Kind
from ganzoo.plugins import catalogue
from ganzoo.progress import each
from ganzoo.sampler import Label, Sampler
from ganzoo.sampler.asked import class_numbers
from ganzoo.sampler.written import (
    check_folder,
    check_shown,
    checked_file,
    content,
    is_folder,
    write_file,
    write_free,
)

AUTO: Final = "auto"
_STEM: Final = "projected"
#: Latents that are drawn to begin with, over all classes but at least `EACH` for one, and those of
#: them that are followed for each sample.
DRAWN: Final = 256
EACH: Final = 16
FOLLOWED: Final = 4
#: The rate of the first step, in deviations of the latents; it falls to 0 as a cosine.
RATE: Final = 0.1
#: What it weighs that latents are spread as drawn ones are; the distance of a drawn sample is 1.
PRIOR: Final = 0.1
TOGETHER: Final = 8  # samples that are looked for at once
MOST_STEPS: Final = 100_000


@dataclass(frozen=True)
class Projection:
    """What was found for N samples, on the CPU.

    targets: (N, *shape), what was looked for. latents: (N, *latent_shape). labels: their classes,
    of a conditional generator, or None. samples: (N, *shape), what the generator makes of them.
    error: (N,), the mean squared error of each, in the units of samples. start: (N,), that of the
    latent that it began with.
    """

    targets: Tensor
    latents: Tensor
    labels: list[str] | None
    samples: Tensor
    error: Tensor
    start: Tensor

    def save(
        self, sampler: Sampler, path: str | os.PathLike[str] | None = None, scale: int = 1
    ) -> list[Path]:
        """Write each target beside what was found, as a file for a person, and the latents, labels
        and errors as numbers, an .npz of the same name. Returns both.

        sampler: whose samples they are. path: None: projected.png, or projected-2.png and so on
        where that, or its .npz, is there. scale: how many times larger pictures are. Raises
        GanzooError as `check_place` does.
        """
        kind = sampler.kind
        check_place(kind, path, scale, len(self.targets))
        both = torch.stack([self.targets, self.samples], 1).flatten(0, 1)
        columns = 2 if kind.in_rows else None
        if path is None:
            suffix = kind.suffixes[0]
            picture = content(kind, both, suffix, columns, scale)
            shown = write_free(_STEM, suffix, picture, beside=".npz")
        else:
            shown = sampler.save_samples(both, path, columns, scale)
        numbers: dict[str, Any] = {"latents": self.latents.numpy(), "error": self.error.numpy()}
        if self.labels is not None:
            numbers["labels"] = np.array(self.labels)
        made = io.BytesIO()
        np.savez(made, **numbers)
        return [shown, write_file(shown.with_suffix(".npz"), made.getvalue)]


def check_place(
    kind: Kind,
    path: str | os.PathLike[str] | None,
    scale: int = 1,
    count: int = 1,
    source: str = "",
) -> None:
    """Raise GanzooError where `Projection.save` could not write: as `Sampler.save_samples` does,
    for an end that is one of numbers, and where it would replace `source`, in which its targets
    are. Asked before they are looked for, which takes long."""
    if path is not None and is_folder(path):
        check_folder(user_path(path))
        check_shown(kind, kind.suffixes[0], None, scale)
        return
    file = Path(_STEM).with_suffix(kind.suffixes[0]) if path is None else user_path(path)
    if file.suffix.lower() in NUMBERS:
        raise GanzooError(
            f"{file}: samples are written there, as {' or '.join(kind.suffixes)}; the latents go "
            "into an .npz of the same name"
        )
    checked_file(kind, file, 2 * count, 2 if kind.in_rows else None, scale)
    if path is None or not source or not Path(source).exists():
        return
    for place in (file, file.with_suffix(".npz")):
        if place.exists() and place.samefile(source):
            raise GanzooError(f"{file}: it would replace {source}; choose another name")


class _Found(NamedTuple):
    """Latents, their classes by number, and how far apart their samples are from what is sought."""

    latents: Tensor
    numbers: Tensor | None
    apart: Tensor

    def best(self, count: int) -> _Found:
        """The best of the candidates for each of `count` samples, which lie one after another."""
        several = len(self.apart) // count
        place = self.apart.view(count, several).argmin(1)
        place = place + several * torch.arange(count, device=place.device)
        numbers = None if self.numbers is None else self.numbers[place]
        return _Found(self.latents[place], numbers, self.apart[place])


def project(
    sampler: Sampler,
    targets: Tensor,
    label: Label | None = None,
    steps: int = 300,
    seed: int = 0,
    features: str | None = AUTO,
    **sampling: Any,
) -> Projection:
    """The latents whose samples are nearest to `targets`, (N, *shape) in the range of the spec.

    label: the class of a conditional generator; None: for each sample the class that suits it best.
    steps: of gradient descent. seed: of the latents that it begins with. features: an extractor
    whose features are compared beside the values; auto: the usual one of the kind, where it lets a
    gradient pass; None: none. sampling: options of the architecture's `Sampling`.

    Raises GanzooError for a generator whose latents are not continuous or that works from inputs,
    and for an extractor that lets no gradient pass.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise GanzooError(f"steps {steps}: it takes 1 to {MOST_STEPS:,}")
    if sampler.input_spec is not None:
        raise GanzooError(f"{sampler.name} works from inputs, not from latents to be found")
    latents = sampler.latents(DRAWN, seed)
    if not latents.is_floating_point():
        raise GanzooError(f"{sampler.name}: its latents are {latents.dtype}, not continuous")
    classes: Tensor | None
    if sampler.architecture.conditional and label is None:
        classes = torch.arange(len(sampler.spec.classes))
    else:
        classes = class_numbers(sampler.architecture, 1, label)
    search = _Search(sampler, latents, classes, sampler.sampling_options(sampling), features)
    parts: list[tuple[_Found, _Found]] = []
    for some in targets.split(TOGETHER):
        with Chance(sampler.device, seed):
            parts.append(search.find(some.to(sampler.device), steps))
    start, latents = (torch.cat([pair[i].latents for pair in parts]).cpu() for i in (0, 1))
    labels: list[list[str] | None] = [None, None]
    if sampler.architecture.conditional:
        names = sampler.spec.classes
        labels = [[names[n] for p in parts for n in _listed(p[i].numbers)] for i in (0, 1)]
    samples = [
        sampler.from_latents(one, own, **sampling).cpu()
        for one, own in zip((start, latents), labels, strict=True)
    ]
    errors = [_mean_square(made - targets.cpu()) for made in samples]
    return Projection(targets.cpu(), latents, labels[1], samples[1], errors[1], errors[0])


def _listed(numbers: Tensor | None) -> list[int]:
    return [] if numbers is None else numbers.tolist()


class _Search:
    """Looks for samples among those of a generator.

    latents: those that are drawn. classes: the numbers of those that come into question, or None.
    """

    def __init__(
        self,
        sampler: Sampler,
        latents: Tensor,
        classes: Tensor | None,
        options: Any,
        features: str | None,
    ) -> None:
        self.kind, self.options = sampler.kind, options
        self.architecture, device = sampler.architecture, sampler.device
        # In float32 whatever its weights are, and apart from whoever samples meanwhile.
        self.network = copy.deepcopy(sampler.network).float().eval().requires_grad_(False)
        self.extractor = extractor_of(sampler, features)
        if self.extractor is not None:
            self.extractor.to(device)
        self.mean = latents.mean(0).to(device)
        self.deviation = latents.std(0).clamp_min(1e-6).to(device)
        if classes is not None:
            latents = latents[: max(EACH, DRAWN // len(classes))]
            share = len(latents)
            latents = latents.repeat(len(classes), *[1] * (latents.dim() - 1))
            classes = classes.repeat_interleave(share).to(device)
        self.latents, self.classes = latents.to(device), classes

    def find(self, targets: Tensor, steps: int) -> tuple[_Found, _Found]:
        """Where it began, and what was found, for each of `targets`."""
        count = len(targets)
        with torch.no_grad():
            wanted = self._views(targets)
            first, scale = self._begin(wanted)
        followed = len(first.apart) // count
        wanted = [view.repeat_interleave(followed, 0) for view in wanted]
        place = ((first.latents - self.mean) / self.deviation).requires_grad_()
        optimizer = torch.optim.Adam([place], lr=RATE)

        def compare() -> tuple[Tensor, Tensor]:
            latents = self.mean + self.deviation * place
            views = self._views(self._samples(latents, first.numbers))
            return latents, _apart(views, wanted, scale)

        for step in each(range(steps), "projecting", steps):
            optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
            loss = compare()[1].sum() + PRIOR * (_mean_square(place) - 1).square().sum()
            (place.grad,) = torch.autograd.grad(loss, [place])
            optimizer.step()
        with torch.no_grad():
            latents, apart = compare()
        return first.best(count), _Found(latents, first.numbers, apart).best(count)

    def _begin(self, wanted: list[Tensor]) -> tuple[_Found, list[Tensor]]:
        """The nearest of the drawn samples, `FOLLOWED` candidates for each of those wanted; and
        for each view the mean distance of a drawn sample."""
        parts = []
        for place in torch.arange(len(self.latents)).split(64):
            numbers = None if self.classes is None else self.classes[place]
            parts.append(self._views(self._samples(self.latents[place], numbers)))
        views = [torch.cat(part) for part in zip(*parts, strict=True)]
        squares = [
            torch.stack([_mean_square(view - one) for one in ones])
            for view, ones in zip(views, wanted, strict=True)
        ]
        scale = [square.mean().clamp_min(1e-12) for square in squares]
        apart = torch.stack([s / by for s, by in zip(squares, scale, strict=True)]).mean(0)
        best = apart.topk(min(FOLLOWED, apart.shape[1]), largest=False)
        place = best.indices.flatten()
        numbers = None if self.classes is None else self.classes[place]
        return _Found(self.latents[place], numbers, best.values.flatten()), scale

    def _samples(self, latents: Tensor, numbers: Tensor | None) -> Tensor:
        made = self.architecture.generate(self.network, latents, numbers, self.options)
        return made.float()

    def _views(self, samples: Tensor) -> list[Tensor]:
        """What of samples is compared: their values, and their features."""
        if self.extractor is None:
            return [samples]
        return [samples, self.extractor.features(self._levels(samples)).values]

    def _levels(self, samples: Tensor) -> Tensor:
        """Samples as files hold them, but without rounding, which no gradient passes."""
        if self.kind.store(samples[:1].detach()).dtype != torch.uint8:
            return self.kind.store(samples)
        return as_levels(samples, self.kind.spec.low, self.kind.spec.high)


def extractor_of(sampler: Sampler, features: str | None) -> Any:
    """The extractor of this name, or the usual one, if it lets a gradient pass; or None.

    Raises GanzooError where one was asked for by name that does not suit."""
    if features is None:
        return None
    spec, find = sampler.spec, catalogue().find
    names = sampler.kind.usual_extractors() if features == AUTO else (features,)
    for name in names:
        target = find(ExtractorEntry, name).load()
        if not getattr(target, "differentiable", True):
            continue  # before weights are looked for, or even downloaded
        # The initial weights of its network must not use up random numbers of the caller.
        with Chance(torch.device("cpu"), 0):
            extractor = target(None)
        if extractor.differentiable and extractor.takes(spec):
            return extractor
    if features != AUTO:
        raise GanzooError(
            f"features {features!r}: this extractor takes no samples of {spec.kind} {spec.shape}, "
            "or lets no gradient pass through it; choose another, or none"
        )
    return None


def _apart(views: list[Tensor], wanted: list[Tensor], scale: list[Tensor]) -> Tensor:
    """How far apart samples are from those wanted: (N,), 1 for a drawn one on average."""
    ways = zip(views, wanted, scale, strict=True)
    return torch.stack([_mean_square(view - one) / by for view, one, by in ways]).mean(0)


def _mean_square(values: Tensor) -> Tensor:
    """The mean square of each row: (N,)."""
    return values.square().flatten(1).mean(1)
