"""How usual a text is: the perplexity of an n-gram model."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

Line = Sequence[int]

_ORDER = 3


class NGrams:
    """A model of lines of tokens by how often runs of up to three tokens come in others, smoothed
    by interpolation with shorter runs (Witten and Bell 1991, https://doi.org/10.1109/18.87000).

    lines: each the numbers of its tokens. vocabulary: how many different tokens there are; a line's
    end counts as one more.
    """

    def __init__(self, lines: Iterable[Line], vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.counts: Counter[Line] = Counter()
        self.followers: Counter[Line] = Counter()  # different tokens that follow a run
        self.totals: Counter[Line] = Counter()  # how often it is followed
        for line in lines:
            for run in _runs(line):
                for start in range(len(run)):
                    part = run[start:]
                    self.followers[part[:-1]] += part not in self.counts
                    self.totals[part[:-1]] += 1
                    self.counts[part] += 1

    def probability(self, run: Line) -> float:
        """Of the last token of a run, given those before it."""
        below = self.probability(run[1:]) if len(run) > 1 else 1 / (self.vocabulary + 1)
        different = self.followers[run[:-1]]
        if not different:
            return below
        return (self.counts[run] + different * below) / (self.totals[run[:-1]] + different)

    def perplexity(self, lines: Iterable[Line]) -> float:
        """Among how many tokens it is undecided, on average, at each place of the lines."""
        bits = [-math.log(self.probability(run)) for line in lines for run in _runs(line)]
        return math.exp(sum(bits) / len(bits))


def _runs(line: Line) -> list[tuple[int, ...]]:
    """The runs that end at each token and at the end of the line; -1 stands for beginning, -2 for
    end."""
    whole = (*[-1] * (_ORDER - 1), *line, -2)
    return [whole[place : place + _ORDER] for place in range(len(whole) - _ORDER + 1)]
