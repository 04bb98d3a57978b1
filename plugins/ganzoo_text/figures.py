"""How much like real text lines are, by runs of three tokens."""

import random
from collections.abc import Sequence

from torch import Tensor

from ganzoo import Figure, GanzooError, Trial
from ganzoo_text.ngrams import NGrams

Lines = list[Sequence[int]]

FEWEST = 20  # lines that are worth a model


def trigrams(trial: Trial) -> dict[str, Figure]:
    """``perplexity``: of the samples by a trigram model of one half of the real lines; for real
    lines it is that of the other half, for noise that of the same words in random order.

    ``reverse_perplexity``: of the real lines by a trigram model of the samples, which is high where
    much of the real text never comes (Zhao 2018, arXiv:1706.04223, section 6).
    """
    real, made = rows(trial.real()), rows(trial.samples)
    fitted, held_out = real[::2], real[1::2]
    if len(fitted) < FEWEST or len(made) < FEWEST:
        raise GanzooError(f"{len(real)} real lines; perplexities take at least {2 * FEWEST}")
    count, tokens = min(len(made), len(fitted)), trial.generator.spec.shape[0]
    noise = shuffled(held_out)
    by_real, fewer = NGrams(fitted, tokens), f"models of {count} lines each"
    reverse = {
        name: NGrams(lines[:count], tokens).perplexity(held_out)
        for name, lines in (("made", made), ("real", fitted), ("noise", noise))
    }
    return {
        "perplexity": Figure(
            by_real.perplexity(made),
            floor=by_real.perplexity(held_out),
            ceiling=by_real.perplexity(noise),
            how=f"by a trigram model of {len(fitted)} real lines; noise: their words shuffled",
        ),
        "reverse_perplexity": Figure(
            reverse["made"],
            floor=reverse["real"],
            ceiling=reverse["noise"],
            how=f"of {len(held_out)} real lines by trigram {fewer}",
        ),
    }


def rows(samples: Tensor) -> Lines:
    """The numbers of the tokens of each line, up to its end."""
    places = samples.argmax(1).tolist()
    return [row[: row.index(0)] if 0 in row else row for row in places]


def shuffled(lines: Lines) -> Lines:
    """The same tokens, dealt out anew to lines of the same lengths."""
    every = [token for line in lines for token in line]
    random.Random(0).shuffle(every)
    left = iter(every)
    return [[next(left) for _ in line] for line in lines]
