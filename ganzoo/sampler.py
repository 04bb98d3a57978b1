"""From a generator network to samples: what training and loading both need."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.errors import GanzooError, cannot_write
from ganzoo.files import user_path, write_bytes
from ganzoo.game import call
from ganzoo.kinds import Kind, kind_of
from ganzoo.spec import SampleSpec

MOST_SAMPLES: Final = 1_000_000

BLOCK: Final = 64  # latents drawn at once

Label = int | str
"""A class, by its number or its name."""

Labels = Label | Sequence[Label] | Tensor | None
"""One class for all samples, or one for each."""


class Sampler:
    """A generator network that samples: ``sampler(latents)``, ``sampler.sample(16, seed=0)``.

    spec: what one sample is. config: the architecture's options. kind: shows samples.
    """

    def __init__(self, architecture: Architecture, network: nn.Module, name: str = "") -> None:
        self.architecture, self.network, self.name = architecture, network, name
        self.partners = nn.ModuleDict()
        self.inputs: Tensor | None = None

    @functools.cached_property
    def kind(self) -> Kind:
        """What shows samples to a person. Raises GanzooError where the spec's details are wrong."""
        return kind_of(self.spec)

    @functools.cached_property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one latent."""
        return tuple(self.latents(1).shape[1:])

    @property
    def spec(self) -> SampleSpec:
        return self.architecture.spec

    @property
    def config(self) -> Any:
        return self.architecture.config

    @property
    def input_spec(self) -> SampleSpec | None:
        """What the generator works from; None: from latents alone."""
        spec: SampleSpec | None = getattr(self.architecture, "input_spec", None)
        return spec

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The type of its weights."""
        return next((p.dtype for p in self.network.parameters()), torch.float32)

    @torch.no_grad()
    def __call__(self, latents: Tensor, labels: Labels = None) -> Tensor:
        """Samples, (N, *shape) float32 where the network is, for latents (N, *latent_shape).

        labels, for a conditional generator: a class's number or name, or N of them. Raises
        GanzooError for latents of another shape and for a class that there is not.
        """
        latents = as_tensor(latents, "latents")
        if tuple(latents.shape[1:]) != self.latent_shape or not latents.dim():
            wanted = ", ".join(map(str, self.latent_shape))
            raise GanzooError(f"latents of shape {tuple(latents.shape)}; it takes (N, {wanted})")
        numbers = self._numbers(len(latents), labels)
        if numbers is not None:
            numbers = numbers.to(self.device)
        was_training = self.network.training
        self.network.eval()
        try:
            made: Tensor = call(self.network, latents.to(self.device, self.dtype), numbers)
        finally:
            self.network.train(was_training)
        return made.float()

    def latents(self, count: int = 64, seed: int = 0) -> Tensor:
        """`count` latents, (count, *latent_shape) on the CPU.

        They depend on `seed` alone: more of them begin with the same ones.
        """
        if not isinstance(count, Integral) or not 1 <= count <= MOST_SAMPLES:
            raise GanzooError(f"{count} samples asked for; at least 1, at most {MOST_SAMPLES}")
        if not isinstance(seed, Integral) or not 0 <= int(seed) < 2**63:
            raise GanzooError(f"seed {seed!r}: it takes an integer, 0 to 2**63 - 1")
        rng = torch.Generator().manual_seed(int(seed))
        # Whole blocks, cut at the end: what torch draws depends on how much is asked for at once.
        blocks = [self.architecture.sample_latent(BLOCK, rng) for _ in range(0, count, BLOCK)]
        return torch.cat(blocks)[:count]

    def sample(
        self,
        count: int = 64,
        seed: int = 0,
        labels: Labels = None,
        batch_size: int = 256,
    ) -> Tensor:
        """`count` samples, (count, *shape) float32 on the CPU; the same on every call.

        The latents depend on `seed` alone. labels, for a conditional generator: a class's
        number or name, or one for each sample; without it the classes take turns. batch_size:
        how many go through the network at once. Raises GanzooError for a class that there is not.
        """
        return torch.cat(list(self.stream(count, seed, batch_size, labels)))

    def stream(
        self, count: int, seed: int = 0, batch_size: int = 256, labels: Labels = None
    ) -> Iterator[Tensor]:
        """The samples of `sample`, a batch at a time, for more than fit in memory."""
        if batch_size < 1:
            raise GanzooError(f"batch_size {batch_size}: it takes at least 1")
        latents = self.latents(count, seed)
        if labels is None and self.architecture.conditional:
            labels = self.turns(count)
        numbers = self._numbers(count, labels)
        # Noise that the network draws itself comes from the seed too, and from nowhere else.
        with seeded(self.device, int(seed)):
            for start in range(0, count, batch_size):
                part = slice(start, start + batch_size)
                yield self(latents[part], None if numbers is None else numbers[part]).cpu()

    def turns(self, count: int) -> Tensor:
        """The classes taking turns, (count,): what a conditional one makes unasked."""
        return torch.arange(count) % len(self.spec.classes)

    def _numbers(self, count: int, labels: Labels) -> Tensor | None:
        """The classes of `count` samples as numbers, (count,); None if not conditional."""
        if not self.architecture.conditional:
            if labels is not None:
                raise GanzooError(f"labels {labels!r}: this generator is not conditional")
            return None
        if labels is None:
            raise GanzooError("this generator is conditional: it needs labels")
        if isinstance(labels, Integral | str):
            labels = [labels] * count
        if not isinstance(labels, Tensor):
            if not isinstance(labels, Iterable):
                raise GanzooError(f"labels {labels!r}: it takes a class's number or name, or many")
            labels = torch.tensor([self._number(label) for label in labels])
        if labels.shape != (count,) or labels.is_floating_point() or labels.is_complex():
            raise GanzooError(
                f"labels {labels.dtype} of shape {tuple(labels.shape)} for {count} samples; it "
                f"takes one class, or integers of shape ({count},)"
            )
        for number in (int(labels.min()), int(labels.max())) if count else ():
            self._number(number)
        return labels.to(torch.int64)

    def _number(self, label: Label) -> int:
        """A class's number. A text is a class's name before it is a number."""
        classes = self.spec.classes
        if isinstance(label, str) and label in classes:
            return classes.index(label)
        if isinstance(label, Tensor) and label.numel() == 1:
            label = label.item()
        if str(label).isdecimal() and len(str(label)) < 10 and int(label) < len(classes):
            return int(label)
        names = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
        raise GanzooError(
            f"label {str(label)[:50]!r}: the classes are {names} (0 to {len(classes) - 1})"
        )

    def checked(self, samples: Any) -> Tensor:
        """Samples as a user gave them, (N, *shape), as float32 on the CPU. Raises GanzooError."""
        found = as_tensor(samples, "samples")
        if tuple(found.shape[1:]) != self.spec.shape or not len(found):
            wanted = ", ".join(map(str, self.spec.shape))
            raise GanzooError(f"samples of shape {tuple(found.shape)}, not (N, {wanted})")
        return found.detach().float().cpu()

    def save_samples(self, samples: Tensor, path: str | os.PathLike[str]) -> Path:
        """Write samples as a file for a person: a grid of pictures, a scatter plot.

        Raises GanzooError for a file name's end that this kind of sample does not write.
        """
        file = user_path(path)
        samples = self.checked(samples)
        suffix = file.suffix.lower()
        if suffix not in self.kind.suffixes:
            raise GanzooError(
                f"{file}: {self.spec.kind} samples are written as {', '.join(self.kind.suffixes)}"
            )
        if not file.parent.is_dir():
            raise GanzooError(f"{file}: there is no folder {file.parent}")
        try:
            write_bytes(file, self.kind.render(samples, suffix))
        except OSError as error:
            raise cannot_write(file, error) from None
        except ValueError as error:  # Pillow has it for too large a picture
            raise GanzooError(f"{file}: cannot be written: {error}") from None
        return file


def as_tensor(value: Any, what: str) -> Tensor:
    """A tensor of what a user gave: a tensor, an array, numbers. Raises GanzooError for others."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GanzooError(f"{what} {str(value)[:50]!r}: {error}") from None


@contextlib.contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's own generators of the CPU and of `device`, and put them back afterwards."""
    accelerator = {"cuda": torch.cuda, "mps": torch.mps}.get(device.type)
    places = (device,) if device.type == "cuda" else ()
    before = torch.get_rng_state()
    beside = accelerator.get_rng_state(*places) if accelerator else None
    try:
        torch.default_generator.manual_seed(seed)
        # torch.cuda.manual_seed seeds the current device, which may be another one.
        if accelerator:
            with torch.cuda.device(device) if places else contextlib.nullcontext():
                accelerator.manual_seed(seed)
        yield
    finally:
        torch.set_rng_state(before)
        if accelerator:
            accelerator.set_rng_state(beside, *places)
