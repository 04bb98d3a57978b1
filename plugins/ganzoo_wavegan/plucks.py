"""Plucked strings by synthesis: small, and it is plain which pitches a generator makes."""

from typing import Final

import torch
from torch import Tensor

from ganzoo import Dataset

RATE: Final = 8000
LENGTH: Final = 4096
#: The notes of A major pentatonic from 110 Hz up, each with the length of its delay line. The
#: frequency is RATE / (length + 1/2), within a quarter of a semitone of the note's.
STRINGS: Final = {
    "A2": 72,
    "B2": 64,
    "C#3": 57,
    "E3": 48,
    "F#3": 43,
    "A3": 36,
    "B3": 32,
    "C#4": 28,
}
COUNTS: Final = {"train": 500, "test": 100}  # of each note
DAMPING: Final = 0.998


def plucks(split: str) -> Dataset:
    """Clips of half a second at 8 kHz, of 8 pitches: 4,000 to train, 800 held out (another seed).

    Karplus and Strong 1983, "Digital Synthesis of Plucked-String and Drum Timbres", without
    their tuning: a burst of noise goes round a delay line and is averaged with its neighbour.
    The sounds are synthetic, not recordings.
    """
    rng = torch.Generator().manual_seed(list(COUNTS).index(split))
    count = COUNTS[split]
    samples = torch.cat([_string(period, count, rng) for period in STRINGS.values()])
    labels = torch.arange(len(STRINGS)).repeat_interleave(count)
    details = {"sample_rate": RATE}
    return Dataset("plucks", samples, labels, tuple(STRINGS), "audio", details=details)


def plucks_e3(split: str) -> Dataset:
    """Clips of one string, E3: 500 to train, 100 held out. One pitch is learned in minutes."""
    rng = torch.Generator().manual_seed(2 + list(COUNTS).index(split))
    samples = _string(STRINGS["E3"], COUNTS[split], rng)
    return Dataset("plucks-e3", samples, kind="audio", details={"sample_rate": RATE})


def _string(period: int, count: int, rng: torch.Generator) -> Tensor:
    """`count` plucks of one string, (count, 1, LENGTH), each of its own loudness."""
    burst = torch.rand(count, period, generator=rng) * 2 - 1
    for _ in range(2):  # a soft plectrum: the highest overtones are weak from the beginning
        burst = (burst + burst.roll(1, 1)) / 2
    rounds = [burst - burst.mean(1, keepdim=True)]
    last = rounds[0].new_zeros(count, 1)  # the value before the round
    for _ in range(LENGTH // period):
        now = rounds[-1]
        before = torch.cat([last, now[:, :-1]], 1)
        rounds.append(DAMPING * (now + before) / 2)
        last = now[:, -1:]
    clips = torch.cat(rounds, 1)[:, :LENGTH]
    loudness = 0.5 + 0.4 * torch.rand(count, 1, generator=rng)
    return (clips * loudness / clips.abs().amax(1, keepdim=True))[:, None]
