"""A generator to sample from, whoever trained it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.errors import GanzooError
from ganzoo.files import write_bytes
from ganzoo.game import call
from ganzoo.kinds import Kind, kind_of
from ganzoo.spec import SampleSpec

MOST_SAMPLES: Final = 1_000_000

Label = int | str
"""A class, by its number or its name."""


class Generator:
    """A trained generator: ``generator(latents)``, ``generator.sample(16, seed=0)``.

    spec: what one sample is. config: the architecture's options. kind: shows samples.
    """

    def __init__(self, architecture: Architecture, network: nn.Module, name: str = "") -> None:
        self.architecture, self.network, self.name = architecture, network, name
        self.kind: Kind = kind_of(architecture.spec)

    @property
    def spec(self) -> SampleSpec:
        return self.architecture.spec

    @property
    def config(self) -> Any:
        return self.architecture.config

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The type of its weights."""
        return next((p.dtype for p in self.network.parameters()), torch.float32)

    def to(self, device: str | torch.device) -> Generator:
        """Move the network; returns the generator itself."""
        self.network.to(device)
        return self

    @torch.no_grad()
    def __call__(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples, (N, *shape) float32, for latents (N, ...) and, if conditional, labels (N,)."""
        if self.architecture.conditional and labels is None:
            raise GanzooError("this generator is conditional: it needs labels")
        if not self.architecture.conditional:
            labels = None
        elif labels is not None:
            labels = labels.to(self.device)
        was_training = self.network.training
        self.network.eval()
        samples: Tensor = call(self.network, latents.to(self.device, self.dtype), labels)
        self.network.train(was_training)
        return samples.float()

    def sample(
        self,
        count: int = 64,
        seed: int = 0,
        labels: Label | Sequence[Label] | Tensor | None = None,
        batch_size: int = 256,
    ) -> Tensor:
        """`count` samples, (count, *shape) float32 on the CPU; the same on every call.

        The latents depend on `seed` alone. labels, for a conditional generator: a class's
        number or name, or one for each sample; without it the classes take turns. Raises
        GanzooError for a class that there is not.
        """
        if not 1 <= count <= MOST_SAMPLES:
            raise GanzooError(f"{count} samples asked for; at least 1, at most {MOST_SAMPLES}")
        if not 0 <= seed < 2**63:
            raise GanzooError(f"seed {seed}: it takes 0 to 2**63 - 1")
        rng = torch.Generator().manual_seed(seed)
        latents = self.architecture.sample_latent(count, rng)
        numbers = self._numbers(count, labels)
        parts = []
        # Noise that the network draws itself comes from the seed too, and from nowhere else.
        with seeded(self.device, seed):
            for start in range(0, count, batch_size):
                part = slice(start, start + batch_size)
                parts.append(self(latents[part], None if numbers is None else numbers[part]).cpu())
        return torch.cat(parts)

    def _numbers(self, count: int, labels: Any) -> Tensor | None:
        classes = self.spec.classes
        if not self.architecture.conditional:
            if labels is not None:
                raise GanzooError(f"labels {labels!r}: this generator is not conditional")
            return None
        if labels is None:
            return torch.arange(count) % len(classes)
        if isinstance(labels, Tensor):
            labels = labels.tolist()
        if isinstance(labels, int | str):
            labels = [labels] * count
        if len(labels) != count:
            raise GanzooError(f"{len(labels)} labels for {count} samples")
        return torch.tensor([self._number(label) for label in labels])

    def _number(self, label: Label) -> int:
        classes = self.spec.classes
        if str(label) in classes:
            return classes.index(str(label))
        if str(label).isdecimal() and int(label) < len(classes):
            return int(label)
        raise GanzooError(
            f"label {label!r}: the classes are {', '.join(classes)} (0 to {len(classes) - 1})"
        )

    def save_samples(self, samples: Tensor, path: str | os.PathLike[str]) -> Path:
        """Write samples as a file for a person: a grid of pictures, a scatter plot.

        Raises GanzooError for a file name's end that this kind of sample does not write.
        """
        file = Path(path)
        suffix = file.suffix.lower()
        if suffix not in self.kind.suffixes:
            raise GanzooError(
                f"{file}: {self.spec.kind} samples are written as {', '.join(self.kind.suffixes)}"
            )
        if not file.parent.is_dir():
            raise GanzooError(f"{file}: there is no folder {file.parent}")
        try:
            write_bytes(file, self.kind.render(samples, suffix))
        except (OSError, ValueError) as error:  # Pillow has ValueError for too large a picture
            raise GanzooError(f"{file}: cannot be written: {error}") from None
        return file


@contextlib.contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's own generators of the CPU and of `device`, and put them back afterwards."""
    accelerator = {"cuda": torch.cuda, "mps": torch.mps}.get(device.type)
    places = (device,) if device.type == "cuda" else ()
    before = torch.get_rng_state()
    beside = accelerator.get_rng_state(*places) if accelerator else None
    try:
        torch.default_generator.manual_seed(seed)
        if accelerator:
            accelerator.manual_seed(seed)
        yield
    finally:
        torch.set_rng_state(before)
        if accelerator:
            accelerator.set_rng_state(beside, *places)
