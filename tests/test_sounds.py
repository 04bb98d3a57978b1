"""Files of sound as people have them: from a pipe, of mixed rates, silent, clipped, damaged."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from ganzoo_wavegan.reader import clips

from ganzoo import Dataset, GanzooError, GanzooWarning, SampleSpec
from ganzoo.sources.find import find_dataset


def read(path: Path) -> tuple[Dataset, str]:
    """The data set, and what was told of it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        dataset = find_dataset(str(path))
    assert len(told) <= 1
    text = "".join(str(warning.message) for warning in told)
    assert "\n" not in text
    return dataset, text


def tone(frames: int, hertz: float = 400.0, rate: int = 8000) -> np.ndarray:
    return 0.8 * np.sin(2 * np.pi * hertz / rate * np.arange(frames))


def wav(data: bytes, riff: int, size: int, before: bytes = b"", channels: int = 1) -> bytes:
    """16 bits at 8 kHz, with these sizes in the header."""
    form = struct.pack("<HHIIHH", 1, channels, 8000, 16000 * channels, 2 * channels, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + before
    return b"RIFF" + struct.pack("<I", riff) + chunks + b"data" + struct.pack("<I", size) + data


@pytest.mark.parametrize("before", [b"", b"LIST\4\0\0\0INFO"])
@pytest.mark.parametrize("riff", [0xFFFFFFFF, 0, 0x7FFFF024])
@pytest.mark.parametrize("size", [0xFFFFFFFF, 0, 0x7FFFF000, 0x80000000])
def test_a_wav_from_a_pipe_goes_to_the_end_of_the_file(size, riff, before, tmp_path):
    values = np.arange(-1000, 1048, dtype="<i2")
    (tmp_path / "x.wav").write_bytes(wav(values.tobytes(), riff, size, before))
    dataset, told = read(tmp_path / "x.wav")
    assert (dataset.samples[0, 0] * 32768).int().tolist() == values.tolist()
    assert not told
    dataset, _ = read(tmp_path)
    assert (dataset.samples[0, 0] * 32768).int().tolist() == values.tolist()


def test_a_wav_that_says_it_is_empty_is_empty(tmp_path):
    content = wav(b"LIST\4\0\0\0INFO", 0, 0)
    size = len(content) - 8
    (tmp_path / "x.wav").write_bytes(wav(b"LIST\4\0\0\0INFO", size, 0))
    with pytest.raises(GanzooError, match="it contains no sound"):
        read(tmp_path / "x.wav")


def test_a_flac_from_a_pipe_is_told_with_a_remedy(tmp_path):
    soundfile.write(tmp_path / "x.flac", tone(4000), 8000)
    content = bytearray((tmp_path / "x.flac").read_bytes())
    content[21] &= 0xF0  # the number of samples, 36 bits
    content[22:26] = bytes(4)
    (tmp_path / "x.flac").write_bytes(content)
    with pytest.raises(GanzooError, match=r"does not say how long it is.*ffmpeg -i IN OUT\.flac"):
        read(tmp_path / "x.flac")


@pytest.mark.parametrize("other", [4000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_other_rates_are_resampled_and_told(other, tmp_path):
    for name, rate in (("a.wav", 8000), ("b.flac", other), ("c.wav", 8000)):
        soundfile.write(tmp_path / name, tone(rate // 2, 400.0, rate), rate)
    dataset, told = read(tmp_path)
    assert told.endswith(f"resampled to 8000 samples a second: 1 from {other}")
    assert dataset.details == {"sample_rate": 8000}
    same, made = dataset.samples[0, 0], dataset.samples[1, 0]
    assert (same - made)[100:3900].abs().max() < 0.01
    assert not made[4000:].any()


@pytest.mark.parametrize(
    ("subtype", "suffix"),
    [
        ("PCM_U8", "wav"),
        ("PCM_24", "wav"),
        ("PCM_32", "wav"),
        ("FLOAT", "wav"),
        ("DOUBLE", "wav"),
        ("ULAW", "wav"),
        ("PCM_24", "flac"),
        ("VORBIS", "ogg"),
        ("OPUS", "opus"),
    ],
)
def test_encodings_are_read(subtype, suffix, tmp_path):
    path = tmp_path / f"x.{suffix}"
    form = {"ogg": "OGG", "opus": "OGG"}.get(suffix, suffix.upper())
    soundfile.write(path, tone(4096), 8000, subtype=subtype, format=form)
    dataset, told = read(path)
    assert not told
    off = (dataset.samples[0, 0].numpy()[:4096] - tone(4096))[200:-200]
    assert np.abs(off).max() < {"ULAW": 0.03, "PCM_U8": 0.01}.get(subtype, 0.1)


def test_silent_and_clipped_clips_are_told(tmp_path):
    for name, values in (
        ("good", tone(4096)),
        ("loud", tone(4096, 30.0) / 0.8 * 0.99),
        ("zero", np.zeros(4096)),
        ("faint", tone(4096) * 1e-4),
        ("cut", np.clip(3 * tone(4096, 100.0), -1, 1)),
    ):
        soundfile.write(tmp_path / f"{name}.wav", values, 8000)
    dataset, told = read(tmp_path)
    assert len(dataset) == 5
    assert "2 of 5 are silent: faint.wav, zero.wav" in told
    assert "1 of 5 are clipped, at the limits for several values in a row: cut.wav" in told


def test_stereo_and_what_is_left_out_are_told(tmp_path):
    both = np.stack([tone(4096), tone(4096)], 1)
    soundfile.write(tmp_path / "a.wav", both, 8000)
    soundfile.write(tmp_path / "b.wav", tone(4096), 8000)
    soundfile.write(tmp_path / "c.wav", np.stack([tone(4096), -tone(4096)], 1), 8000)
    (tmp_path / "d.wav").write_bytes((tmp_path / "b.wav").read_bytes()[:500])
    for name in ("words.txt", "more.TXT", "song.mp3", ".hidden"):
        (tmp_path / name).write_text("x")
    dataset, told = read(tmp_path)
    assert len(dataset) == 3
    assert torch.equal(dataset.samples[0], dataset.samples[1])
    for words in (
        "1 of 4 files left out: d.wav (the file is cut short: 456 bytes of 8192)",
        "3 files left out by their ending: 2 .txt, 1 .mp3",
        "2 of 3 files have several channels, of which the mean is taken",
        "1 of 3 are silent: c.wav",
    ):
        assert words in told


def test_folders_of_splits_are_no_classes(tmp_path):
    for name in ("train/b/1", "train/a/2", "test/a/3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", tone(4096), 8000)
    dataset, told = read(tmp_path)
    assert dataset.classes == ("a", "b")
    assert f"test, train are taken as splits; {tmp_path}:test takes one" in told
    chosen = clips(tmp_path, "train")
    assert (len(chosen), chosen.classes) == (2, ("a", "b"))
    with pytest.raises(GanzooError, match="no such split; there is test, train"):
        clips(tmp_path, "valid")
    soundfile.write(tmp_path / "train" / "4.wav", tone(4096), 8000)
    assert "no classes, since 4.wav lies beside" in read(tmp_path)[1]


def test_classes_stand_in_their_natural_order(tmp_path):
    for number in (10, 2, 1):
        (tmp_path / str(number)).mkdir()
        soundfile.write(tmp_path / str(number) / "x.wav", tone(4096), 8000)
    dataset, _ = read(tmp_path)
    assert dataset.classes == ("1", "2", "10")
    assert sorted(dataset.labels.tolist()) == [0, 1, 2]


def test_other_sound_is_read_as_a_model_has_it(tmp_path):
    spec = SampleSpec("audio", (1, 2048), details={"sample_rate": 4000})
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", tone(4096), 8000)
    with pytest.warns(GanzooWarning, match="resampled to 4000 samples a second: 3 from 8000"):
        dataset = find_dataset(str(tmp_path), spec)
    assert dataset.spec == spec
    assert (dataset.samples[0, 0] - torch.from_numpy(tone(4096)[::2]))[50:-50].abs().max() < 0.01
