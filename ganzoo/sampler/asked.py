"""What users ask a sampler for, checked: counts, seeds, classes, inputs, tensors of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.architecture import Architecture
from ganzoo.data.dataset import as_floats, range_fault
from ganzoo.errors import GanzooError

MOST_SAMPLES: Final = 1_000_000

Label = int | str
"""A class, by its number or its name; where classes have numbers for names, these are meant."""

Labels = Label | Sequence[Label] | Tensor | None
"""One class for all samples, or one for each."""


def check_count(count: int) -> None:
    """Raise GanzooError where so many samples cannot be made."""
    if not isinstance(count, Integral) or not 1 <= count <= MOST_SAMPLES:
        raise GanzooError(f"{count} samples asked for; at least 1, at most {MOST_SAMPLES}")


def checked_seed(seed: int) -> int:
    """The seed. Raises GanzooError for what is none."""
    if not isinstance(seed, Integral) or not 0 <= int(seed) < 2**63:
        raise GanzooError(f"seed {seed!r}: it takes an integer, 0 to 2**63 - 1")
    return int(seed)


def checked_seeds(seeds: Iterable[int]) -> list[int]:
    """The seeds of samples that have one each. Raises GanzooError for none, and for too many."""
    if isinstance(seeds, str | bytes) or not isinstance(seeds, Iterable):
        raise GanzooError(f"seeds {seeds!r}: it takes several integers, such as range(36)")
    checked = [checked_seed(seed.item() if isinstance(seed, Tensor) else seed) for seed in seeds]
    check_count(len(checked))
    return checked


def class_numbers(architecture: Architecture, count: int, labels: Labels) -> Tensor | None:
    """The places of the classes of `count` samples, (count,); None if it is not conditional.

    Raises GanzooError for a class that there is not, or labels that are not one for each sample.
    """
    if not architecture.conditional:
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
    numbers = {text: architecture.spec.place(text) for text in set(texts)}
    return torch.tensor([numbers[text] for text in texts], dtype=torch.int64, device="cpu")


def checked_inputs(architecture: Architecture, inputs: Any, title: str) -> Tensor:
    """Inputs as a user gave them, (N, *input_spec.shape): 8-bit levels, or floats in its range.
    As float32 on the CPU. Raises GanzooError where they do not fit."""
    spec = architecture.input_spec
    if spec is None:
        raise GanzooError(f"{title} works from latents, not from inputs")
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


def as_tensor(value: Any, what: str) -> Tensor:
    """A tensor of what a user gave: a tensor, an array, numbers. Raises GanzooError for others."""
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise GanzooError(f"{what} {str(value)[:50]!r}: {error}") from None
