"""Inception v3's features, through torch-fidelity, from weights that are unpickled safely."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, WorkFailed, one_line
from ganzoo.files import sha256
from ganzoo.home import data_home
from ganzoo.measure.features import Extractor, Features
from ganzoo.progress import bar
from ganzoo.tensors import load_tensors

LAYER: Final = "2048"
NAME: Final = "inception-v3-compat"
#: Of the weights that torch-fidelity publishes, those of Heusel's own FID (arXiv:1706.08500).
PUBLISHED: Final = "6726825d"


class Inception(Extractor):
    """2,048 features of Inception v3 as in Heusel's own FID, resized as TensorFlow did it.

    weights: a local file, safetensors or a state dict of torch's; without it, torch-fidelity's
    is downloaded once. Figures of other weights than those have the file's SHA-256 in their name.
    """

    def __init__(self, weights: Path | None = None) -> None:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        path = weights or _download()
        state = _state(path.resolve())  # the user's file may be a link
        digest = sha256(path.resolve())
        known = path.suffix != ".safetensors" and digest.startswith(PUBLISHED)
        self.name = NAME if known else f"inception-{digest[:8]}"
        self.about = "Inception v3, the weights of torch-fidelity" if known else f"of {path.name}"
        # torch-fidelity unpickles whatever is in the file: it gets one of ours, with only tensors.
        with tempfile.TemporaryDirectory(prefix="ganzoo-") as folder:
            tensors = Path(folder) / "inception.pth"
            torch.save(state, tensors)
            try:
                self.network = FeatureExtractorInceptionV3(
                    NAME, [LAYER], feature_extractor_weights_path=str(tensors)
                )
            except RuntimeError as error:
                raise GanzooError(
                    f"{path}: not the weights of Inception v3 as torch-fidelity has them: "
                    f"{one_line(error)[:300]}"
                ) from None

    def features(self, samples: Tensor) -> Features:
        colour = samples.expand(-1, 3, -1, -1) if samples.shape[1] == 1 else samples
        (values,) = self.network(colour)
        return Features(values)


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors in a file, which may hold nothing else."""
    if not path.is_file():
        raise GanzooError(f"{path}: there is no such file")
    state = load_tensors(path) if path.suffix == ".safetensors" else _unpickled(path)
    if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
        raise GanzooError(f"{path}: some weights are not finite")
    return state


def _unpickled(path: Path) -> dict[str, Tensor]:
    """A state dict of torch's, from which nothing but tensors is unpickled."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch's reader raises whatever it stumbles over, even IndexError
        # Without torch's own text, which suggests unpickling it all the same.
        raise GanzooError(f"{path}: cannot be read as a state dict of tensors alone") from None
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise GanzooError(f"{path}: it does not hold a state dict of tensors")
    return state


def _download() -> Path:
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    path = data_home() / "inception" / URL_INCEPTION_V3.rpartition("/")[2]
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with bar("downloading the weights of Inception"):
            torch.hub.download_url_to_file(URL_INCEPTION_V3, str(path), PUBLISHED, progress=False)
    except (OSError, RuntimeError) as error:
        raise WorkFailed(
            f"the weights of Inception could not be downloaded from {URL_INCEPTION_V3}: {error}. "
            "With a copy of that file: --inception-weights FILE"
        ) from error
    return path
