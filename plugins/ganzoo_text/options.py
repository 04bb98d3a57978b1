"""What can be asked of text as data. Nothing here needs torch."""

from typing import Literal

from pydantic import Field

from ganzoo import Options


class TextOptions(Options):
    """How a text is taken apart."""

    unit: Literal["characters", "words"] = Field(
        "words", description="what a line is made of, token by token"
    )
    length: int | None = Field(
        None,
        ge=2,
        le=1024,
        description="tokens in a sample: longer lines are cut [12 words, 32 characters]",
    )
    layout: Literal["lines", "prose"] | None = Field(
        None,
        description="lines: each is a sample; prose: each sentence is [by empty lines and widths]",
    )
    vocabulary: int = Field(
        1000, ge=2, le=65_535, description="different tokens, the most frequent ones"
    )
    lower: bool = Field(False, description="capitals as small letters")
    encoding: str = Field("utf-8-sig", min_length=1, description="of the files, such as latin-1")
