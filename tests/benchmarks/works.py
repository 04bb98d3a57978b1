"""What is measured: the works by name, their networks, and ganzoo's match for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ganzoo.catalogue import PluginReference
from ganzoo.engine.session import Session
from ganzoo.models.load import find_architecture
from ganzoo.processes import Processes
from ganzoo.runs.resolve import resolve
from ganzoo.sources.given import from_tensor
from ganzoo.spec import SampleSpec

#: Images that ganzoo and the step by hand cut their batches from.
IMAGES = 8192


@dataclass(frozen=True)
class Work:
    """An architecture with its options, at one size and batch. shape: (C, H, W) of a sample.
    usual: measured when no work is named; `on_cpu` is False for those that only a GPU does soon."""

    architecture: str
    shape: tuple[int, int, int]
    batch: int
    options: dict[str, Any] = field(default_factory=dict)
    usual: bool = True
    on_cpu: bool = True

    def describe(self) -> str:
        """As a table names it: ``wgan-gp, width 32, 32 px, batch 64``."""
        options = [f"{name} {value}" for name, value in self.options.items()]
        parts = [self.architecture, *options, f"{self.shape[-1]} px", f"batch {self.batch}"]
        return ", ".join(parts)


WORKS = {
    "dcgan-64": Work("dcgan", (3, 64, 64), 64),
    "dcgan-32": Work("dcgan", (3, 32, 32), 512, on_cpu=False),
    "vanilla": Work("vanilla", (1, 28, 28), 100),
    "wgan-gp": Work("wgan-gp", (3, 32, 32), 64, {"width": 128}),
    "wgan-gp-32": Work("wgan-gp", (3, 32, 32), 64, {"width": 32}),
    "r3gan": Work("r3gan", (3, 32, 32), 64, {"width": 64}),
    "r3gan-16": Work("r3gan", (3, 32, 32), 64, {"width": 16}),
    "tiny": Work("dcgan", (1, 16, 16), 8, {"width": 4}, usual=False),  # to try the script with
}


class Players(NamedTuple):
    """The networks of a work, and the length of the generator's latents."""

    generator: nn.Module
    discriminator: nn.Module
    latent_size: int


def networks(work: Work, device: str) -> Players:
    """Those of ganzoo's architecture, so that loops are compared and not networks."""
    found = find_architecture(work.architecture)
    architecture = found(SampleSpec("image", work.shape), found.Config(**work.options))
    generator, discriminator = architecture.build_generator(), architecture.build_discriminator()
    return Players(generator.to(device), discriminator.to(device), architecture.config.latent_size)


def images(work: Work) -> Tensor:
    """8-bit noise in the shape of a data set: (IMAGES, C, H, W) uint8, the same every time."""
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (IMAGES, *work.shape), dtype=torch.uint8, generator=rng)


def session(work: Work, device: str, precision: str, step: str = "auto") -> Session:
    """A run of ganzoo that is ready to play. step: eager, captured or auto."""
    schedule = {"device": device, "precision": precision, "step": step}
    found = find_architecture(work.architecture)
    asked = {"schedule": schedule, "training": {"batch_size": work.batch}}
    config = resolve(found, work.architecture, PluginReference(), asked, work.options)
    return Session(found, config, from_tensor(images(work)), Processes(), (), ())
