"""Features of real samples and of noise, kept in the user's cache for the next measuring."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ganzoo.data.dataset import Dataset
from ganzoo.files import write_bytes
from ganzoo.home import features_home
from ganzoo.measure.features import Extractor, Features
from ganzoo.measure.samples import features_of_data, features_of_noise

MOST_BYTES: Final = 512 << 20  # of all that is kept; what was not used for longest goes first
_REVISION: Final = 1  # raise it when the same weights give other features
_DIGEST: Final = 32  # bytes of the SHA-256 that a file begins with


def real_features(extractors: Sequence[Extractor], dataset: Dataset, sha256: str) -> list[Features]:
    """As `features_of_data`. sha256: the data's fingerprint."""

    def make(some: Sequence[Extractor]) -> list[Features]:
        return features_of_data(some, dataset)

    # Data of which something cannot be read has to be read, so that it is told each time.
    return _remembered(extractors, f"real {sha256} {dataset.spec}", make, len(dataset))


def noise_features(
    extractors: Sequence[Extractor], dataset: Dataset, count: int, sha256: str
) -> list[Features]:
    """As `features_of_noise`. sha256: the data's fingerprint."""

    def make(some: Sequence[Extractor]) -> list[Features]:
        return features_of_noise(some, dataset, count)

    spec = dataset.spec
    bounded = spec.low is not None and spec.high is not None  # else it depends on the data
    what = f"noise {count} {'' if bounded else sha256} {spec.kind} {spec.shape} {spec.low}"
    return _remembered(extractors, f"{what} {spec.high} {spec.details}", make, count)


def _remembered(
    extractors: Sequence[Extractor],
    what: str,
    make: Callable[[Sequence[Extractor]], list[Features]],
    count: int,
) -> list[Features]:
    """The features by each extractor, made in one pass for those that have none kept.

    count: how many there must be for them to be kept.
    """
    paths = [_path(extractor, what) for extractor in extractors]
    found = [None if path is None else _read(path) for path in paths]
    lacking = [e for e, features in zip(extractors, found, strict=True) if features is None]
    made = iter(make(lacking) if lacking else [])
    for place, path in enumerate(paths):
        if found[place] is None:
            features = found[place] = next(made)
            if path is not None and len(features) == count:
                _write(path, features)
    return [features for features in found if features is not None]


def _path(extractor: Extractor, what: str) -> Path | None:
    """The file of these features; None where the extractor has no weights, and is fast anyway."""
    weights = _weights(extractor)
    if not weights:
        return None
    key = f"{_REVISION} {extractor.name} {weights} {extractor.device.type} {what}"
    return features_home() / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.features"


def _weights(extractor: Extractor) -> str:
    """What tells the networks of an extractor from others; empty where it has none."""
    digests = []
    for name, part in sorted(vars(extractor).items()):
        if isinstance(part, Extractor):
            digests.append(f"{name} {_weights(part)}")
        elif isinstance(part, nn.Module):
            digest = hashlib.sha256(repr(part).encode())
            for tensor in part.state_dict().values():
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
            digests.append(f"{name} {digest.hexdigest()}")
    return " ".join(digests)


def _read(path: Path) -> Features | None:
    """The kept features; None where there are none, or the file is damaged."""
    try:
        content = path.read_bytes()
        digest, content = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            return None
        os.utime(path)  # used just now
        return Features(**load(content))
    except (OSError, SafetensorError, TypeError, ValueError):
        return None


def _write(path: Path, features: Features) -> None:
    """Keep features, and make room for them. Nothing depends on it: a full disk is no error."""
    content = save({n: t.contiguous() for n, t in vars(features).items() if t is not None})
    if len(content) > MOST_BYTES // 4:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, hashlib.sha256(content).digest() + content)
        _make_room(path.parent)


def _make_room(folder: Path) -> None:
    newest = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in newest:
        total += file.stat().st_size
        if total > MOST_BYTES:
            file.unlink(missing_ok=True)
