"""Lines of text, which a person reads."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from ganzoo import Kind, SampleSpec
from ganzoo_text.tokens import Tokens


class Text(Kind):
    """Lines, as a .txt file. A sample is (tokens, length): at each place of the line a share of
    each token, the largest of which is meant; of real text a single 1.

    tokens: which there are. In Python, ``generator.kind.lines(samples)`` gives the lines.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)
    preview: ClassVar[str] = ".txt"
    several: ClassVar[str] = "lines"
    pipeline_tag: ClassVar[str | None] = "text-generation"

    def __init__(self, spec: SampleSpec) -> None:
        super().__init__(spec)
        self.tokens = Tokens.from_details(spec.details)
        if len(spec.shape) != 2 or len(self.tokens.texts) != spec.shape[0]:
            raise ValueError(
                f"a text of {len(self.tokens.texts)} tokens has a shape such as "
                f"({len(self.tokens.texts)}, 32), not {spec.shape}"
            )

    @classmethod
    def examples(cls, sizes: Sequence[int] = ()) -> list[SampleSpec]:
        """Characters and words."""
        letters = Tokens("characters", ("", *" abcde"))
        words = Tokens("words", ("", ".", "a", "bird", "sings"))
        return [
            SampleSpec("text", (7, 8), 0.0, 1.0, details=letters.details),
            SampleSpec("text", (5, 6), 0.0, 1.0, details=words.details),
        ]

    def usual_extractors(self) -> tuple[str, ...]:
        return ("text-bigrams",)

    def lines(self, samples: Tensor) -> list[str]:
        """Each of `samples`, (N, tokens, length), as a line. After the first empty token, the line
        is at its end."""
        lines = []
        for places in samples.argmax(1).tolist():
            end = places.index(0) if 0 in places else len(places)
            lines.append(self.tokens.line(places[:end]))
        return lines

    def render(self, samples: Tensor, suffix: str) -> bytes:
        return "".join(f"{line}\n" for line in self.lines(samples)).encode()
