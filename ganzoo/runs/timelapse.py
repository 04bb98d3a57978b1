"""A run's samples as they became better, as a moving picture."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from ganzoo.errors import GanzooError
from ganzoo.files import user_path
from ganzoo.kinds.pictures import FILMS, STILLS, enlarged, film, fitting_scale
from ganzoo.links import open_file
from ganzoo.progress import each
from ganzoo.runs.folder import RunFolder
from ganzoo.sampler.written import check_parent, write_file, write_free

MOST: Final = 300  # pictures; of more, so many are taken evenly
FPS: Final = 10.0
_HELD: Final = 1.5  # seconds that the last one is shown
_LARGEST: Final = 90_000_000  # pixels of a picture that is read
_INK: Final = "#9a9a9a"


def timelapse(
    run: RunFolder,
    path: str | os.PathLike[str] | None = None,
    fps: float = FPS,
    scale: int | None = None,
) -> Path:
    """Write the pictures of samples that a run made while it trained, one after another with its
    step below: .gif, .webp or .mp4.

    path: None: timelapse.gif, or timelapse-2.gif and so on where that is there. fps: pictures a
    second. scale: how many times larger they are; None: small ones are enlarged. Raises GanzooError
    where the run has no pictures, or no such file can be written.
    """
    file = None if path is None else user_path(path)
    suffix = FILMS[0] if file is None else file.suffix.lower()
    if suffix not in FILMS:
        raise GanzooError(f"{file}: a timelapse is written as {', '.join(FILMS)}")
    if not 0 < fps <= 100:
        raise GanzooError(f"fps {fps:g}: it takes more than 0, up to 100")
    if scale is not None and scale < 1:
        raise GanzooError(f"scale {scale}: it takes at least 1")
    check_parent(file or Path(f"timelapse{suffix}"))
    grids = [(step, grid) for step, grid in run.samples() if grid.suffix in STILLS]
    if not grids:
        others = {grid.suffix for _, grid in run.samples()}
        why = f"its samples are {', '.join(others)} files" if others else "there are no samples yet"
        raise GanzooError(f"{run.path} has no pictures of samples: {why}")
    if len(grids) > MOST:
        grids = [grids[number * (len(grids) - 1) // (MOST - 1)] for number in range(MOST)]
    pictures = _shown(grids, scale, max(1, round(_HELD * fps)))
    if file is None:
        return write_free("timelapse", suffix, film(pictures, suffix, fps))
    return write_file(file, lambda: film(pictures, suffix, fps))


def _shown(grids: list[tuple[int, Path]], scale: int | None, held: int) -> Iterator[Image.Image]:
    """Each grid with its step below, all of the first one's size; the last one `held` times."""
    size = None
    last = grids[-1][0]
    for step, path in each(grids, "reading samples", len(grids)):
        picture = _read(path)
        scale = fitting_scale(picture) if scale is None else scale
        size = size or picture.size
        if picture.size != size:
            picture = picture.resize(size)
        shown = _captioned(enlarged(picture, scale), f"step {step:,}")
        yield from itertools.repeat(shown, held if step == last else 1)


def _read(path: Path) -> Image.Image:
    """A picture of a run. Raises GanzooError where it is damaged or far too large."""
    try:
        with open_file(path) as file, Image.open(file) as picture:
            if picture.width * picture.height > _LARGEST:
                raise ValueError(f"{picture.width}x{picture.height} pixels are too many")
            return picture.convert("RGB" if picture.mode not in ("L", "1") else "L")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise GanzooError(f"{path}: cannot be read: {error}") from None


def _captioned(picture: Image.Image, text: str) -> Image.Image:
    """A picture with a line of text below it."""
    height = max(14, picture.width // 20)
    font = ImageFont.load_default(height * 0.8)
    sheet = Image.new(picture.mode, (picture.width, picture.height + height + height // 2))
    sheet.paste(picture)
    ink = _INK if picture.mode == "RGB" else 154
    at = (picture.width // 2, picture.height + 3 * height // 4)
    ImageDraw.Draw(sheet).text(at, text, fill=ink, font=font, anchor="mm")
    return sheet
