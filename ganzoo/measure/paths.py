"""The perceptual path length: how evenly samples change on the way from latent to latent."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.data.dataset import as_levels
from ganzoo.errors import GanzooError
from ganzoo.figure_name import FigureName
from ganzoo.measure.features import BATCH
from ganzoo.measure.trial import Figure, Trial
from ganzoo.models.generator import Generator

PATHS = 500
STEP = 1e-3  # of the way from one latent to the other
KEPT = (0.01, 0.99)  # as in the paper: the shortest and the longest paths are left out


def path_lengths(trial: Trial) -> dict[str, Figure]:
    """Karras 2019 (arXiv:1812.04948), by the features of each extractor in place of VGG's: the
    squared distance between two samples whose latents are a small step apart, over the step's
    square. It is in units of the mean squared distance between two real samples, so that extractors
    can be compared. The ways are the architecture's own."""
    generator = trial.generator
    if generator.input_spec is not None:
        raise GanzooError(f"{generator.name} works from inputs: it has no ways between latents")
    seen = zip(trial.extractors, trial.seen_real, strict=True)
    taken = [(extractor, real) for extractor, real in seen if extractor.differentiable]
    if not taken:
        raise GanzooError("path lengths need an extractor that takes images between 8-bit levels")
    ends = _ends(generator, trial.seed)
    figures: dict[str, Figure] = {}
    for extractor, real in taken:
        moved = (extractor(ends[0]).values - extractor(ends[1]).values).double().square().sum(1)
        apart = 2 * real.values.double().var(0).sum()
        lengths = moved / (STEP**2 * apart)
        low, high = (lengths.quantile(share) for share in KEPT)
        inside = lengths[(lengths >= low) & (lengths <= high)]
        name = str(FigureName("ppl", extractor.name))
        figures[name] = Figure(float(inside.mean()), how=f"{PATHS:,} paths, steps of {STEP:g}")
    return figures


def _ends(generator: Generator, seed: int) -> tuple[Tensor, Tensor]:
    """Where short steps begin and end, as images from 0 to 255 between 8-bit levels."""
    latents = generator.latents(2 * PATHS, seed)
    rng = torch.Generator().manual_seed(seed)
    places = torch.rand(PATHS, 1, generator=rng, dtype=torch.float64) * (1 - STEP)
    ways = zip(latents[:PATHS], latents[PATHS:], torch.cat([places, places + STEP], 1), strict=True)
    moments = torch.stack([generator.architecture.interpolate(*way) for way in ways], 1)
    numbers = generator.turns(PATHS) if generator.architecture.conditional else None
    begin, end = (_levels(generator, side, numbers, seed) for side in moments)
    return begin, end


def _levels(generator: Generator, latents: Tensor, numbers: Tensor | None, seed: int) -> Tensor:
    classes, parts = generator.spec.classes, []
    for place in torch.arange(len(latents)).split(BATCH):
        labels = None if numbers is None else [classes[n] for n in numbers[place].tolist()]
        # The same noise at both ends, where the network draws some itself.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            samples = generator.from_latents(latents[place].float(), labels)
        parts.append(as_levels(samples.cpu(), generator.spec.low, generator.spec.high))
    return torch.cat(parts).clamp(0, 255)
