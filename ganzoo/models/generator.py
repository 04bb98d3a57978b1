"""A loaded generator: sample, interpolate, look at, save, export, push."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import Dataset, as_floats, range_fault
from ganzoo.data.reading import read_all
from ganzoo.devices import checked_device, checked_dtype
from ganzoo.errors import GanzooError, cannot_write
from ganzoo.files import make_parent, user_path
from ganzoo.hub_name import HubName
from ganzoo.kinds import kind_of
from ganzoo.layout import is_model
from ganzoo.models.card import NAMELESS, render
from ganzoo.models.export import export
from ganzoo.models.own_text import Own
from ganzoo.models.records import About, Measured, read_metrics
from ganzoo.models.save import describe, package_of, scratch, write_model
from ganzoo.models.upload import Published, PublishOptions, check_finite, check_options, upload
from ganzoo.sampler import MOST_SAMPLES, Label, Labels, Sampler, as_tensor
from ganzoo.sampler.asked import class_numbers
from ganzoo.sampler.moving import FPS, save_moments
from ganzoo.sampler.projection import AUTO, Projection, project
from ganzoo.sampler.walk import check_walk, latents_at, moments
from ganzoo.sources.find import find_dataset

if TYPE_CHECKING:
    from PIL.Image import Image

#: Moments of a walk from each seed to the next, of pictures and of what is not seen in passing.
FRAMES: Final = 30
FEW_FRAMES: Final = 8


class Generator(Sampler):
    """A trained generator: ``generator.sample(16, seed=0)``, ``generator(latents, labels)``.

    name: of its architecture. spec: what one sample is. config: the architecture's options.
    source: what it was loaded from. revision: the commit on the Hub, where it came from there.
    partners: networks that were trained with it, by name: ``generator.partners["encoder"]``.
    inputs: examples of what it works from, (N, *input_spec.shape), where it does.
    """

    def __init__(
        self,
        architecture: Architecture,
        network: nn.Module,
        name: str = "",
        about: About | None = None,
        source: str = "",
        revision: str | None = None,
    ) -> None:
        super().__init__(architecture, network, name)
        self.about = About() if about is None else about
        self.source, self.revision = source, revision

    @property
    def training(self) -> dict[str, Any]:
        """How it was trained, as ``training.json`` has it."""
        return self.about.training

    @property
    def metrics(self) -> dict[str, Measured]:
        """What was measured, by name: ``.value``, and ``.how`` it was measured."""
        return self.about.metrics

    @property
    def card(self) -> str:
        """The text of its card, Markdown with YAML metadata."""
        if self.about.card:
            return self.about.card
        return render(describe(self, self.about, self.source or NAMELESS), Own())

    def __repr__(self) -> str:
        shape = "x".join(str(length) for length in self.spec.shape)
        where = f" from {self.source}" if self.source else ""
        return f"<Generator {self.name}{where}: {self.spec.kind} {shape} on {self.device}>"

    def _repr_png_(self) -> bytes | None:
        """16 samples, for a notebook; None where its kind of sample is not a picture."""
        if ".png" not in self.kind.suffixes:
            return None
        return self.kind.render(self.sample(16), ".png")

    def to(self, device: str | torch.device, dtype: torch.dtype | str | None = None) -> Generator:
        """Move the network; returns the generator itself. dtype: of its weights.

        Raises GanzooError where there is no such device, or `dtype` is not floating point.
        """
        kind = checked_dtype(dtype)
        self.network.to(checked_device(device), kind)
        self.partners.to(checked_device(device), kind)
        if kind not in (None, torch.float32):
            # What was measured of the quality was measured in full precision.
            kept = {name: m for name, m in self.about.metrics.items() if m.data is None}
            self.about = replace(self.about, metrics=kept)
        return self

    def interpolate(
        self,
        start: int | Tensor,
        end: int | Tensor,
        count: int = 8,
        labels: Label | None = None,
        **sampling: Any,
    ) -> Tensor:
        """Samples on the way from one latent to another: (count, *shape) on the CPU.

        start, end: a latent, (*latent_shape), or a seed, whose first latent is meant. Both are
        among the samples. The way is the architecture's, by default a great circle: normal latents
        lie near a sphere, and a straight line would leave it (White 2016, arXiv:1609.04468).
        sampling: options of the architecture's `Sampling`. Raises GanzooError for latents that are
        opposite or not finite.
        """
        if not 2 <= count <= MOST_SAMPLES:
            raise GanzooError(f"interpolate {count} samples: it takes 2 to {MOST_SAMPLES}")
        first, last = latents_at(self, start)[0], latents_at(self, end)[0]
        weights = torch.linspace(0, 1, count, dtype=torch.float64)
        way = self.architecture.interpolate(first, last, weights)
        return self.from_latents(way, labels, **sampling).cpu()

    def walk(
        self,
        seeds: Sequence[int | Tensor],
        frames: int = FRAMES,
        labels: Label | None = None,
        **sampling: Any,
    ) -> Tensor:
        """Samples on the way through `seeds` and back to the first, a closed loop:
        (len(seeds) * frames, *shape) on the CPU.

        seeds: two or more, or latents as in `interpolate`, whose ways it takes. frames: from each
        to the next. Raises GanzooError as `interpolate` does.
        """
        check_walk(self, seeds, frames, 1)
        return torch.cat(list(moments(self, seeds, frames, 1, [labels], **sampling)))

    def save_walk(
        self,
        seeds: Sequence[int | Tensor],
        path: str | os.PathLike[str] | None = None,
        frames: int | None = None,
        walks: int | None = None,
        labels: Label | None = None,
        fps: float = FPS,
        columns: int | None = None,
        scale: int | None = None,
        **sampling: Any,
    ) -> Path:
        """Write a `walk` as a file that moves: .gif, .webp or .mp4 of pictures; of sound a .wav,
        of a table its rows. Where `path` ends with a slash, or is a folder, each moment becomes a
        file of its own.

        path: None: walk.gif, or walk-2.gif and so on where that is there. frames: from each seed
        to the next. walks: so many side by side, from the first latents of each seed. labels: the
        class of a conditional generator; without one, each class is shown. fps: moments a second.
        columns, scale: as in `save_samples`; without a scale, small pictures are enlarged. Raises
        GanzooError as `walk` and `save_samples` do.
        """
        kind, conditional = self.kind, self.architecture.conditional
        frames = (FRAMES if kind.moving else FEW_FRAMES) if frames is None else frames
        walks = kind.at_once if walks is None else walks
        every = conditional and labels is None
        classes: Sequence[Label | None] = self.spec.classes if every else [labels]
        check_walk(self, seeds, frames, walks * len(classes))
        if not every:
            class_numbers(self.architecture, 1, labels)
        self.sampling_options(sampling)
        if every and kind.in_rows and columns is None and walks > 1:
            columns = walks  # a row a class
        parts = moments(self, seeds, frames, walks, classes, **sampling)
        count, together = len(seeds) * frames, walks * len(classes)
        return save_moments(kind, parts, count, together, path, fps, columns, scale)

    def read_inputs(self, data: str | os.PathLike[str]) -> Tensor:
        """Inputs to work from, (N, *input_spec.shape) in its range: of a file, a folder or a data
        set, in order. Of a data set of pairs, its inputs.

        Raises GanzooError where it works from latents, and where the data does not fit.
        """
        spec = self.input_spec
        if spec is None:
            raise GanzooError(f"{self.name} works from latents, not from inputs")
        dataset = find_dataset(os.fspath(data), spec, inputs=True)
        dataset = dataset.of_inputs() or dataset
        return self._read(kind_of(spec).match(dataset, self.name or "the model", "works from"))

    def project(
        self,
        samples: Tensor | str | os.PathLike[str],
        label: Label | None = None,
        steps: int = 300,
        seed: int = 0,
        features: str | None = AUTO,
        **sampling: Any,
    ) -> Projection:
        """The latents whose samples are nearest to given ones: ``project("face.png").latents``.

        samples: (N, *shape) in the range of the spec, or 8-bit levels, or one without the first
        dimension; or a file, a folder or a data set, fitted to the model. label: the class of a
        conditional generator; None: for each sample the class that suits it best. steps: of
        gradient descent, which begins at the best of 256 latents of `seed`. features: an extractor
        whose features are compared beside the values; auto: the usual one of the kind of sample,
        where it lets a gradient pass; None: none. sampling: options of the architecture's
        `Sampling`.

        Raises GanzooError for samples that do not fit, for a generator whose latents are not
        continuous or that works from inputs, and for an extractor that lets no gradient pass.
        """
        return project(self, self._sought(samples), label, steps, seed, features, **sampling)

    def _sought(self, samples: Tensor | str | os.PathLike[str]) -> Tensor:
        """Samples to look for: (N, *shape) float32 on the CPU."""
        if isinstance(samples, str | os.PathLike):
            dataset = find_dataset(os.fspath(samples), self.spec)
            return self._read(self.kind.match(dataset, self.name or "the model", "makes"))
        values = as_tensor(samples, "samples")
        if values.dim() == len(self.spec.shape):
            values = values[None]
        values = self.checked(as_floats(values, self.spec.low, self.spec.high))
        fault = range_fault(values, self.spec.low, self.spec.high, "scale them")
        if fault:
            raise GanzooError(f"samples with {fault}")
        return values

    @staticmethod
    def _read(dataset: Dataset) -> Tensor:
        """All samples of a data set, (N, *shape), in the range of its spec."""
        samples = read_all(dataset).samples
        assert isinstance(samples, Tensor)
        return as_floats(samples, dataset.spec.low, dataset.spec.high)

    def to_images(
        self, samples: Tensor | int = 16, seed: int = 0, labels: Labels = None, **sampling: Any
    ) -> list[Image]:
        """Pictures (PIL): of `samples`, (N, *shape), or of so many new ones of `seed`.

        Raises GanzooError where its kind of sample is not a picture.
        """
        if isinstance(samples, Integral):
            samples = self.sample(int(samples), seed, labels, **sampling)
        return self.kind.pictures(self.checked(samples))

    def save(
        self,
        path: str | os.PathLike[str],
        name: str = NAMELESS,
        license: str | None = None,
        overwrite: bool = False,
        discriminator: nn.Module | None = None,
    ) -> Path:
        """Write it as a model folder, which `ganzoo.load` takes and the Hub shows.

        name: what `ganzoo.load` will be called with, for the card. license: of the weights, an
        identifier of the Hub's such as ``mit``. overwrite: replace a model folder that is there.
        discriminator: the one that it played against, `load_discriminator` of the same run, which
        goes along, so that training can start from both.
        Raises GanzooError where something is there already, or it cannot be written.
        """
        folder = user_path(path)
        if folder.exists() and not (overwrite and is_model(folder)):
            hint = "give overwrite=True" if is_model(folder) else "choose another folder"
            raise GanzooError(f"{folder} exists already; nothing is written into it: {hint}")
        try:
            make_parent(folder)
            beside = None if discriminator is None else discriminator.state_dict()
            # A link stays one.
            write_model(folder.resolve(), self, self.about, name, license, discriminator=beside)
        except OSError as error:
            raise cannot_write(folder, error) from None
        return folder

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write the network for torch.export, as a ``.pt2``: latents (and labels) to samples.

        The number of samples may differ from call to call. What it computes was compared with
        this generator's own samples. Raises GanzooError where it cannot be exported.
        """
        return export(self, user_path(path))

    def push_to_hub(
        self,
        name: str,
        *,
        private: bool = False,
        revision: str | None = None,
        create_pr: bool = False,
        license: str | None = None,
        token: str | None = None,
    ) -> Published:
        """Publish it as ``hf://owner/name``, or ``owner/name``, as it is in memory now.

        private, revision, create_pr, license, token, and what is raised, are as in `Run.publish`.
        """
        target = HubName.parse(name)
        options = PublishOptions(private, revision, create_pr, token, license)
        check_options(target, options)
        check_finite(self)
        with scratch() as folder:
            path = folder / "model"
            write_model(path, self, self.about)
            about = replace(self.about, metrics=read_metrics(path))
            return upload(package_of(path, self, about, str(target)), target, options)
