"""Files of text: lines, or prose, which is taken apart into sentences."""

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ganzoo import Dataset, GanzooError, GanzooWarning, SampleSpec
from ganzoo_text.lines import Lines, lines_as_data
from ganzoo_text.options import TextOptions
from ganzoo_text.tokens import Tokens, apart

SUFFIXES: Final = (".txt",)
LENGTHS: Final = {"words": 12, "characters": 32}
_LARGEST: Final = 1 << 28  # bytes of one file
_LONG: Final = 200  # characters of a line that is a paragraph
_TELL_FROM: Final = 0.1  # of lines; fewer that are cut are not worth a word
_SENTENCE: Final = re.compile(r"(?<=[.!?])[\"')\u2019\u201d]*\s+(?=[\"'(\u2018\u201c]?[A-Z0-9])")
_EMPTY: Final = re.compile(r"\n[ \t]*\n")


def text(path: Path, options: TextOptions, spec: SampleSpec | None = None) -> Dataset:
    """A file, or all .txt files below a folder. spec: of a model, whose tokens and length are kept.

    Raises GanzooError where it is no text, or where no line of it is left.
    """
    files = _files(path)
    content = "\n\n".join(_read(file, options.encoding) for file in files)
    lines = _taken_apart(path, content, options)
    known = spec if spec is not None and spec.kind == "text" else None
    lower = options.lower if known is None else bool(known.details.get("lower"))
    if lower:
        lines = [line.lower() for line in lines]
    if known is not None:
        tokens = Tokens.from_details(known.details)
        return _dataset(path, lines, tokens, known.shape[1], lower, "those of the model")
    tokens = Tokens.of(options.unit, lines, options.vocabulary)
    length, more = options.length or LENGTHS[options.unit], "--set data.vocabulary=N takes more"
    return _dataset(path, lines, tokens, length, lower, more)


def _dataset(
    path: Path, lines: list[str], tokens: Tokens, length: int, lower: bool, which: str
) -> Dataset:
    """which: tokens are known, for messages."""
    known = f"{len(tokens.texts) - 1} {tokens.unit} that are known ({which})"
    try:
        dataset = lines_as_data(path.stem, lines, tokens, length, lower)
    except ValueError:
        raise GanzooError(f"{path}: no line of it is of the {known}") from None
    left, total = len(lines) - len(dataset), len(lines)
    if left:
        _tell(
            f"{path}: {left} of {total} lines are left out, since others than the {known} are in "
            "them"
        )
    assert isinstance(dataset.samples, Lines)
    cut = sum(len(apart(line, tokens.unit)) > length for line in lines)
    if cut > _TELL_FROM * total:
        _tell(
            f"{path}: {cut} of {total} lines are longer than {length} {tokens.unit} and are cut "
            "(--set data.length=N)"
        )
    return dataset


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    names = [
        Path(folder) / name
        for folder, _, names in os.walk(path, followlinks=False)
        for name in names
        if not name.startswith(".")
    ]
    found = [name for name in names if name.suffix.lower() in SUFFIXES]
    if not found:
        raise GanzooError(f"{path}: no text in it: no files that end in {', '.join(SUFFIXES)}")
    # Notes that lie beside pictures of a format that is not read are not what is meant.
    others = Counter(name.suffix.lower() for name in names if name not in found)
    if others.total() > len(found):
        counted = ", ".join(f"{count} {end or 'without an end'}" for end, count in others.items())
        raise GanzooError(
            f"{path}: most of its files are neither text nor another kind of data that is read "
            f"here: {counted}, beside {len(found)} {SUFFIXES[0]}. To train on the text, give a "
            "folder of it alone"
        )
    return sorted(found)


def _read(file: Path, encoding: str) -> str:
    if file.stat().st_size > _LARGEST:
        raise GanzooError(f"{file}: {file.stat().st_size} bytes; up to {_LARGEST} are read")
    content = file.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in content and encoding.startswith("utf-8"):
        raise GanzooError(f"{file}: it is not text: there are characters of number 0 in it")
    try:
        decoded = content.decode(encoding)
    except LookupError:
        raise GanzooError(f"data.encoding={encoding}: there is no such encoding") from None
    except UnicodeDecodeError as error:
        raise GanzooError(
            f"{file}: not text in {encoding} (byte {error.start}); say which it is: "
            "--set data.encoding=latin-1"
        ) from None
    return decoded.replace("\r\n", "\n").replace("\r", "\n")


def _taken_apart(path: Path, content: str, options: TextOptions) -> list[str]:
    """The lines or sentences that are not empty, each with single spaces. A guess is told."""
    layout = options.layout
    if layout is None:
        layout = "prose" if _is_prose(content) else "lines"
        if layout == "prose":
            _tell(
                f"{path}: it is read as prose, a sentence a sample; --set data.layout=lines takes "
                "each line"
            )
    parts = sentences(content) if layout == "prose" else iter(content.split("\n"))
    lines = [line for line in (" ".join(part.split()) for part in parts) if line]
    if not lines:
        raise GanzooError(f"{path}: there is no text in it, only empty lines")
    return lines


def _is_prose(content: str) -> bool:
    """Whether lines are parts of paragraphs: most of them have neighbours and there are empty lines
    between; or they are so long that they are paragraphs."""
    lines = content.split("\n")
    full = sorted(len(line) for line in lines if line.strip())
    if full and full[len(full) // 2] > _LONG:
        return True
    blocks = [block for block in _EMPTY.split(content) if block.strip()]
    several = [block for block in blocks if block.strip().count("\n")]
    return len(blocks) > 1 and len(several) > len(blocks) / 2


def sentences(content: str) -> Iterator[str]:
    """The sentences of paragraphs, which empty lines stand between."""
    for paragraph in _EMPTY.split(content):
        yield from _SENTENCE.split(" ".join(paragraph.split()))


def _tell(text: str) -> None:
    warnings.warn(text, GanzooWarning, stacklevel=4)
