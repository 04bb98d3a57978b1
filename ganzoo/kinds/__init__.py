"""Kinds of sample: what ganzoo knows of samples, it asks their kind. Each is found by a hook.

Light to import: torch is not needed for a kind's options.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ganzoo.entries import KindEntry
from ganzoo.errors import GanzooError
from ganzoo.options import Options as NoOptions
from ganzoo.plugins import catalogue
from ganzoo.spec import ImageSizes, SampleSpec

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from ganzoo.data.dataset import Dataset
    from ganzoo.sources.mapstyle import Items

ANY_SIZE: Final = ImageSizes()

#: The ends of files of numbers, which any kind of sample can be written to.
NUMBERS: Final = (".npz", ".npy")


class Kind:
    """What can be done with samples of one kind. This one, ``array``, is of plain numbers.

    A subclass says what its samples need; whatever it leaves out is as for numbers. suffixes: the
    file names' ends it can write, the usual one first; any kind is written as numbers, too (.npz,
    .npy). moving: the ends of files that hold a walk through latent space; empty: the same.
    in_rows: whether a picture of samples shows them in rows. at_once: how many walks are shown
    together unless asked. preview: the one of its ends that shows samples in a browser: a picture
    (``.png``), sound (``.wav``), a table (``.csv``) or text (``.txt``); any other is offered as a
    download. apart: whether each sample is a preview of its own, as a picture is; else all lie in
    one, as the rows of a table do. several: what such samples are called, as in ``300 images``.
    pipeline_tag: the task of the Hugging Face Hub that making such samples is, where there is one.
    Options: what ``--set data.OPTION=VALUE`` may give for data of this kind; its `KindEntry` names
    the class as well.

    Raises ValueError where the spec is not one of this kind.
    """

    suffixes: ClassVar[tuple[str, ...]] = NUMBERS
    moving: ClassVar[tuple[str, ...]] = ()
    in_rows: ClassVar[bool] = False
    at_once: ClassVar[int] = 1
    preview: ClassVar[str] = ".npz"
    apart: ClassVar[bool] = False
    several: ClassVar[str] = "samples"
    pipeline_tag: ClassVar[str | None] = None
    Options: ClassVar[type[NoOptions]] = NoOptions

    def __init__(self, spec: SampleSpec) -> None:
        self.spec = spec

    @classmethod
    def examples(cls, sizes: ImageSizes = ANY_SIZE) -> list[SampleSpec]:
        """Specs of this kind, small ones, on which architectures are tried out (ganzoo.testing).

        sizes: of images, that the architecture says it can do; other kinds have no use for them.
        """
        return [SampleSpec("array", (6,)), SampleSpec("array", (2, 3), None, None)]

    @classmethod
    def from_tensor(cls, name: str, samples: Tensor, labels: Tensor | None) -> Dataset | None:
        """The data set of a bare tensor, uint8 or float32 (N, ...) on the CPU, where it is plainly
        of this kind; None leaves it to others. Raises GanzooError where it nearly is. With a
        parameter ``options``, it is given the kind's `Options` as well, and so is `from_items`."""
        return None

    @classmethod
    def from_items(
        cls, name: str, items: Items, labels: Tensor | None, classes: tuple[str, ...]
    ) -> Dataset | None:
        """The data set of what a map-style data set gives item by item, read lazily, where it is
        plainly of this kind; None leaves it to others.

        Here: tensors that `from_tensor` takes as they are.
        """
        import torch

        from ganzoo.sources.mapstyle import TensorItems

        some = items.some
        tensors = [value for value in some if isinstance(value, torch.Tensor)]
        if len(tensors) < len(some) or len({(t.shape, t.dtype) for t in tensors}) > 1:
            return None
        stack = torch.stack(tensors)
        dataset = cls.from_tensor(name, stack, None)
        if dataset is None or dataset.samples is not stack:
            return None
        samples = TensorItems(items, tensors[0])
        return replace(dataset, samples=samples, labels=labels, classes=classes)

    @classmethod
    def affordable(
        cls, dataset: Dataset, options: Any, sizes: ImageSizes, device: str
    ) -> tuple[dict[str, Any], str]:
        """What a new run does without where it was not asked for: values of `Options` that make
        samples smaller than `fit` would, because the device (``cpu``, ``cuda``, ...) would take far
        too long; and a sentence that says so. Empty where nothing needs to be smaller."""
        return {}, ""

    @classmethod
    def fit(cls, dataset: Dataset, options: Any, sizes: ImageSizes = ANY_SIZE) -> Dataset:
        """The data set as an architecture takes it. options: `Options`, of the data. sizes: of
        images, that the architecture can do. Raises GanzooError where it cannot."""
        return dataset

    @classmethod
    def settled(cls, fitted: Dataset) -> dict[str, Any]:
        """The options, of those in `Options`, that brought data to the form that they have, so that
        a run's configuration keeps what was found out about them."""
        return {}

    @classmethod
    def like(
        cls, spec: SampleSpec, dataset: Dataset, sizes: ImageSizes = ANY_SIZE
    ) -> dict[str, Any]:
        """The options, of those in `Options`, that give samples of a data set the form of `spec`,
        as far as they do not become poorer by it: for a training that starts from a model of
        `spec`. sizes: of images, that the architecture can do."""
        return {}

    @classmethod
    def fit_inputs(cls, inputs: Dataset, options: Any, sizes: ImageSizes = ANY_SIZE) -> Dataset:
        """Inputs of the same kind and size as the samples, fitted along with them: as in `fit`."""
        return cls.fit(inputs, options, sizes)

    def match(self, dataset: Dataset, whose: str = "the model", does: str = "makes") -> Dataset:
        """A data set as samples of this spec, to compare with those of a model or to work from.

        whose: the model, for messages. does: what it does with such samples: it makes them, or
        works from them. Raises GanzooError where they are of another kind, of
        another shape, or mean something else.
        """
        self._check_kind(dataset, whose, does)
        if dataset.spec.shape != self.spec.shape:
            raise GanzooError(
                f"{whose} {does} samples of shape {self.spec.shape}, but those of the data set "
                f"{dataset.name!r} have {dataset.spec.shape}"
            )
        ours, theirs = self.spec.details, dataset.spec.details
        if ours and theirs and ours != theirs:  # one without details says nothing
            raise GanzooError(
                f"{whose} {does} other {self.spec.kind} than the data set {dataset.name!r} has: "
                "their details (columns, sample rate) differ"
            )
        return dataset

    def _check_kind(self, dataset: Dataset, whose: str, does: str) -> None:
        if dataset.kind != self.spec.kind:
            raise GanzooError(
                f"{whose} {does} samples of kind {self.spec.kind}, but the data set "
                f"{dataset.name!r} is of kind {dataset.kind}"
            )

    def store(self, samples: Tensor) -> Tensor:
        """Samples, (N, *shape), as files hold them, which is what extractors of features take:
        here, float32. The range of the spec is mapped, not that of the samples."""
        import torch

        return samples / 127.5 - 1 if samples.dtype == torch.uint8 else samples.float()

    def mirror(self, samples: Tensor) -> Tensor:
        """The mirror image of each of `samples`. Raises GanzooError where the kind has none."""
        raise GanzooError(f"samples of kind {self.spec.kind} have no mirror image")

    def usual_extractors(self) -> tuple[str, ...]:
        """The names of the extractors of features that such samples are compared by unless others
        are asked for; empty where there are no usual ones. A training looks at the first."""
        return ("values",)

    def pictures(self, samples: Tensor) -> list[Image]:
        """Each of `samples` as a picture. Raises GanzooError where the kind is not of pictures."""
        raise GanzooError(f"{self.spec.kind} samples are not pictures; save_samples writes them")

    def cannot_hold(
        self, suffix: str, count: int, columns: int | None = None, scale: int = 1
    ) -> str:
        """Why a file with this end cannot hold `count` samples, in words; empty where it can.
        columns, scale: as in `show`."""
        return ""

    def show(self, samples: Tensor, columns: int | None = None, scale: int = 1) -> Image:
        """All of `samples`, (N, *shape), in one picture. columns: how many lie in a row; None: as
        fits best. scale: how many times larger than usual. Raises GanzooError where samples of this
        kind are not shown in pictures."""
        raise GanzooError(
            f"{self.spec.kind} samples are not shown in pictures; they are written as "
            f"{', '.join(self.suffixes)}"
        )

    def render(self, samples: Tensor, suffix: str) -> bytes:
        """The file's content for `samples`, (N, *shape) float32 on the CPU. suffix: one of
        `suffixes`."""
        import numpy as np

        buffer = io.BytesIO()
        if suffix == ".npy":
            np.save(buffer, samples.numpy())
        else:
            np.savez_compressed(buffer, samples=samples.numpy())
        return buffer.getvalue()

    def animate(
        self,
        moments: Iterable[Tensor],
        suffix: str,
        fps: float,
        columns: int | None = None,
        scale: int | None = None,
    ) -> bytes:
        """The content of a file that shows samples as they change from moment to moment.

        moments: each (N, *shape). suffix: one of `moving`. fps: moments a second, where that
        means something. columns, scale: as in `show`; None: as fits best. Here: a moving picture
        where `show` gives pictures, else all samples in order in one file.
        """
        import torch

        from ganzoo.kinds import pictures

        if suffix not in pictures.FILMS:
            return self.render(torch.cat(list(moments)), suffix)
        moments = iter(moments)
        first = next(moments)
        if scale is None:
            scale = pictures.fitting_scale(self.show(first, columns))
        shown = (self.show(some, columns, scale) for some in itertools.chain([first], moments))
        return pictures.film(shown, suffix, fps)


def kind_class(name: str) -> type[Kind]:
    """The class of a kind, by its name. Raises GanzooError where no plugin offers it."""
    kind: type[Kind] = catalogue().find(KindEntry, name).load()
    return kind


def kind_of(spec: SampleSpec) -> Kind:
    """The kind of `spec`, found through the plugins' hooks.

    Raises GanzooError where no plugin offers it, or the spec does not fit it.
    """
    try:
        return kind_class(spec.kind)(spec)
    except ValueError as error:
        raise GanzooError(f"not a sample spec of kind {spec.kind}: {error}") from None
