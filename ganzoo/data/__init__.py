"""Data sets: where they are found, how they are read, and batches where the model trains."""

from typing import Final

#: The ends of the names of image files, in small letters.
PICTURES: Final = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
)
