"""Waveforms, which a person listens to."""

import io
from collections.abc import Sequence
from typing import ClassVar, Final

import pydantic
import soundfile
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ganzoo import Kind, Options, SampleSpec

SILENCE: Final = 0.25  # seconds between two samples
_MOST_BYTES: Final = (1 << 32) - 64  # a WAV file counts its bytes in 32 bits


class Details(Options):
    """What is needed to play a waveform."""

    sample_rate: int = Field(ge=1, le=1_000_000, strict=True, description="samples a second")


class Audio(Kind):
    """One WAV file with the samples one after another: mono, PCM of 16 bits."""

    suffixes: ClassVar[tuple[str, ...]] = (".wav",)
    preview: ClassVar[str] = ".wav"
    apart: ClassVar[bool] = True
    several: ClassVar[str] = "sounds"

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        if len(spec.shape) != 2 or spec.shape[0] != 1:
            raise ValueError(f"audio has a shape such as (1, 16384), not {spec.shape}")
        try:
            self.sample_rate = Details.model_validate(spec.details).sample_rate
        except pydantic.ValidationError as error:
            fault = error.errors(include_input=False)[0]
            where = ".".join(["details", *map(str, fault["loc"])])[:60]
            raise ValueError(f"{where}: {fault['msg']}") from None

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        """The two shortest lengths that are powers of two from 1024 on."""
        details = {"sample_rate": 8000}
        return [SampleSpec("audio", (1, length), details=details) for length in (1024, 2048)]

    def render(self, samples: Tensor, suffix: str) -> bytes:
        silence = int(SILENCE * self.sample_rate)
        count = len(samples) * (samples.shape[-1] + silence)
        if 2 * count > _MOST_BYTES:
            raise ValueError(f"{count} values are too many for one WAV file; take fewer samples")
        played = samples[:, 0].nan_to_num(0.0, 1.0, -1.0).clamp(-1, 1).mul(32767).round()
        track = functional.pad(played, (0, silence)).flatten()[: count - silence]
        buffer = io.BytesIO()
        values = track.short().numpy()
        soundfile.write(buffer, values, self.sample_rate, format="WAV", subtype="PCM_16")
        return buffer.getvalue()
