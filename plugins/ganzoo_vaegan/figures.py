"""How much of a picture is left after it was encoded and made again."""

from typing import Final

import torch
from torch import Tensor

from ganzoo import Figure, Trial

_MOST: Final = 2000  # real pictures that are encoded
_AT_ONCE: Final = 100
_HOW: Final = "mean absolute difference, black 0 and white 1; ceiling: the mean of all real ones"


def encoded(trial: Trial) -> dict[str, Figure]:
    """``l1`` between real pictures and what is made of their codes, of any family of images whose
    encoder is a partner called so."""
    generator = trial.generator
    if "encoder" not in generator.partners:
        return {}
    count = len(trial.dataset)
    rows = torch.arange(0, count, -(-count // _MOST))
    encoder, away, total = generator.partners["encoder"], 0.0, 0.0
    mean = trial.real(rows).mean(0)
    for some in rows.split(_AT_ONCE):
        real = trial.real(some)
        with torch.no_grad():
            codes: Tensor = encoder(real.to(generator.device))
        again = generator(codes).cpu()
        away += float((again - real).abs().sum()) / 2
        total += float((mean - real).abs().sum()) / 2
    values = len(rows) * mean.numel()
    figure = Figure(away / values, ceiling=total / values, how=f"{len(rows)} pictures; {_HOW}")
    return {"l1": figure}
