"""Features of published networks, from weights of which nothing but tensors is read."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, WorkFailed, one_line
from ganzoo.files import sha256
from ganzoo.home import data_home
from ganzoo.measure.features import Extractor, Features
from ganzoo.progress import bar
from ganzoo.tensors import load_tensors

LAYERS: Final = ("2048", "logits_unbiased")  # of FID and of the Inception Score
NAME: Final = "inception-v3-compat"
#: Of the weights that torch-fidelity publishes, those of Heusel's own FID (arXiv:1706.08500).
PUBLISHED: Final = "6726825d"

#: The mean and the deviation of each colour, from 0 to 1, in what the networks were trained on.
_CLIP: Final = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
_IMAGENET: Final = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_SIDE: Final = 224  # of the pictures that DINOv2 is given
_DINOV2: Final = {384: "small", 768: "base", 1024: "large", 1536: "giant"}  # by features


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
                    NAME, list(LAYERS), feature_extractor_weights_path=str(tensors)
                )
            except RuntimeError as error:
                what = "Inception v3 as torch-fidelity has them"
                raise _other_weights(path, what, error) from None

    def features(self, samples: Tensor) -> Features:
        values, logits = self.network(_colour(samples))
        return Features(values, logits=logits)


class CLIP(Extractor):
    """The features of CLIP's image side (Radford 2021, arXiv:2103.00020), resized as torch-fidelity
    does it, from a file that is here.

    weights: safetensors or a state dict of torch's, with the names of OpenAI's own: as
    ``open_clip_model.safetensors`` of ``timm/vit_base_patch32_clip_224.openai`` on the Hub has
    them. OpenAI's own file is a program, and is not run.
    """

    def __init__(self, weights: Path | None = None) -> None:
        from torch_fidelity.feature_extractor_clip import build_model

        path, state = _given(weights, "clip", "open_clip_model.safetensors of a model of CLIP")
        self.name, self.about = f"clip-{sha256(path)[:8]}", f"CLIP of {path.name}"
        try:
            width = state["visual.proj"].shape[1] if "visual.proj" in state else 0
            state.setdefault("text_projection", torch.zeros(1, width))  # it tells the width alone
            self.network = build_model(state, torch.float32).visual
        except (KeyError, RuntimeError, ValueError, AssertionError) as error:
            raise _other_weights(path, "CLIP", error) from None

    def features(self, samples: Tensor) -> Features:
        return Features(self.network(_prepared(samples, self.network.input_resolution, _CLIP)))


class DINOv2(Extractor):
    """The features of DINOv2 (Oquab 2023, arXiv:2304.07193), from a file that is here.

    weights: safetensors or a state dict of torch's, as Meta or timm publish them, such as
    ``dinov2_vits14_pretrain.pth``. The network is timm's.
    """

    def __init__(self, weights: Path | None = None) -> None:
        path, state = _given(weights, "dinov2", "dinov2_vits14_pretrain.pth")
        self.name, self.about = f"dinov2-{sha256(path)[:8]}", f"DINOv2 of {path.name}"
        try:
            from timm import create_model
            from timm.models.vision_transformer import checkpoint_filter_fn
        except ImportError:
            raise GanzooError(
                "features of DINOv2 need timm, in the extra dinov2: in a clone of ganzoo, "
                "pip install '.[dinov2]'"
            ) from None
        try:
            size = _DINOV2[state["pos_embed"].shape[-1]]
            network: Any = create_model(f"vit_{size}_patch14_dinov2", img_size=_SIDE, num_classes=0)
            network.load_state_dict(checkpoint_filter_fn(state, network))
            self.network = network.eval()
        except (KeyError, RuntimeError, ValueError) as error:
            raise _other_weights(path, "DINOv2", error) from None

    def features(self, samples: Tensor) -> Features:
        return Features(self.network(_prepared(samples, _SIDE, _IMAGENET)))


def _prepared(samples: Tensor, side: int, statistics: tuple[list[float], list[float]]) -> Tensor:
    """Images, uint8 (N, 1 or 3, H, W), as such a network takes them."""
    from torch_fidelity.interpolate_compat_tensorflow import (
        interpolate_bilinear_2d_like_tensorflow1x as resized,
    )
    from torchvision.transforms.functional import normalize

    levels = _colour(samples).float()
    prepared: Tensor = normalize(
        resized(levels, size=(side, side), align_corners=False) / 255, *statistics
    )
    return prepared


def _colour(samples: Tensor) -> Tensor:
    return samples.expand(-1, 3, -1, -1) if samples.shape[1] == 1 else samples


def _given(weights: Path | None, name: str, such_as: str) -> tuple[Path, dict[str, Tensor]]:
    """The file of weights that the user has, and its tensors."""
    if weights is None:
        raise GanzooError(f"{name} needs weights that are here, such as {such_as}: --weights FILE")
    path = weights.resolve()  # the user's file may be a link
    return path, _state(path)


def _other_weights(path: Path, of: str, error: Exception) -> GanzooError:
    return GanzooError(f"{path}: not the weights of {of}: {one_line(error)[:300]}")


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
            "With a copy of that file: --features inception --weights FILE"
        ) from error
    return path
