"""Kinds of sample: how samples are shown to a person. Each kind is found through a hook."""

from __future__ import annotations

import io
from typing import ClassVar

from torch import Tensor

from ganzoo.entries import KindEntry
from ganzoo.plugins import catalogue
from ganzoo.spec import SampleSpec


class Kind:
    """Turns samples into a file for a person. This one, ``array``, writes numbers.

    suffixes: the file names' ends it can write, the usual one first.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".npz",)

    def __init__(self, spec: SampleSpec) -> None:
        self.spec = spec

    def render(self, samples: Tensor, suffix: str) -> bytes:
        """The file's content for `samples`, (N, *shape) float32 on the CPU."""
        import numpy as np

        buffer = io.BytesIO()
        np.savez_compressed(buffer, samples=samples.numpy())
        return buffer.getvalue()


def kind_of(spec: SampleSpec) -> Kind:
    """The kind of `spec`, found through the plugins' hooks."""
    found: type[Kind] = catalogue().find(KindEntry, "kind of sample", spec.kind).load()
    return found(spec)
