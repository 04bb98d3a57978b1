"""Walks through latent space: from seed to seed and back to the first, a closed loop."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.sampler.asked import MOST_SAMPLES, Label, as_tensor

if TYPE_CHECKING:
    from ganzoo.sampler import Sampler

_AT_ONCE: Final = 256  # samples that go through the network at once


def latents_at(sampler: Sampler, stop: int | Tensor, count: int = 1) -> Tensor:
    """The first `count` latents of a seed, (count, *latent_shape); or a latent that was given,
    one. Raises GanzooError for one of another shape."""
    if isinstance(stop, Integral):
        return sampler.latents(count, int(stop))
    latent = as_tensor(stop, "latent").detach().cpu()
    if tuple(latent.shape) != sampler.latent_shape:
        raise GanzooError(f"a latent of shape {tuple(latent.shape)}, not {sampler.latent_shape}")
    if count != 1:
        raise GanzooError("a walk from latents is one walk; several are walked from seeds")
    return latent[None]


def check_walk(sampler: Sampler, stops: Sequence[int | Tensor], frames: int, walks: int) -> None:
    """Raise GanzooError where there is no such walk."""
    if sampler.input_spec is not None:
        raise GanzooError(
            f"{sampler.name or 'the generator'} works from inputs: there is no way from one seed "
            "to another. In Python, generator.interpolate takes latents"
        )
    if len(stops) < 2:
        raise GanzooError("a walk leads from one seed to another: give two or more, such as 1,5,9")
    if frames < 1:
        raise GanzooError(f"frames {frames}: at least 1 from each seed to the next")
    if walks < 1:
        raise GanzooError(f"{walks} walks: at least 1")
    if len(stops) * frames * walks > MOST_SAMPLES:
        raise GanzooError(f"{len(stops) * frames * walks} samples; at most {MOST_SAMPLES}")
    for one, other in itertools.pairwise([*stops, stops[0]]):
        if isinstance(one, Integral) and isinstance(other, Integral) and one == other:
            raise GanzooError(
                f"seed {one} follows itself: a walk goes on, and returns to its first seed unasked"
            )


def moments(
    sampler: Sampler,
    stops: Sequence[int | Tensor],
    frames: int,
    walks: int = 1,
    labels: Sequence[Label | None] = (None,),
    **sampling: Any,
) -> Iterator[Tensor]:
    """The samples of a walk, moment by moment: each (walks * labels, *shape) on the CPU.

    It comes by each stop, `frames` moments apart, and ends one moment before the first: shown
    again and again, it has no end. The way is the architecture's `interpolate`. walks: so many at
    once, from the first latents of each seed. labels: the classes that each walk is shown in.
    """
    weights = torch.arange(frames, dtype=torch.float64, device="cpu") / frames
    latents = [latents_at(sampler, stop, walks) for stop in stops]
    classes = [label for label in labels for _ in range(walks) if label is not None]
    width = walks * len(labels)
    for first, last in itertools.pairwise([*latents, latents[0]]):
        ways = [
            sampler.architecture.interpolate(start, end, weights)
            for start, end in zip(first, last, strict=True)
        ]
        for some in torch.stack(ways, 1).split(
            max(1, _AT_ONCE // width)
        ):  # (moments, walks, *latent)
            every = torch.cat([some] * len(labels), 1)
            given = classes * len(some) or None
            made = sampler.from_latents(every.flatten(0, 1), given, **sampling).cpu()
            yield from made.unflatten(0, (len(some), width))
