"""Devices and precision: what this machine has, and how networks compute on it."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import nn

from ganzoo.errors import GanzooError

_DTYPES: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Device:
    """Where and how the networks compute.

    precision: fp32, bf16 or fp16. layout: of images, channels_last or contiguous.
    """

    device: torch.device
    precision: str
    layout: str = "channels_last"

    def autocast(self) -> torch.autocast:
        """Mixed precision for a forward pass; nothing in fp32."""
        if self.precision == "fp32":
            return torch.autocast(self.device.type, enabled=False)
        return torch.autocast(self.device.type, _DTYPES[self.precision])

    def scaler(self) -> torch.amp.GradScaler:
        """Keeps fp16's small gradients from vanishing; does nothing in other precisions."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")

    def place(self, module: nn.Module) -> nn.Module:
        """Move a network here, its 2-D convolutions in the layout of images."""
        module.to(self.device)
        for parameter in module.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=self.memory_format)
        return module

    @property
    def memory_format(self) -> torch.memory_format:
        """The layout, as torch calls it."""
        contiguous = self.layout == "contiguous"
        return torch.contiguous_format if contiguous else torch.channels_last

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize()

    def describe(self) -> str:
        """The hardware, for the record."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"{self.device.type} ({_processor()})"


def find_device(name: str, local_rank: int = 0) -> torch.device:
    """The device called `name`: auto, cpu, cuda, cuda:N or mps.

    Raises GanzooError where there is no such device.
    """
    current = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    accelerator = current.type if current is not None else "cpu"
    if name == "auto":
        name = accelerator
    kind, _, number = name.partition(":")
    if number and not (number.isdecimal() and (kind == "cuda" or number == "0")):
        raise GanzooError(f"--device {name}: it takes auto, cpu, cuda, cuda:N or mps")
    if kind not in ("cpu", accelerator):
        usable = f"cpu or {accelerator}" if accelerator != "cpu" else "cpu only"
        raise GanzooError(
            f"--device {name}: this machine has none that torch can use; it has {usable}"
        )
    if kind == "cuda":
        index, count = int(number or local_rank), torch.cuda.device_count()
        if index >= count:
            raise GanzooError(f"--device {name}: there is no device {index}; there are {count}")
        torch.cuda.set_device(index)
        name = f"cuda:{index}"
    return torch.device(name)


def checked_device(device: str | torch.device) -> torch.device:
    """The device. Raises GanzooError where torch cannot use it here."""
    try:
        usable = torch.device(device)
        if usable.type == "meta":
            raise ValueError("it has no memory")
        torch.empty(0, device=usable)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        first = str(error).partition("\n")[0]
        raise GanzooError(f"device {str(device)!r} cannot be used: {first}") from None
    return usable


@contextlib.contextmanager
def usual_settings() -> Iterator[None]:
    """torch's settings of this thread as a script finds them, whatever the caller has made of
    them: gradients on, no inference mode, no autocast, new tensors on the CPU."""
    with contextlib.ExitStack() as settings:
        settings.enter_context(torch.inference_mode(False))
        settings.enter_context(torch.enable_grad())
        for kind in {"cpu", find_device("auto").type}:
            if torch.is_autocast_enabled(kind):
                settings.enter_context(torch.autocast(kind, enabled=False))
        settings.enter_context(on_cpu())
        yield


@contextlib.contextmanager
def on_cpu() -> Iterator[None]:
    """New tensors are on the CPU where nothing else is said: the caller may have set a device."""
    usual = torch.get_default_device().type == "cpu"
    with contextlib.nullcontext() if usual else torch.device("cpu"):
        yield


def checked_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """The type of weights, also by its name. Raises GanzooError where networks cannot have it."""
    if dtype is None:
        return None
    weights_type = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if weights_type not in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        raise GanzooError(
            f"dtype {dtype!r}: it takes a floating-point type of torch: float32, bfloat16, float16 "
            "or float64"
        )
    return weights_type


def precisions(device: torch.device) -> list[str]:
    """Those that the hardware computes in: float32, and one that may be faster, or not: which is
    has to be measured."""
    if device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return ["fp32", "bf16" if bf16 else "fp16"]
    return ["fp32", "bf16"] if device.type == "cpu" and _cpu_has_bf16() else ["fp32"]


def _cpu_has_bf16() -> bool:
    # Without any of these instructions bf16 is emulated, several times slower than float32.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)


def _processor() -> str:
    """The processor's name, which Python does not know on Linux."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
