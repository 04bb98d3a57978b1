"""A generator's network as a file of torch.export, compared with the generator itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, cannot_write, one_line
from ganzoo.files import write_bytes
from ganzoo.sampler import Sampler

#: How far samples may differ when the network was exported for torch.export.
TOLERANCE: Final = 1e-4


def export(sampler: Sampler, path: Path) -> Path:
    """Write ``path``, a ``.pt2``, whole, after its output was compared with the sampler's.

    Raises GanzooError where the network cannot be exported, or computes something else then.
    """
    if path.suffix != ".pt2":
        raise GanzooError(f"{path}: torch.export writes a .pt2")
    if not path.parent.is_dir():
        raise GanzooError(f"{path}: there is no folder {path.parent}")
    example = _example(sampler, 2)
    batch = torch.export.Dim("batch", min=1, max=1 << 20)
    try:
        program = torch.export.export(
            sampler.network.eval(), example, dynamic_shapes=tuple({0: batch} for _ in example)
        )
    except Exception as error:  # of torch's compiler; they share no base class
        raise GanzooError(f"{sampler.name} cannot be exported: {one_line(error)[:300]}") from error
    content = io.BytesIO()  # where the disk is full, torch's own writer ends the process
    torch.export.save(program, content)
    content.seek(0)
    _compare(sampler, torch.export.load(content).module(), _example(sampler, 5))
    try:
        write_bytes(path, content.getvalue())
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def _example(sampler: Sampler, count: int) -> tuple[Tensor, ...]:
    latents = sampler.latents(count).to(sampler.device, sampler.dtype)
    if not sampler.architecture.conditional:
        return (latents,)
    labels = torch.arange(count, device=sampler.device) % len(sampler.spec.classes)
    return latents, labels


@torch.no_grad()
def _compare(sampler: Sampler, exported: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
    classes = sampler.spec.classes
    names = [[classes[label] for label in labels.tolist()] for labels in inputs[1:]]
    expected, came = sampler.from_latents(inputs[0], *names), exported(*inputs).float()
    apart = float((expected - came).abs().max()) if expected.shape == came.shape else float("inf")
    if not apart <= TOLERANCE:
        raise GanzooError(
            f"{sampler.name} computes something else when exported: samples differ by {apart:g}. "
            "Does its network draw noise of its own?"
        )
