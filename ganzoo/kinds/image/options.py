"""What can be asked of images as data. Nothing here needs torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ganzoo.options import Options


class ImageOptions(Options):
    """The form that images are brought to."""

    image_size: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="height and width in pixels",
        json_schema_extra={"flag": "--image-size"},
    )
    channels: Literal[1, 3] | None = Field(None, description="1 for grey, 3 for colour")
