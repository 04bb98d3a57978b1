"""One WAV file: its header and its samples.

Python's ``wave`` is not used for reading: before 3.12 it refuses WAVE_FORMAT_EXTENSIBLE, in which
many programs write 24 bits and more than two channels.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

PCM: Final = 1
EXTENSIBLE: Final = 0xFFFE
_MOST_CHUNKS: Final = 1000
_MOST_RATE: Final = 1_000_000


@dataclass(frozen=True)
class Wav:
    """What a file's header says. rate: samples a second. frames: samples of each channel.
    bits: of one value. offset: where the values begin in the file."""

    path: Path
    rate: int
    channels: int
    bits: int
    frames: int
    offset: int

    def read(self, start: int, count: int) -> np.ndarray[Any, Any]:
        """Mono float32 in [-1, 1], at most `count` from `start` on: the channels' mean.

        Raises OSError or ValueError where the file is broken.
        """
        count = min(count, self.frames - start)
        block = self.channels * self.bits // 8
        with self.path.open("rb") as file:
            file.seek(self.offset + start * block)
            data = file.read(count * block)
        if len(data) != count * block:
            raise ValueError("the file is cut short")
        values = _floats(data, self.bits).reshape(count, self.channels)
        mono: np.ndarray[Any, Any] = values.mean(1, dtype=np.float64).astype(np.float32)
        return mono


def _floats(data: bytes, bits: int) -> np.ndarray[Any, Any]:
    """Integers of so many bits, little-endian, as float64 in [-1, 1)."""
    if bits == 8:  # the one width that is unsigned
        return np.frombuffer(data, np.uint8) / 128.0 - 1
    if bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return padded.view("<i4")[:, 0] / float(1 << 31)
    return np.frombuffer(data, f"<i{bits // 8}") / float(1 << (bits - 1))


def open_wav(path: Path) -> Wav:
    """Read a file's header. Raises OSError or ValueError that says what is wrong with it."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise ValueError("not a WAV file")
        form = b""
        for _ in range(_MOST_CHUNKS):
            name, length = _chunk(file)
            if name == b"data":
                return _checked(path, form, file.tell(), length, size)
            if name == b"fmt ":
                form = file.read(min(length, 64))
                length -= len(form)
            file.seek(length + length % 2, os.SEEK_CUR)
    raise ValueError(f"no data in its first {_MOST_CHUNKS} chunks")


def _chunk(file: IO[bytes]) -> tuple[bytes, int]:
    head = file.read(8)
    if len(head) < 8:
        raise ValueError("the file is cut short: there is no data in it")
    return head[:4], int.from_bytes(head[4:], "little")


def _checked(path: Path, form: bytes, offset: int, length: int, size: int) -> Wav:
    if len(form) < 16:
        raise ValueError("its header does not say how its values are written")
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", form)
    if tag == EXTENSIBLE and len(form) >= 26:
        (tag,) = struct.unpack_from("<H", form, 24)
    if tag != PCM or bits not in (8, 16, 24, 32):
        raise ValueError(
            f"format {tag} of {bits} bits; PCM of 8, 16, 24 or 32 bits is read. To convert it: "
            "ffmpeg -i IN -c:a pcm_s16le OUT.wav"
        )
    if not channels or block != channels * bits // 8 or not 1 <= rate <= _MOST_RATE:
        raise ValueError(
            f"a damaged header: {channels} channels, {rate} samples a second, {block} bytes a frame"
        )
    if offset + length > size:
        raise ValueError(f"the file is cut short: {size - offset} bytes of {length}")
    if length < block:
        raise ValueError("there is no sound in it")
    return Wav(path, rate, channels, bits, length // block, offset)
