"""Kinds of sample: how samples are shown to a person. Each kind is found through a hook."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from ganzoo.entries import KindEntry
from ganzoo.errors import GanzooError
from ganzoo.plugins import catalogue
from ganzoo.spec import SampleSpec

if TYPE_CHECKING:
    from PIL.Image import Image


class Kind:
    """Turns samples into a file for a person. This one, ``array``, writes numbers.

    suffixes: the file names' ends it can write, the usual one first. pipeline_tag: the task of
    the Hugging Face Hub that making such samples is, where there is one.

    Raises ValueError where the spec's details are not what this kind needs.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    pipeline_tag: ClassVar[str | None] = None

    def __init__(self, spec: SampleSpec) -> None:
        self.spec = spec

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        """Specs of this kind, small ones, on which architectures are tried out (ganzoo.testing).

        sizes: the image sizes that the architecture says it can do; other kinds have no use
        for them.
        """
        return [SampleSpec("array", (6,)), SampleSpec("array", (2, 3), None, None)]

    def usual_extractor(self) -> str | None:
        """The name of the extractor of features that such samples are compared by, where the user
        and the data set name none; None where there is none."""
        return "values"

    def pictures(self, samples: Tensor) -> list[Image]:
        """Each of `samples` as a picture. Raises GanzooError where the kind is not of pictures."""
        raise GanzooError(f"{self.spec.kind} samples are no pictures; save_samples writes them")

    def render(self, samples: Tensor, suffix: str) -> bytes:
        """The file's content for `samples`, (N, *shape) float32 on the CPU."""
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, samples=samples.numpy())
        return buffer.getvalue()


def kind_of(spec: SampleSpec) -> Kind:
    """The kind of `spec`, found through the plugins' hooks.

    Raises GanzooError where no plugin offers it, or the spec does not fit it.
    """
    found: type[Kind] = catalogue().find(KindEntry, spec.kind).load()
    try:
        return found(spec)
    except ValueError as error:
        raise GanzooError(f"not a sample spec of kind {spec.kind}: {error}") from None
