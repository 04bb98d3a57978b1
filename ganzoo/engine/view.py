"""What the discriminator is shown in place of samples: augmented, and with noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganzoo.entries import AugmentationEntry
from ganzoo.plugins import catalogue
from ganzoo.processes import Processes
from ganzoo.training import Training


@dataclass(frozen=True)
class View:
    """How samples are shown, real ones and fakes alike, in both players' turns.

    rng: alike in all processes. Draws are made for the whole batch and cut, so that two processes
    see what one would. amplitude: the noise's standard deviation, where a captured step reads it
    on the device. chance: a scalar, with which each augmentation is done to a sample; None: it is
    done to all. layout: of images.
    """

    training: Training
    rng: torch.Generator
    processes: Processes
    amplitude: Tensor | None = None
    chance: Tensor | None = None
    layout: torch.memory_format = torch.channels_last

    def at(self, step: int) -> Callable[[Tensor], Tensor] | None:
        """What is done to samples in a step; None: they are shown as they are."""
        noise = self.noise(step)
        amplitude = noise if self.amplitude is None else self.amplitude
        entries = [catalogue().find(AugmentationEntry, name) for name in self.training.augment]
        if not noise and not entries:
            return None

        def shown(samples: Tensor) -> Tensor:
            # In float32 whatever the precision around: noise of one level is lost in bf16.
            with torch.autocast(samples.device.type, enabled=False):
                samples = samples.float()
                for entry in entries:
                    samples = self._augmented(samples, entry)
                if noise:
                    drawn = self._mine(torch.randn, samples, tuple(samples.shape[1:]))
                    samples = samples + amplitude * drawn
            if samples.dim() == 4:
                samples = samples.contiguous(memory_format=self.layout)
            return samples

        return shown

    def _augmented(self, samples: Tensor, entry: AugmentationEntry) -> Tensor:
        if self.chance is None:
            return entry.load()(samples, self._mine(torch.rand, samples, (entry.draws,)))
        draws = self._mine(torch.rand, samples, (1 + entry.draws,))
        chosen = (draws[:, 0] < self.chance).view(-1, *[1] * (samples.dim() - 1))
        return torch.where(chosen, entry.load()(samples, draws[:, 1:]), samples)

    def noise(self, step: int) -> float:
        """The standard deviation of the instance noise in a step (Sonderby 2016,
        arXiv:1610.04490); 0 from the last step of its fall on."""
        steps = self.training.instance_noise_steps or self.training.steps
        return self.training.instance_noise * max(0.0, 1 - step / steps)

    def _mine(self, draw: Callable[..., Tensor], samples: Tensor, shape: tuple[int, ...]) -> Tensor:
        """This process's part of draws of `shape` for each sample of the whole batch."""
        share, rank, world = len(samples), self.processes.rank, self.processes.world
        drawn = draw((share * world, *shape), generator=self.rng, device=samples.device)
        return drawn[rank * share : (rank + 1) * share]
