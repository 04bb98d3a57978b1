"""Pictures as files: one, or many that move."""

from __future__ import annotations

import io
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ganzoo.errors import GanzooError

STILLS: Final = (".png", ".jpg", ".jpeg", ".webp")
FILMS: Final = (".gif", ".webp", ".mp4")

#: The largest side of a picture in pixels, by the end of its file's name.
LARGEST_SIDE: Final = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383, ".mp4": 16_384}

_JPEG: Final = {".jpg": "JPEG", ".jpeg": "JPEG"}
_LEAST: Final = 400  # pixels, about; films of a smaller side are enlarged
_QUALITY: Final = 90  # of WebP, out of 100
_CRF: Final = "18"  # of H.264; less is better, and from here on nothing is seen to be lost
_FASTEST_GIF: Final = 50  # frames a second; browsers slow down what is faster


def still(picture: Image.Image, suffix: str) -> bytes:
    """The file's content for one picture. suffix: one of `STILLS`."""
    if suffix in _JPEG:
        picture = _opaque(picture)
    buffer = io.BytesIO()
    picture.save(buffer, _JPEG.get(suffix, suffix[1:].upper()))
    return buffer.getvalue()


def enlarged(picture: Image.Image, scale: int) -> Image.Image:
    """A picture with `scale` pixels a side for each pixel."""
    if scale == 1:
        return picture
    size = picture.width * scale, picture.height * scale
    return picture.resize(size, Image.Resampling.NEAREST)


def fitting_scale(picture: Image.Image) -> int:
    """How many times larger a film of such pictures is shown, so that the smallest is seen well."""
    return max(1, round(_LEAST / max(picture.size)))


def film(pictures: Iterable[Image.Image], suffix: str, fps: float) -> bytes:
    """The file's content for pictures of one size, shown one after another, again and again.

    suffix: one of `FILMS`. fps: pictures a second. Raises GanzooError where PyAV is needed and not
    installed.
    """
    if suffix == ".mp4":
        return _mp4(map(_opaque, pictures), fps)
    buffer = io.BytesIO()
    frames = map(_opaque, pictures) if suffix == ".gif" else iter(pictures)
    options: dict[str, Any] = {"quality": _QUALITY, "method": 4}
    if suffix == ".gif":
        fps, options = min(fps, _FASTEST_GIF), {"optimize": True}
    first = next(frames)
    first.save(
        buffer,
        suffix[1:].upper(),
        save_all=True,
        append_images=frames,
        duration=1000 / fps,
        loop=0,
        **options,
    )
    return buffer.getvalue()


def _opaque(picture: Image.Image) -> Image.Image:
    """A picture without transparency, which few formats have, over white."""
    if picture.mode not in ("LA", "RGBA"):
        return picture
    from ganzoo.kinds.image.pixels import over_white

    return over_white(picture)


def _mp4(pictures: Iterator[Image.Image], fps: float) -> bytes:
    """H.264 with 4:2:0 colours and even sides, which every browser and phone plays."""
    import numpy as np

    try:
        import av
    except ImportError:
        raise GanzooError(
            "an .mp4 is written by PyAV, which is not installed: pip install "
            "'torch-ganzoo[video]'. A .gif or a .webp needs nothing more"
        ) from None
    first = next(pictures)
    with tempfile.TemporaryDirectory(prefix="ganzoo-") as folder:
        file = Path(folder) / "film.mp4"  # libav goes back in it, to put the index at the front
        with av.open(file, "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", Fraction(fps).limit_denominator(1000))
            stream.width, stream.height = (side + side % 2 for side in first.size)
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": _CRF, "preset": "slow"}
            for picture in itertools.chain([first], pictures):
                even = Image.new("RGB", (stream.width, stream.height))
                even.paste(picture)
                frame = av.VideoFrame.from_ndarray(np.asarray(even), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return file.read_bytes()
