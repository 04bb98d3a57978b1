"""One file of sound: WAV, FLAC or Ogg, as libsndfile reads them."""

import io
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import resample_poly

_MOST_CHUNKS: Final = 1000
_MOST_RATE: Final = 1_000_000
_UNKNOWN_FORMAT: Final = 1  # libsndfile's code
_LOSSY: Final = ("VORBIS", "OPUS")  # decoded values may lie a little beyond 1; players cut them
_OGG_PAGE: Final = 65_307  # the most bytes of a page (RFC 3533, section 6)


_STREAMED: Final = 0x7FFF0000  # a size from here on is of a WAV that went through a pipe
_UNTOLD: Final = 1 << 50  # frames that libsndfile says where a header does not
_AROUND: Final = 64  # frames more that are read to resample, in those of the lower rate


_SILENT: Final = 2e-3  # between the lowest and the highest value, 60 dB below the loudest
_FULL: Final = 32_766 / 32_768  # values from here on are at the limit
_AT_LIMIT: Final = 3  # values one after another that sound by itself seldom has there
_CLIPPED: Final = 1e-3  # share of such values in a sound that was cut


@dataclass(frozen=True)
class Clip:
    """What was read of a file: mono float32 in [-1, 1], (frames,).

    silent: nothing can be heard. clipped: the file is cut at the limits of its values.
    """

    values: npt.NDArray[np.float32]
    silent: bool
    clipped: bool


@dataclass(frozen=True)
class Sound:
    """What a file's header says. rate: samples a second. frames: samples of each channel.

    data: where the size of a WAV's data stands that is 0 because the file went through a pipe.
    """

    path: Path
    rate: int
    frames: int
    channels: int = 1
    data: int | None = None

    def length(self, rate: int) -> int:
        """The number of values at another sample rate."""
        return -(-self.frames * rate // self.rate)

    def read(self, start: int, count: int, rate: int) -> Clip:
        """At most `count` values from `start` on, at the sample rate `rate`: the channels' mean.

        Raises OSError or ValueError where the file is broken.
        """
        if rate == self.rate:
            return self._read(start, count)
        assert start == 0  # only whole files are brought to another rate
        shared = math.gcd(rate, self.rate)
        up, down = rate // shared, self.rate // shared
        around = _AROUND * max(1, self.rate // rate)
        clip = self._read(0, -(-count * down // up) + around)
        made = resample_poly(clip.values.astype(np.float64), up, down)
        made = made[: min(count, self.length(rate))].clip(-1, 1).astype(np.float32)
        return replace(clip, values=made)

    def _read(self, start: int, count: int) -> Clip:
        count = min(count, self.frames - start)
        try:
            with soundfile.SoundFile(_source(self.path, self.data)) as file:
                file.seek(start)
                # In float64, which holds an integer of 32 bits exactly.
                values = file.read(count, dtype="float64", always_2d=True)
                lossy = file.subtype in _LOSSY
        except soundfile.LibsndfileError as error:
            raise ValueError(f"cannot be decoded: {error.error_string}") from None
        if len(values) != count:
            raise ValueError(f"the file is cut short: {len(values)} values of {count} from {start}")
        peak = float(np.abs(values).max(initial=0))  # NaN where one is
        if not np.isfinite(peak):
            raise ValueError("it has values that are not finite")
        if peak > 1 and not lossy:
            raise ValueError(
                f"values up to {peak:g}; sound lies in [-1, 1]. To bring it there: "
                "ffmpeg -i IN -filter:a loudnorm -c:a pcm_s16le OUT.wav"
            )
        mono = values.clip(-1, 1).mean(1).astype(np.float32)
        return Clip(mono, silent=bool(np.ptp(mono) < _SILENT), clipped=_is_clipped(values))


def _is_clipped(values: npt.NDArray[np.float64]) -> bool:
    """values: (frames, channels)."""
    if len(values) < _AT_LIMIT:
        return False
    full = np.abs(values) >= _FULL
    runs = np.lib.stride_tricks.sliding_window_view(full, _AT_LIMIT, 0).all(-1)
    return bool(runs.mean(0).max() > _CLIPPED)


def _source(path: Path, data: int | None) -> Path | io.BytesIO:
    """A file as libsndfile takes it. data: where a size stands that it would believe."""
    if data is None:
        return path
    content = bytearray(path.read_bytes())
    content[data : data + 4] = min(len(content) - data - 4, 0xFFFFFFFF).to_bytes(4, "little")
    return io.BytesIO(content)


def open_sound(path: Path) -> Sound:
    """Read a file's header. Raises OSError or ValueError that says what is wrong with it."""
    with path.open("rb") as file:
        data = _check_complete(file)
    try:
        header = soundfile.info(_source(path, data))
    except soundfile.LibsndfileError as error:
        if error.code == _UNKNOWN_FORMAT:
            raise ValueError("not a WAV, FLAC or Ogg file") from None
        raise ValueError(
            f"damaged, or of an encoding that is not read: {error.error_string.strip()} If it "
            "plays, convert it: ffmpeg -i IN -c:a pcm_s16le OUT.wav"
        ) from None
    if header.samplerate > _MOST_RATE:
        raise ValueError(f"a damaged header: {header.samplerate} samples a second")
    if not header.frames:
        raise ValueError("it contains no sound")
    if header.frames > _UNTOLD:
        raise ValueError(
            "its header does not say how long it is, as where FLAC went through a pipe. Write it "
            "anew: ffmpeg -i IN OUT.flac"
        )
    return Sound(path, header.samplerate, header.frames, header.channels, data)


def _check_complete(file: IO[bytes]) -> int | None:
    """Raises ValueError where the file is cut short, of which libsndfile says nothing: it reads a
    WAV or Ogg file up to where it ends. FLAC it refuses itself.

    A WAV that went through a pipe has 0 or the largest size for its data, which then go to the end
    of the file; returns where a 0 stands that means this.
    """
    size = os.fstat(file.fileno()).st_size
    start = file.read(12)
    if start[:4] == b"RIFF":
        whole = int.from_bytes(start[4:8], "little") + 8 == size
        for _ in range(_MOST_CHUNKS):
            if len(chunk := file.read(8)) < 8:
                raise ValueError("the file is cut short: there is no data in it")
            length, rest = int.from_bytes(chunk[4:], "little"), size - file.tell()
            if chunk[:4] == b"data" and length >= _STREAMED and rest:
                return None
            if chunk[:4] == b"data" and not length and rest and not whole:
                return file.tell() - 4
            if length > rest:
                raise ValueError(f"the file is cut short: {rest} bytes of {length}")
            if chunk[:4] == b"data":
                return None
            file.seek(length + length % 2, os.SEEK_CUR)
        raise ValueError(f"no data in its first {_MOST_CHUNKS} chunks")
    if start[:4] == b"OggS":
        file.seek(max(0, size - _OGG_PAGE))
        tail = file.read()
        page = tail[max(0, tail.rfind(b"OggS")) :]
        if not _is_last_page(page):
            raise ValueError("the file is cut short: its last page is missing or incomplete")
    return None


def _is_last_page(page: bytes) -> bool:
    """Whether a page of Ogg is complete and says that none follows (RFC 3533, section 6)."""
    if len(page) < 27 or not page[5] & 4:
        return False
    segments = page[27 : 27 + page[26]]
    return len(segments) == page[26] and len(page) >= 27 + len(segments) + sum(segments)
