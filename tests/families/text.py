"""A GAN of lines of text: residual 1-D convolutions and a softmax over the alphabet, whose soft
letters the critic reads beside one-hot real ones (Gulrajani 2017, arXiv:1704.00028, section 5.4).

With it come the kind ``text``, a reader of .txt files with an option, and features to measure by::

    ganzoo --plugin text.py train chargan --data train.txt --set data.length=32 --out runs/text
    ganzoo --plugin text.py evaluate runs/text --data test.txt
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

import ganzoo
from ganzoo import Architecture, Dataset, Features, GanzooError, Options, SampleSpec, hookimpl


class Text(ganzoo.Kind):
    """Soft letters, (letters of the alphabet, length), of the alphabet in the spec's details."""

    suffixes: ClassVar = (".txt",)
    preview: ClassVar = ".txt"
    pipeline_tag: ClassVar = "text-generation"

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        self.alphabet = str(spec.details.get("alphabet"))
        if len(spec.shape) != 2 or len(self.alphabet) != spec.shape[0]:
            raise ValueError(f"the letters {self.alphabet!r} do not fit the shape {spec.shape}")

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        return [SampleSpec("text", (5, 8), 0.0, 1.0, details={"alphabet": " abcd"})]

    def usual_extractors(self) -> tuple[str, ...]:
        return ("bigrams",)

    def render(self, samples: Tensor, suffix: str) -> bytes:
        lines = ("".join(self.alphabet[i] for i in row) for row in samples.argmax(1).tolist())
        return "".join(f"{line.rstrip()}\n" for line in lines).encode()


class Lines(Options):
    length: int = Field(32, ge=4, description="characters a sample: a line is cut or padded")


def read(path: Path, options: Lines, spec: SampleSpec | None = None) -> Dataset:
    """A sample a line; for an existing model, in its alphabet, without lines of other letters."""
    try:
        lines = [line.rstrip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise GanzooError(f"{path}: it is not text in UTF-8: {error}") from None
    alphabet, length = "".join(sorted({" ", *"".join(lines)})), options.length
    if spec is not None and spec.kind == "text":
        alphabet, length = spec.details["alphabet"], spec.shape[1]
    known = [line for line in lines if set(line[:length]) <= set(alphabet)]
    if not known:
        raise GanzooError(f"{path}: no lines of the letters {alphabet!r}")
    if len(known) < len(lines):
        text = f"{path}: {len(lines) - len(known)} lines are left out, for letters not in the model"
        warnings.warn(text, ganzoo.GanzooWarning, stacklevel=2)
    codes = {letter: number for number, letter in enumerate(alphabet)}
    numbers = torch.tensor([[codes[c] for c in line[:length].ljust(length)] for line in known])
    samples = F.one_hot(numbers, len(alphabet)).transpose(1, 2).float()
    return Dataset(path.stem, samples, None, (), "text", 0.0, 1.0, {"alphabet": alphabet})


class Bigrams(ganzoo.Extractor):
    """How often each pair of neighbouring characters comes, in 64 buckets: (N, 64)."""

    name = "bigrams"
    about = "frequencies of pairs of characters, hashed into 64 buckets"
    unscaled = True

    def features(self, samples: Tensor) -> Features:
        letters = samples.argmax(1)
        buckets = (letters[:, :-1] * 31 + letters[:, 1:]) % 64
        return Features(F.one_hot(buckets, 64).float().mean(1))


class Block(nn.Conv1d):
    """A residual convolution that keeps the shape; the paper has them in pairs."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * super().forward(x.relu())


class CharGAN(Architecture):
    """Gulrajani 2017, section 5.4."""

    class Config(Options):
        latent_size: int = Field(128, ge=1, description="length of a latent")
        width: int = Field(512, ge=1, description="channels of every convolution")
        blocks: int = Field(10, ge=1, description="residual convolutions in each network")

    kinds: ClassVar = ("text",)
    objective: ClassVar = "wasserstein"
    training: ClassVar[Any] = ganzoo.Training(
        steps=20_000, generator_lr=1e-4, discriminator_lr=1e-4, beta2=0.9, discriminator_steps=10
    )
    paper: ClassVar = "https://arxiv.org/abs/1704.00028"

    def build_generator(self) -> nn.Module:
        (letters, length), width = self.spec.shape, self.config.width
        return nn.Sequential(
            nn.Linear(self.config.latent_size, width * length),
            nn.Unflatten(1, (width, length)),
            *(Block(width, width, 5, padding=2) for _ in range(self.config.blocks)),
            nn.Conv1d(width, letters, 1),
            nn.Softmax(1),
        )

    def build_discriminator(self) -> nn.Module:
        (letters, length), width = self.spec.shape, self.config.width
        return nn.Sequential(
            nn.Conv1d(letters, width, 1),
            *(Block(width, width, 5, padding=2) for _ in range(self.config.blocks)),
            nn.Flatten(),
            nn.Linear(width * length, 1),
        )


@hookimpl
def ganzoo_architectures() -> Iterator[ganzoo.ArchitectureEntry]:
    yield ganzoo.ArchitectureEntry("chargan", CharGAN, "lines of text (Gulrajani 2017)")


@hookimpl
def ganzoo_kinds() -> Iterator[ganzoo.KindEntry]:
    yield ganzoo.KindEntry("text", Text, "lines of text, as a .txt file")


@hookimpl
def ganzoo_readers() -> Iterator[ganzoo.ReaderEntry]:
    yield ganzoo.ReaderEntry(
        "lines", read, "a text file, a sample a line", (".txt",), options=f"{__name__}:Lines"
    )


@hookimpl
def ganzoo_extractors() -> Iterator[ganzoo.ExtractorEntry]:
    yield ganzoo.ExtractorEntry("bigrams", Bigrams, "pairs of characters", kinds=("text",))
