"""Tensors to and from safetensors files."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, contiguous_format

from ganzoo.errors import GanzooError


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors: copied to the CPU, contiguous, none sharing memory.

    Raises OSError where the disk is full or the file cannot be written.
    """
    copies = {
        name: tensor.detach().to("cpu", copy=True, memory_format=contiguous_format)
        for name, tensor in tensors.items()
    }
    try:
        save_file(copies, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(str(error)) from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file. Raises GanzooError that names it where it is missing or damaged."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise GanzooError(f"{path}: cannot be read: {error}") from None
    # safetensors maps the file; a copy outlives its removal.
    return {name: tensor.clone() for name, tensor in tensors.items()}
