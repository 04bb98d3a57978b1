"""From a generator network to samples: what training and loading both need."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.chance import Chance
from ganzoo.data.dataset import as_floats, range_fault
from ganzoo.devices import on_cpu
from ganzoo.errors import GanzooError, cannot_write
from ganzoo.files import user_path, write_bytes
from ganzoo.kinds import Kind, kind_of
from ganzoo.options import make
from ganzoo.spec import SampleSpec

MOST_SAMPLES: Final = 1_000_000

BLOCK: Final = 64  # latents drawn at once

Label = int | str
"""A class, by its number or its name; where classes have numbers for names, these are meant."""

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
        if self.input_spec is None:
            return tuple(self.latents(1).shape[1:])
        return tuple(
            self._latents_from(torch.zeros(1, *self.input_spec.shape, device="cpu"), 1, 0).shape[1:]
        )

    @property
    def spec(self) -> SampleSpec:
        return self.architecture.spec

    @property
    def config(self) -> Any:
        return self.architecture.config

    @property
    def input_spec(self) -> SampleSpec | None:
        """What the generator works from; None: from latents alone."""
        return self.architecture.input_spec

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The type of its weights."""
        return next((p.dtype for p in self.network.parameters()), torch.float32)

    def __call__(self, latents: Tensor, labels: Labels = None, **sampling: Any) -> Tensor:
        """Samples, (N, *shape) float32 where the network is, for latents (N, *latent_shape), or
        for inputs (N, *input_spec.shape) in their range, of an architecture that works from those.

        labels, for a conditional generator: a class's number or name, or N of them. sampling:
        options of the architecture's `Sampling`, such as ``truncation=0.7``. Raises GanzooError
        for latents of another shape, for a class and for an option that there is not.
        """
        spec = self.input_spec
        if spec is not None:
            shape = tuple(getattr(latents, "shape", ())[1:])
            if shape == spec.shape or shape != self.latent_shape:
                given = self.checked_inputs(latents)
                latents = self._latents_from(given, len(given), 0)
        return self.from_latents(latents, labels, **sampling)

    def from_latents(self, latents: Tensor, labels: Labels = None, **sampling: Any) -> Tensor:
        """Samples for latents, (N, *latent_shape), of an architecture that works from inputs, too:
        what it made of them. As in calling it."""
        options = self.sampling_options(sampling)
        latents = as_tensor(latents, "latents")
        if not latents.dim() or tuple(latents.shape[1:]) != self.latent_shape:
            takes = ", ".join(map(str, self.latent_shape))
            raise GanzooError(f"latents of shape {tuple(latents.shape)}; it takes (N, {takes})")
        return self._generate(latents, self._numbers(len(latents), labels), options)

    @torch.no_grad()
    def _generate(self, latents: Tensor, numbers: Tensor | None, options: Any) -> Tensor:
        if numbers is not None:
            numbers = numbers.to(self.device)
        if latents.is_floating_point():
            latents = latents.to(self.device, self.dtype)
        was_training = self.network.training
        self.network.eval()
        try:
            samples = self.architecture.generate(
                self.network, latents.to(self.device), numbers, options
            )
        finally:
            self.network.train(was_training)
        return samples.float()

    def sampling_options(self, values: Mapping[str, Any]) -> Any:
        """The architecture's options of sampling. Raises GanzooError for one that there is not."""
        model = self.architecture.Sampling
        if values and not model.model_fields:
            names = ", ".join(values)
            raise GanzooError(f"{names}: {self._title} has no options of sampling")
        return make(model, values, f"sampling from {self._title}")

    @property
    def _title(self) -> str:
        return self.name or type(self.architecture).__name__

    @on_cpu()
    def latents(self, count: int = 64, seed: int = 0) -> Tensor:
        """`count` latents, (count, *latent_shape) on the CPU.

        They depend on `seed` alone: more of them begin with the same ones. Of an architecture that
        works from inputs, they are made from the examples that the model has.
        """
        _check_count(count)
        if self.input_spec is not None:
            return self._latents_from(self._examples(), count, seed)
        rng = _rng(seed)
        # Whole blocks, cut at the end: what torch draws depends on how much is asked for at once.
        with Chance():
            blocks = [self.architecture.sample_latent(BLOCK, rng) for _ in range(0, count, BLOCK)]
        return torch.cat(blocks)[:count]

    def _examples(self) -> Tensor:
        if self.inputs is None:
            raise GanzooError(
                f"{self._title} works from inputs, and this model has no examples of them: give "
                "some (inputs=, or --input FILE)"
            )
        return self.inputs

    @on_cpu()
    def _latents_from(self, inputs: Tensor, count: int, seed: int) -> Tensor:
        """Latents for `count` of `inputs`, taken in turns, with the noise of `seed`."""
        rng, order = _rng(seed), torch.arange(-(-count // BLOCK) * BLOCK) % len(inputs)
        with Chance():
            blocks = [
                self.architecture.latent_from(inputs[part], rng) for part in order.split(BLOCK)
            ]
        return torch.cat(blocks)[:count]

    def sample(
        self,
        count: int | None = None,
        seed: int = 0,
        labels: Labels = None,
        batch_size: int = 256,
        inputs: Tensor | None = None,
        **sampling: Any,
    ) -> Tensor:
        """`count` samples, (count, *shape) float32 on the CPU; the same on every call.

        The latents depend on `seed` alone. labels, for a conditional generator: a class's
        number or name, or one for each sample; without it the classes take turns. batch_size:
        how many go through the network at once. inputs: what to work from, (N, *input_spec.shape)
        in its range, where the architecture does; one sample each, in order, or in turns where
        `count` is given. Without them, the examples that the model has take turns. sampling:
        options of the architecture's `Sampling`, such as ``truncation=0.7``. `count` is 64 where
        neither it nor inputs are given.

        Raises GanzooError for a class, or an option of sampling, that there is not.
        """
        return torch.cat(list(self.stream(count, seed, batch_size, labels, inputs, **sampling)))

    def stream(
        self,
        count: int | None = None,
        seed: int = 0,
        batch_size: int = 256,
        labels: Labels = None,
        inputs: Tensor | None = None,
        **sampling: Any,
    ) -> Iterator[Tensor]:
        """The samples of `sample`, a batch at a time, for more than fit in memory."""
        if batch_size < 1:
            raise GanzooError(f"batch_size {batch_size}: it takes at least 1")
        options = self.sampling_options(sampling)
        if inputs is None:
            count = 64 if count is None else count
            _check_count(count)
            latents = self.latents(count, seed)
        else:
            inputs = self.checked_inputs(inputs)
            count = len(inputs) if count is None else count
            _check_count(count)
            latents = self._latents_from(inputs, count, seed)
        if labels is None and self.architecture.conditional:
            numbers: Tensor | None = self.turns(count)
        else:
            numbers = self._numbers(count, labels)
        # Noise that the network draws itself comes from the seed too, and from nowhere else.
        chance = Chance(self.device, int(seed))
        for start in range(0, count, batch_size):
            part = slice(start, start + batch_size)
            some = None if numbers is None else numbers[part]
            with chance:
                samples = self._generate(latents[part], some, options)
            yield samples.cpu()

    @on_cpu()
    def checked_inputs(self, inputs: Any) -> Tensor:
        """Inputs as a user gave them, (N, *input_spec.shape): 8-bit levels, or floats in its range.
        As float32 on the CPU. Raises GanzooError where they do not fit."""
        spec = self.input_spec
        if spec is None:
            raise GanzooError(f"{self._title} works from latents, not from inputs")
        if isinstance(inputs, str | os.PathLike):
            raise GanzooError(f"inputs {str(inputs)!r}: read_inputs makes a tensor of a file")
        values = as_tensor(inputs, "inputs").detach().cpu()
        if tuple(values.shape[1:]) != spec.shape or not len(values):
            takes = ", ".join(map(str, spec.shape))
            raise GanzooError(f"inputs of shape {tuple(values.shape)}; it takes (N, {takes})")
        if values.dtype != torch.uint8 and not values.is_floating_point():
            raise GanzooError(f"inputs of type {values.dtype}; it takes uint8 or floats")
        values = as_floats(values, spec.low, spec.high)
        fault = range_fault(values, spec.low, spec.high, "scale them")
        if fault:
            raise GanzooError(f"inputs with {fault}")
        return values

    @on_cpu()
    def turns(self, count: int) -> Tensor:
        """The places of classes that take turns, (count,): what a conditional one makes unasked."""
        return torch.arange(count) % len(self.spec.classes)

    @on_cpu()
    def _numbers(self, count: int, labels: Labels) -> Tensor | None:
        """The places of the classes of `count` samples, (count,); None if not conditional."""
        if not self.architecture.conditional:
            if labels is not None:
                raise GanzooError(f"labels {labels!r}: this generator is not conditional")
            return None
        if labels is None:
            raise GanzooError("this generator is conditional: it needs labels")
        if isinstance(labels, Integral | str):
            labels = [labels] * count
        if isinstance(labels, Tensor):
            if labels.is_floating_point() or labels.is_complex() or labels.dim() != 1:
                raise GanzooError(
                    f"labels {labels.dtype} of shape {tuple(labels.shape)} for {count} samples; it "
                    f"takes one class, or integers of shape ({count},)"
                )
            labels = labels.tolist()
        if not isinstance(labels, Iterable):
            raise GanzooError(f"labels {labels!r}: it takes a class's number or name, or many")
        texts = [str(one.item() if isinstance(one, Tensor) else one) for one in labels]
        if len(texts) != count:
            raise GanzooError(f"{len(texts)} labels for {count} samples; it takes one for each")
        numbers = {text: self.spec.place(text) for text in set(texts)}
        return torch.tensor([numbers[text] for text in texts], dtype=torch.int64)

    def checked(self, samples: Any) -> Tensor:
        """Samples as a user gave them, (N, *shape), as float32 on the CPU. Raises GanzooError."""
        values = as_tensor(samples, "samples")
        if tuple(values.shape[1:]) != self.spec.shape or not len(values):
            takes = ", ".join(map(str, self.spec.shape))
            raise GanzooError(f"samples of shape {tuple(values.shape)}, not (N, {takes})")
        return values.detach().float().cpu()

    def checked_file(self, path: str | os.PathLike[str], count: int) -> tuple[Path, str]:
        """The file that `count` samples are to be written to, and the end of its name in small
        letters; nothing is computed for it.

        Raises GanzooError for an end that this kind of sample does not write, for more samples than
        such a file holds, and where no file can be written.
        """
        file = user_path(path)
        suffix = file.suffix.lower()
        if suffix not in self.kind.suffixes:
            raise GanzooError(
                f"{file}: {self.spec.kind} samples are written as {', '.join(self.kind.suffixes)}"
            )
        if not file.parent.is_dir():
            raise GanzooError(f"{file}: there is no folder {file.parent}")
        if file.is_dir():
            raise GanzooError(f"{file} is a folder; samples are written to a file")
        if not os.access(file.parent, os.W_OK):
            raise GanzooError(f"{file}: cannot be written: no permission for {file.parent}")
        fault = self.kind.cannot_hold(suffix, count)
        if fault:
            raise GanzooError(f"{file}: {fault}")
        return file, suffix

    def save_samples(self, samples: Tensor, path: str | os.PathLike[str]) -> Path:
        """Write samples as a file for a person: a grid of pictures, a scatter plot.

        Raises GanzooError as `checked_file` does.
        """
        samples = self.checked(samples)
        file, suffix = self.checked_file(path, len(samples))
        try:
            write_bytes(file, self.kind.render(samples, suffix))
        except OSError as error:
            raise cannot_write(file, error) from None
        except ValueError as error:  # Pillow has it for too large a picture
            raise GanzooError(f"{file}: cannot be written: {error}") from None
        return file


def _check_count(count: int) -> None:
    if not isinstance(count, Integral) or not 1 <= count <= MOST_SAMPLES:
        raise GanzooError(f"{count} samples asked for; at least 1, at most {MOST_SAMPLES}")


def _rng(seed: int) -> torch.Generator:
    if not isinstance(seed, Integral) or not 0 <= int(seed) < 2**63:
        raise GanzooError(f"seed {seed!r}: it takes an integer, 0 to 2**63 - 1")
    return torch.Generator().manual_seed(int(seed))


def as_tensor(value: Any, what: str) -> Tensor:
    """A tensor of what a user gave: a tensor, an array, numbers. Raises GanzooError for others."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GanzooError(f"{what} {str(value)[:50]!r}: {error}") from None
