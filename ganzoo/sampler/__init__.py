"""From a generator network to samples: what training and loading both need."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.chance import Chance
from ganzoo.devices import on_cpu
from ganzoo.errors import GanzooError
from ganzoo.files import user_path
from ganzoo.kinds import Kind, kind_of
from ganzoo.options import make
from ganzoo.sampler.asked import (
    MOST_SAMPLES,
    Label,
    Labels,
    as_tensor,
    check_count,
    checked_inputs,
    checked_seeds,
    class_numbers,
)
from ganzoo.sampler.latents import batches, drawn, first_of
from ganzoo.sampler.request import Request
from ganzoo.sampler.written import (
    check_folder,
    check_shown,
    checked_file,
    content,
    is_folder,
    numbered,
    write_each,
    write_file,
)
from ganzoo.spec import SampleSpec

__all__ = ["MOST_SAMPLES", "Label", "Labels", "Sampler", "as_tensor"]


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
            self._latents_from(torch.zeros(1, *self.input_spec.shape, device="cpu")).shape[1:]
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
                latents = self._latents_from(given)
        return self.from_latents(latents, labels, **sampling)

    def _latents_from(self, inputs: Tensor) -> Tensor:
        """A latent for each of `inputs`, with the noise of seed 0."""
        return next(batches(drawn(self.architecture, 0, inputs), len(inputs), len(inputs)))

    def from_latents(self, latents: Tensor, labels: Labels = None, **sampling: Any) -> Tensor:
        """Samples for latents, (N, *latent_shape), of an architecture that works from inputs, too:
        what it made of them. As in calling it."""
        options = self.sampling_options(sampling)
        latents = as_tensor(latents, "latents")
        if not latents.dim() or tuple(latents.shape[1:]) != self.latent_shape:
            takes = ", ".join(map(str, self.latent_shape))
            raise GanzooError(f"latents of shape {tuple(latents.shape)}; it takes (N, {takes})")
        return self._generate(
            latents, class_numbers(self.architecture, len(latents), labels), options
        )

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

    def latents(self, count: int = 64, seed: int = 0) -> Tensor:
        """`count` latents, (count, *latent_shape) on the CPU.

        They depend on `seed` alone: more of them begin with the same ones. Of an architecture that
        works from inputs, they are made from the examples that the model has.
        """
        check_count(count)
        return next(batches(drawn(self.architecture, seed, self._examples()), count, count))

    def _examples(self) -> Tensor | None:
        """The examples of what it works from; None where it works from latents alone."""
        if self.input_spec is None:
            return None
        if self.inputs is None:
            raise GanzooError(
                f"{self._title} works from inputs, and this model has no examples of them: give "
                "some (inputs=, or --input FILE)"
            )
        return self.inputs

    def sample(
        self,
        count: int | None = None,
        seed: int = 0,
        labels: Labels = None,
        batch_size: int = 256,
        inputs: Tensor | None = None,
        seeds: Iterable[int] | None = None,
        **sampling: Any,
    ) -> Tensor:
        """`count` samples, (count, *shape) float32 on the CPU; the same on every call.

        The latents depend on `seed` alone. labels, for a conditional generator: a class's
        number or name, or one for each sample; without it the classes take turns. batch_size:
        how many go through the network at once. inputs: what to work from, (N, *input_spec.shape)
        in its range, where the architecture does; one sample each, in order, or in turns where
        `count` is given. Without them, the examples that the model has take turns. seeds, in place
        of `count` and `seed`: one sample each, the first of that seed. sampling: options of the
        architecture's `Sampling`, such as ``truncation=0.7``. `count` is 64 where neither it nor
        inputs nor seeds are given.

        Raises GanzooError for a class, or an option of sampling, that there is not.
        """
        parts = self.stream(count, seed, batch_size, labels, inputs, seeds, **sampling)
        return torch.cat(list(parts))

    def stream(
        self,
        count: int | None = None,
        seed: int = 0,
        batch_size: int = 256,
        labels: Labels = None,
        inputs: Tensor | None = None,
        seeds: Iterable[int] | None = None,
        **sampling: Any,
    ) -> Iterator[Tensor]:
        """The samples of `sample`, a batch at a time, for more than fit in memory."""
        if batch_size < 1:
            raise GanzooError(f"batch_size {batch_size}: it takes at least 1")
        options = self.sampling_options(sampling)
        given = self._examples() if inputs is None else self.checked_inputs(inputs)
        if seeds is None:
            usual = 64 if inputs is None else len(inputs)
            count = usual if count is None else count
            check_count(count)
            latents = drawn(self.architecture, seed, given)
        else:
            if count is not None:
                raise GanzooError("count and seeds: give one of them; each seed has one sample")
            seeds = checked_seeds(seeds)
            count, seed = len(seeds), seeds[0]
            latents = first_of(self.architecture, seeds, given)
        if labels is None and self.architecture.conditional:
            numbers: Tensor | None = self.turns(count)
        else:
            numbers = class_numbers(self.architecture, count, labels)
        # Noise that the network draws itself comes from the seed too, and from nowhere else.
        chance, done = Chance(self.device, int(seed)), 0
        for batch in batches(latents, count, batch_size):
            some = None if numbers is None else numbers[done : done + len(batch)]
            with chance:
                samples = self._generate(batch, some, options)
            yield samples.cpu()
            done += len(batch)

    @on_cpu()
    def checked_inputs(self, inputs: Any) -> Tensor:
        """Inputs as a user gave them, (N, *input_spec.shape): 8-bit levels, or floats in its range.
        As float32 on the CPU. Raises GanzooError where they do not fit."""
        return checked_inputs(self.architecture, inputs, self._title)

    @on_cpu()
    def turns(self, count: int) -> Tensor:
        """The places of classes that take turns, (count,): what a conditional one makes unasked."""
        return torch.arange(count) % len(self.spec.classes)

    def checked(self, samples: Any) -> Tensor:
        """Samples as a user gave them, (N, *shape), as float32 on the CPU. Raises GanzooError."""
        values = as_tensor(samples, "samples")
        if tuple(values.shape[1:]) != self.spec.shape or not len(values):
            takes = ", ".join(map(str, self.spec.shape))
            raise GanzooError(f"samples of shape {tuple(values.shape)}, not (N, {takes})")
        return values.detach().float().cpu()

    def save_samples(
        self,
        samples: Tensor,
        path: str | os.PathLike[str],
        columns: int | None = None,
        scale: int = 1,
    ) -> Path:
        """Write samples, (N, *shape), as a file for a person: a grid of pictures, a scatter plot;
        or as numbers, .npz and .npy. Where `path` ends with a slash, or is a folder, each becomes a
        file of its own, 0000.png and so on.

        columns: how many pictures lie in a row. scale: how many times larger they are, without
        smoothing. Raises GanzooError for an end that this kind of sample does not write, for more
        samples than such a file holds, and where no file can be written.
        """
        samples = self.checked(samples)
        if is_folder(path):
            folder, suffix = user_path(path), self.kind.suffixes[0]
            check_folder(folder)
            check_shown(self.kind, suffix, columns, scale)
            names = numbered(len(samples))
            return write_each(self.kind, [samples], names, folder, suffix, scale, len(samples))
        file, suffix = checked_file(self.kind, path, len(samples), columns, scale)
        return write_file(file, lambda: content(self.kind, samples, suffix, columns, scale))

    def sample_to(
        self,
        path: str | os.PathLike[str] | None = None,
        count: int | None = None,
        seed: int = 0,
        labels: Labels = None,
        inputs: Tensor | None = None,
        seeds: Iterable[int] | None = None,
        columns: int | None = None,
        scale: int = 1,
        format: str | None = None,
        **sampling: Any,
    ) -> Path:
        """Sample into a file, or into a folder a batch at a time, as ``ganzoo sample`` does.

        path: as in `save_samples`; None: samples.png, or samples-2.png and so on where that is
        there. format: of the files in a folder, and of a file without a name: png, jpg, npy, ...
        The classes of a conditional generator have a row each in a grid unless `labels` are given.
        The rest is as in `sample` and `save_samples`. Raises GanzooError as they do, before
        anything is computed where that is possible.
        """
        chosen = None if seeds is None else checked_seeds(seeds)
        return Request(
            self, path, count, seed, labels, inputs, chosen, columns, scale, format, sampling
        ).write()
