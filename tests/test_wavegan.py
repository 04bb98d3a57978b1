"""WaveGAN: waveforms from WAV files and back, hostile details, and that it learns to pluck."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import os
import shutil
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from conftest import call

import ganzoo as package
from ganzoo import Dataset, GanzooError, GanzooWarning, SampleSpec
from ganzoo.kinds import kind_of
from ganzoo.models.load import find_architecture
from ganzoo.sources.find import find_dataset

SMALL = {"width": 2, "latent_size": 8, "training.batch_size": 8, "training.discriminator_steps": 2}
EXACT: dict[str, Any] = {"precision": "fp32", "device": "cpu"}


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000, bits: int = 16) -> None:
    """(frames,) or (frames, channels) in [-1, 1] as PCM of so many bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = samples.reshape(len(samples), -1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        whole = np.round(values * (2 ** (bits - 1) - 1)).astype(np.int64)
        whole += 128 * (bits == 8)
        content = whole.astype("<i8").tobytes()
        at = np.frombuffer(content, np.uint8).reshape(-1, 8)[:, : bits // 8]
        file.writeframes(at.tobytes())


def read_wav(content: bytes) -> tuple[np.ndarray, int]:
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        values = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return values / 32767, file.getframerate()


def tone(frames: int, frequency: float = 0.05) -> np.ndarray:
    return 0.8 * np.sin(2 * np.pi * frequency * np.arange(frames))


@pytest.fixture(scope="module")
def plucks() -> Dataset:
    return find_dataset("plucks")


@pytest.fixture(scope="module")
def short(plucks) -> Dataset:
    """The first 1,024 values of each clip: small networks."""
    return cut(plucks)


def cut(data: Dataset, string: int | None = None) -> Dataset:
    """The beginnings of all clips, or of one string's."""
    kept = slice(None) if string is None else data.labels == string
    samples = data.samples[kept][:, :, :1024].contiguous()
    return Dataset("short", samples, kind="audio", details=data.details)


@pytest.fixture(scope="module")
def run(short, tmp_path_factory) -> package.Run:
    """A few steps. Read only."""
    out = tmp_path_factory.mktemp("wavegan") / "run"
    return package.train("wavegan", short, steps=4, settings=SMALL, out=out, **EXACT)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_pcm_of_every_width_is_mixed_to_mono(bits, channels, tmp_path):
    parts = np.stack([tone(1024, 0.01 * (n + 1)) for n in range(channels)], 1)
    write_wav(tmp_path / "x.wav", parts, 11025, bits)
    with contextlib.ExitStack() as stack:
        if channels > 1:
            stack.enter_context(pytest.warns(GanzooWarning, match=f"{channels} channels"))
        dataset = find_dataset(str(tmp_path / "x.wav"))
    assert dataset.spec.shape == (1, 1024)
    assert dataset.details == {"sample_rate": 11025}
    off = np.abs(dataset.samples[0, 0].numpy() - parts.mean(1)).max()
    assert off < 1.5 / 2 ** (bits - 1) + 1e-6


def test_the_extensible_form_is_read(tmp_path):
    content = np.arange(2000, dtype="<i2").tobytes()
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1)
    form += bytes.fromhex("000000001000800000aa00389b71")  # the rest of the identifier of PCM
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(content)) + content
    path = tmp_path / "x.WAV"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    samples = find_dataset(str(path)).samples
    assert samples.shape == (1, 1, 2048)
    assert torch.equal(samples[0, 0, :2000] * 32768, torch.arange(2000.0))
    assert not samples[0, 0, 2000:].any()


def test_subfolders_are_classes_and_clips_get_one_length(tmp_path):
    for name, frames in (("b/1", 3000), ("a/1", 4000), ("a/deep/2", 90_000), ("b/2", 100)):
        write_wav(tmp_path / f"{name}.wav", tone(frames))
    (tmp_path / "a" / "._1.wav").write_bytes(b"what a Mac leaves")
    (tmp_path / "a" / "up").symlink_to("..")
    os.mkfifo(tmp_path / "b" / "pipe.wav")
    with pytest.warns(GanzooWarning) as told:
        dataset = find_dataset(str(tmp_path))
    assert len(told) == 1
    assert "1 of 4 files are cut after 4096 values, 0.51 s; 1 of 4 files have less" in str(
        told[0].message
    )
    assert dataset.spec.shape == (1, 4096)
    assert dataset.classes == ("a", "b")
    assert dataset.labels.tolist() == [0, 0, 1, 1]
    ends = [int(clip.nonzero()[-1, -1]) for clip in dataset.samples]
    assert [
        frames - end < 20 for end, frames in zip(ends, (4000, 4096, 3000, 100), strict=True)
    ] == [True] * 4
    write_wav(tmp_path / "c.wav", tone(100))
    with pytest.warns(GanzooWarning, match=r"no classes, since c\.wav lies beside the subfolders"):
        assert find_dataset(str(tmp_path)).labels is None


def test_a_long_file_is_cut_into_clips(tmp_path):
    sound = tone(40_000)
    write_wav(tmp_path / "x.wav", sound)
    samples = find_dataset(str(tmp_path / "x.wav")).samples
    assert samples.shape == (3, 1, 16_384)
    assert np.allclose(samples.flatten()[:40_000], sound, atol=1e-4)


def header(tag: int = 1, channels: int = 1, rate: int = 8000, block: int = 2, bits: int = 16):
    form = struct.pack("<HHIIHH", tag, channels, rate, 0, block, bits)
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + form


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no", "not a WAV, FLAC or Ogg file"),
        (b"RIFX" + bytes(40), "not a WAV, FLAC or Ogg file"),
        (b"RIFF\0\0\0\0WAVE", "cut short"),
        (b"RIFF\0\0\0\0WAVE" + bytes(9000), "no data in its first 1000 chunks"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "No 'data' chunk marker"),
        (header(tag=99) + b"data\4\0\0\0abcd", "damaged, or of an encoding that is not read"),
        (header(channels=0, block=0) + b"data\4\0\0\0abcd", "Channel count is zero"),
        (header(channels=65535) + b"data\4\0\0\0abcd", "Too many channels"),
        (header(rate=0) + b"data\4\0\0\0abcd", "damaged"),
        (header(rate=2_000_000) + b"data\4\0\0\0abcd", "2000000 samples a second"),
        (header() + b"data\xff\xff\x00\x00abcd", "cut short: 4 bytes of 65535"),
        (header() + b"data\xff\xff\xff\xff", "cut short: 0 bytes of 4294967295"),
        (header() + b"data\0\0\0\0", "no sound"),
        (header() + b"data\1\0\0\0a", "no sound"),
        (header(), "cut short"),
    ],
)
def test_broken_files_are_named_and_left_out_of_a_folder(content, message, tmp_path):
    write_wav(tmp_path / "good.wav", tone(2000))
    broken = tmp_path / "broken.wav"
    broken.write_bytes(content)
    with pytest.raises(GanzooError) as raised:
        find_dataset(str(broken))
    assert str(raised.value).startswith(f"{broken}: ")
    with pytest.warns(GanzooWarning) as told:
        assert len(find_dataset(str(tmp_path))) == 1
    text = str(told[0].message)
    assert "1 of 2 files left out: broken.wav (" in text
    for line in (str(raised.value), text):
        assert message in line
        assert "\n" not in line
    (tmp_path / "good.wav").unlink()
    with pytest.raises(GanzooError, match=r"none of its 1 files can be read: broken\.wav \("):
        find_dataset(str(tmp_path))


@pytest.mark.parametrize(("suffix", "off"), [(".flac", 1e-4), (".ogg", 0.1)])
def test_flac_and_ogg_are_read_and_told_when_cut_short(suffix, off, tmp_path):
    path = tmp_path / f"x{suffix.upper()}"
    soundfile.write(path, tone(20_000), 16_000)
    dataset = find_dataset(str(path))
    assert dataset.details == {"sample_rate": 16_000}
    assert dataset.samples.shape == (2, 1, 16_384)
    read = dataset.samples.flatten()[:20_000].numpy()
    assert np.abs(read - tone(20_000)).mean() < off
    with pytest.warns(GanzooWarning, match="1 of 1 files are cut after 16384 values, 1 s"):
        assert find_dataset(str(tmp_path)).spec.shape == (1, 16_384)
    for share in (0.01, 0.5, 0.999):
        (tmp_path / "cut").mkdir(exist_ok=True)
        content = path.read_bytes()
        broken = tmp_path / "cut" / f"y{suffix}"
        broken.write_bytes(content[: int(share * len(content))])
        with pytest.raises(GanzooError, match=r"cut short|damaged|decoded") as raised:
            find_dataset(str(broken))
        assert str(broken) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_wav_that_is_cut_short_is_told_wherever_it_ends(tmp_path):
    write_wav(tmp_path / "x.wav", tone(4096))
    content = (tmp_path / "x.wav").read_bytes()
    for length in (20, 40, 44, 1000, len(content) - 1):
        (tmp_path / "x.wav").write_bytes(content[:length])
        with pytest.raises(GanzooError, match="cut short"):
            find_dataset(str(tmp_path / "x.wav"))


def test_fractions_are_read_and_what_is_no_sound_is_refused(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(2048), 8000, subtype="FLOAT")
    samples = find_dataset(str(path)).samples
    assert np.allclose(samples[0, 0], tone(2048), atol=1e-7)
    for value, message in ((100.0, "values up to 100; sound lies in"), (math.nan, "not finite")):
        soundfile.write(path, np.append(tone(2047), value), 8000, subtype="FLOAT")
        with pytest.raises(GanzooError, match=message) as raised:
            find_dataset(str(path))
        assert str(path) in str(raised.value)


def test_a_wav_has_the_samples_with_silence_between(short):
    kind = kind_of(short.spec)
    played, rate = read_wav(kind.render(short.samples[:3], ".wav"))
    assert rate == 8000
    assert len(played) == 3 * 1024 + 2 * 2000
    for index in range(3):
        clip = played[index * 3024 :][:1024]
        assert np.allclose(clip, short.samples[index, 0], atol=1 / 32767)
    assert not played[1024:3024].any()


def test_any_samples_are_played(short):
    kind = kind_of(short.spec)
    values = torch.tensor([math.nan, math.inf, -math.inf, 1e30, -1e30, 0.0]).repeat(171)[:1024]
    played, _ = read_wav(kind.render(values.view(1, 1, -1), ".wav"))
    assert played[:6].tolist() == [0, 1, -1, 1, -1, 0]
    with pytest.raises(ValueError, match="too many for one WAV file"):
        kind.render(torch.zeros(1, 1, 1).expand(10**6, 1, 1024), ".wav")


HOSTILE: dict[str, Any] = {
    "none": {},
    "null": {"sample_rate": None},
    "text": {"sample_rate": "8000"},
    "list": {"sample_rate": [[[[8000]]]]},
    "truth": {"sample_rate": True},
    "zero": {"sample_rate": 0},
    "negative": {"sample_rate": -1},
    "huge": {"sample_rate": 10**40},
    "fraction": {"sample_rate": 8000.5},
    "nan": {"sample_rate": math.nan},
    "further": {"sample_rate": 8000, "x" * 10**5: "\x1b[31m\n"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_details_are_refused_in_one_line(name, run, short, tmp_path):
    kind = type(kind_of(short.spec))
    with pytest.raises(ValueError, match=r"details") as raised:
        kind(SampleSpec("audio", (1, 1024), details=HOSTILE[name]))
    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)
    folder = Path(shutil.copytree(run.model_path, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    config["spec"]["details"] = HOSTILE[name]
    (folder / "config.json").write_text(json.dumps(config))
    told = call("sample", folder, "-o", tmp_path / "x.wav")
    assert told.exit_code == 2, told.output
    assert len(told.output.strip().splitlines()) == 1
    assert not (tmp_path / "x.wav").exists()


@pytest.mark.parametrize(
    ("shape", "bounds"),
    [
        ((1, 1000), (-1.0, 1.0)),
        ((1, 512), (-1.0, 1.0)),
        ((1, 1 << 30), (-1.0, 1.0)),
        ((2, 1024), (-1.0, 1.0)),
        ((1024,), (-1.0, 1.0)),
        ((1, 1, 1024), (-1.0, 1.0)),
        ((1, 1024), (None, None)),
        ((1, 1024), (0.0, 1.0)),
    ],
)
def test_waveforms_it_cannot_do_are_refused(shape, bounds):
    spec = SampleSpec("audio", shape, *bounds, details={"sample_rate": 8000})
    with pytest.raises(ValueError, match="waveforms"):
        find_architecture("wavegan")(spec)


@pytest.mark.parametrize("length", [1 << power for power in range(10, 17)])
def test_every_length_is_built(length):
    architecture = find_architecture("wavegan")
    spec = SampleSpec("audio", (1, length), details={"sample_rate": 8000})
    made = architecture(spec, architecture.Config(width=1))
    fakes = made.build_generator()(made.sample_latent(2, torch.Generator().manual_seed(0)))
    assert fakes.shape == (2, 1, length)
    assert made.build_discriminator()(fakes).shape == (2, 1)


def test_the_networks_are_those_of_the_paper():
    """Table 3 and 4: 16,384 samples, width 64."""
    architecture = find_architecture("wavegan")
    spec = SampleSpec("audio", (1, 16_384), details={"sample_rate": 16_000})
    with torch.device("meta"):
        networks = architecture(spec).build_generator(), architecture(spec).build_discriminator()
    shapes = [[tuple(p.shape) for p in net.parameters() if p.dim() == 3] for net in networks]
    down = [(64, 1, 25), (128, 64, 25), (256, 128, 25), (512, 256, 25), (1024, 512, 25)]
    assert shapes == [[(b, a, k) for b, a, k in reversed(down)], down]
    dense = [[tuple(p.shape) for p in net.parameters() if p.dim() == 2] for net in networks]
    assert dense == [[(16_384, 100)], [(1, 16_384)]]


def test_phase_shuffle_shifts_by_reflection():
    from ganzoo_wavegan.networks import PhaseShuffle

    x = torch.arange(1.0, 7.0).view(1, 1, -1)
    layer = PhaseShuffle(2)
    seen = {tuple(layer(x).flatten().int().tolist()) for _ in range(200)}
    assert seen == {
        (1, 2, 3, 4, 5, 6),
        (2, 1, 2, 3, 4, 5),
        (3, 2, 1, 2, 3, 4),
        (2, 3, 4, 5, 6, 5),
        (3, 4, 5, 6, 5, 4),
    }
    assert layer.eval()(x) is x


def test_samples_come_as_wav_and_as_numbers(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = call("sample", run.path, "-n", 5)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.strip() == "samples.wav"
    played, rate = read_wav((tmp_path / "samples.wav").read_bytes())
    assert rate == 8000
    assert np.allclose(played[:1024], package.load(run).sample(5)[0, 0], atol=1 / 32767)
    assert find_dataset(str(tmp_path / "samples.wav")).kind == "audio"
    told = call("sample", run.path, "-n", 5, "-o", "x.npz")
    assert told.exit_code == 0, told.stderr
    with np.load(tmp_path / "x.npz") as archive:
        assert archive["samples"].shape == (5, 1, 1024)
    told = call("sample", run.path, "-o", "x.png")
    assert told.exit_code == 2
    assert "audio samples are written as .wav, .npz" in told.stderr


def test_a_model_folder_and_its_card(run, tmp_path):
    folder = package.load(run).save(tmp_path / "model")
    card = (folder / "README.md").read_text()
    assert "It makes samples of kind audio, 1x1024." in card
    assert "`samples.wav` has the first 64 samples of seed 0, none left out." in card
    played, _ = read_wav((folder / "samples.wav").read_bytes())
    assert len(played) == 64 * 3024 - 2000
    assert torch.equal(package.load(folder).sample(5), package.load(run).sample(5))


def test_resuming_is_exact(run, short, tmp_path):
    """Phase shuffle draws from a state that the checkpoint has to hold."""
    package.train("wavegan", short, steps=2, settings=SMALL, out=tmp_path / "r", **EXACT)
    package.resume(tmp_path / "r", steps=4, data=short)
    files = [path / "model" / "model.safetensors" for path in (run.path, tmp_path / "r")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_bf16_is_close_to_float32(run):
    generator = package.load(run)
    latents = generator.latents(50)
    exact = generator(latents)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        near = copy.deepcopy(generator.network)(latents).float()
    assert (near - exact).norm() < 0.02 * exact.norm()


def test_a_folder_of_sounds_trains_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(8):
        write_wav(tmp_path / "sounds" / f"{index}.wav", tone(1500, 0.01 * (index + 1)), 16_000)
    small = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    options = ("--steps", 1, "--out", "run", *small)
    told = call("train", "wavegan", "--data", "sounds", *options)
    assert told.exit_code == 0, told.stderr
    assert {file.suffix for file in (tmp_path / "run" / "samples").iterdir()} == {".wav"}
    told = call("train", "wavegan", "--data", "ring")
    assert told.exit_code == 2
    assert "wavegan makes samples of kind audio" in told.stderr
