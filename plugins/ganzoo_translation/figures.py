"""How near a translation comes to the other half of a held-out pair."""

from typing import Final

from torch import Tensor

from ganzoo import Figure, Trial

_LEAST: Final = 1e-10  # mean squared difference of pictures that are alike: 100 dB
_HOW: Final = "against the other half of each pair; black is 0, white 1; ceiling: the input itself"


def pairs(trial: Trial) -> dict[str, Figure]:
    """``l1`` and ``psnr``, beside those of the inputs as they are, which translate nothing."""
    dataset, spec = trial.dataset, trial.generator.spec
    if trial.rows is None or dataset.inputs is None or not dataset.paired:
        return {}
    real, made, inputs = trial.real(trial.rows), trial.samples, trial.inputs()
    if inputs.shape[1] == 1:
        inputs = inputs.expand(-1, spec.shape[0], -1, -1)
    same = real.shape == inputs.shape
    identity = _differences(inputs, real) if same else (None, None)
    l1, psnr = _differences(made, real)
    return {
        "l1": Figure(l1, ceiling=identity[0], how=f"mean absolute difference {_HOW}"),
        "psnr": Figure(
            psnr, ceiling=identity[1], higher_is_better=True, how=f"mean of each in dB, {_HOW}"
        ),
    }


def _differences(some: Tensor, others: Tensor) -> tuple[float, float]:
    """Mean absolute difference, and mean peak signal-to-noise ratio, of pictures in [-1, 1]."""
    away = (some - others).flatten(1) / 2
    ratios = -10 * away.square().mean(1).clamp_min(_LEAST).log10()
    return float(away.abs().mean()), float(ratios.mean())
